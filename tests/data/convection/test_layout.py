"""How arrays are read as velocities: which axis is which, and which of several arrays they are."""

import numpy as np
import pytest
import torch

from data.convection.layout import velocities_in
from data.convection.prepare import PrepareConfig, main
from data.convection.published import read_published
from data.errors import DataError
from data.terminal import answer

SIZE = 16
PLENTY = 2**30
"""Bytes that any of the arrays here may have."""


def said(capsys):
    return capsys.readouterr().err.replace("\n", "")


def test_where_two_axes_may_be_the_components_one_is_given(numbers, tmp_path, capsys):
    for axis, stored in ((1, numbers[:2]), (0, np.swapaxes(numbers[:2], 0, 1))):
        np.save(tmp_path / "rbc.npy", stored)
        with pytest.raises(DataError, match=r"shape \(2, 2, 16, 48\), of which axes 0 and 1 may .* --component-axis"):
            read_published(tmp_path / "rbc.npy", SIZE)
        assert np.array_equal(read_published(tmp_path / "rbc.npy", SIZE, component_axis=axis)[0], numbers[:2])
    np.savez(tmp_path / "named.npz", u=numbers[:2, 0], v=numbers[:2, 1])  # whose names tell
    assert np.array_equal(read_published(tmp_path / "named.npz", SIZE)[0], numbers[:2])
    np.save(tmp_path / "rbc.npy", numbers)
    assert answer(main, PrepareConfig(tmp_path / "out", tmp_path / "rbc.npy", SIZE, component_axis=3)) == 2
    assert "must have two components along --component-axis 3, its shape is (12, 2, 16, 48)" in said(capsys)
    assert answer(main, PrepareConfig(tmp_path / "out", size=SIZE, component_axis=3)) == 2
    assert "--component-axis is of a file: give --files with it" in said(capsys)


@pytest.mark.parametrize(
    ("form", "layout"),
    [
        (lambda n: n, "components along axis 1 of (12, 2, 16, 48)"),
        (lambda n: list(torch.from_numpy(n)), "a list of 12, components along axis 1 of (12, 2, 16, 48)"),
        (lambda n: [n[:5], n[5:]], "a list of 2, components along axis 1 of (12, 2, 16, 48)"),
        (lambda n: (n[:, 0], n[:, 1]), "a list of 2, components along axis 0 of (2, 12, 16, 48)"),
        (lambda n: {"rbc": {"v": n[:, 1], "u": n[:, 0]}}, "rbc.u and v: a list of 2, components along axis 0 of (2, "),
        (lambda n: {"x": n, "t": np.arange(12)}, "x: components along axis 1 of (12, 2, 16, 48)"),
    ],
)  # fmt: skip
def test_frames_are_cut_from_any_layout(tmp_path, numbers, form, layout):
    velocities = velocities_in(tmp_path, form(numbers), PLENTY)
    assert velocities.layout.startswith(layout) and velocities.shape == (12, 2, 16, 48)
    for first, last in ((0, 12), (4, 7), (11, 12)):
        assert np.array_equal(velocities.frames(first, last), numbers[first:last])


def test_what_claims_more_numbers_than_a_file_has_is_refused(tmp_path, numbers):
    with pytest.raises(DataError, match=r"must hold every number of its shape \(12, 2, 16, 48\), it is too small"):
        velocities_in(tmp_path, numbers, numbers.nbytes - 1)
    assert velocities_in(tmp_path, numbers, numbers.nbytes).shape == numbers.shape
