"""Rendered blocks slide as the law says, and their folder is one of Physics 101."""

import numpy as np
import pytest

from data.errors import DataError
from data.physics101.demo import DemoConfig, frames_of, main
from data.terminal import answer


def test_a_block_slides_ever_faster():
    first, middle, last = np.stack(list(frames_of("block_01/20_01/01")))[[20, 30, 40]].astype(float)
    still = np.minimum(np.minimum(first, middle), last)
    centers = []
    for frame in (first, middle, last):
        weight = np.abs(frame - still).sum(axis=2)
        centers.append((weight.sum(axis=0) * np.arange(192)).sum() / weight.sum())
    assert centers[1] > centers[0] and centers[2] - centers[1] > centers[1] - centers[0]


def test_a_video_depends_on_its_name_alone():
    first, again, other = (next(frames_of(f"block_01/20_01/{trial}")) for trial in ("01", "01", "02"))
    assert first.shape == (144, 192, 3) and np.array_equal(first, again) and not np.array_equal(first, other)


def test_the_command_says_what_there_is(tmp_path, capsys):
    assert answer(main, DemoConfig(tmp_path, objects=1, trials=1)) == 0
    assert capsys.readouterr().err.endswith(f"{tmp_path}: 1 rendered videos\n")
    with pytest.raises(DataError, match="trials must be 1 to 99, got 100"):
        DemoConfig(tmp_path, trials=100)
