"""Pictures of the rod: its tip where trigonometry says, its colors, its size, and edges that are shared."""

import numpy as np
import pytest

from data.controlled_pendulum.render import BLACK, RED, drawn


def center(picture, color):
    """The middle (right, up) of what is near the color, in pixels from the picture's middle."""
    weight = (np.abs(picture - color).max(axis=-1) < 60).astype(float)
    rows, columns = np.indices(weight.shape)
    middle = (len(picture) - 1) / 2
    return np.array([((columns - middle) * weight).sum(), ((middle - rows) * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2, 2.4, np.pi, -1.1])
@pytest.mark.parametrize("size", [32, 64, 101])
def test_the_rod_points_where_its_angle_says(angle, size):
    """The red lies about the rod's middle, half a length of size / 4.4 pixels from the pivot; the tip is covered."""
    (picture,) = drawn(np.array([angle]), size).astype(float)
    length = size / 4.4
    way = np.array([-np.sin(angle), np.cos(angle)])
    np.testing.assert_allclose(center(picture, RED) / length, way / 2, atol=0.1)
    right, up = way * length
    row, column = ((size - 1) / 2 - up), ((size - 1) / 2 + right)
    np.testing.assert_allclose(picture[round(row), round(column)], RED, atol=60)  # two pixels may share it
    beyond = way * length * 1.3
    assert picture[round((size - 1) / 2 - beyond[1]), round((size - 1) / 2 + beyond[0])].min() == 255


def test_a_rod_covers_its_area_and_the_pivot_is_black():
    """0.2 x 1 m and two half discs of 0.1 m, less the pivot's disc of 0.05 m."""
    (picture,) = drawn(np.array([0.4]), 440).astype(float)
    np.testing.assert_allclose(picture[219:221, 219:221], np.broadcast_to(BLACK, (2, 2, 3)), atol=1)
    share = (255 - picture[..., 1]) / (255 - RED[1])
    area = np.minimum(share, 1).sum() / 100**2
    assert area == pytest.approx(0.2 + np.pi * 0.1**2, rel=0.01)
    assert (picture[0] == 255).all() and len(np.unique(picture[..., 1])) > 10


def test_turning_by_a_right_angle_turns_the_picture():
    one, other = drawn(np.array([0.3, 0.3 + np.pi / 2]), 48).astype(int)
    assert np.abs(np.rot90(one) - other).max() <= 1  # angles are rounded to 1e-6
