"""Scenes: one person's in one scenario are alike, the scenarios differ as KTH's do."""

import numpy as np
import pytest

from data.kth.decode import HEIGHT, WIDTH
from data.kth.figures import POSES, body_of
from data.kth.scenery import draw_frame, scene_of, zoom_of
from fernn.seeding import generator


@pytest.fixture(scope="module")
def scenes():
    return {scenario: scene_of(5, scenario) for scenario in (1, 2, 3, 4)}


def test_a_scene_is_the_same_for_the_same_person_and_scenario(scenes):
    again = scene_of(5, 1)
    assert np.array_equal(again.ground, scenes[1].ground) and again.tones == scenes[1].tones
    assert not np.array_equal(scene_of(6, 1).ground, again.ground)
    assert scenes[3].stoutness > max(scenes[1].stoutness, scenes[4].stoutness)


def test_only_the_second_scenario_zooms(scenes):
    zooms = {scenario: zoom_of(scene, 30, generator("zoom")) for scenario, scene in scenes.items()}
    assert all((zooms[scenario] == 1).all() for scenario in (1, 3, 4))
    steps = np.diff(zooms[2])
    assert (steps > 0).all() or (steps < 0).all()


def test_a_figure_stands_where_it_is_placed(scenes):
    scene, body = scenes[1], body_of(5)
    pose = POSES["boxing"](body, np.zeros(1), generator("x"))
    place = np.array([40.0, scene.floor, body.height, body.height])
    left, right = (draw_frame(scene, body, pose, 0, place + [move, 0, 0, 0], 0) for move in (0, 80))
    assert left.shape == (HEIGHT, WIDTH) and left.dtype == np.uint8
    changed = np.flatnonzero((left != right).any(axis=0))
    assert changed.min() > 0 and changed.max() < WIDTH - 1
    figure = (np.abs(left.astype(int) - right) > 40).any(axis=0)
    assert figure[:80].any() and figure[80:].any()
    assert np.array_equal(draw_frame(scene, body, pose, 0, place, 0), draw_frame(scene, body, pose, 0, place, 16))
