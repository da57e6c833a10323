"""A few rendered videos of the ramp, and what is prepared of them."""

import pytest

from data.physics101.demo import DemoConfig, render
from data.physics101.prepare import folder_of, prepare
from data.physics101.stream import read_clips
from fernn.config import RampConfig

NAMES = [f"block_{block:02d}/20_01/{trial:02d}" for block in (1, 2, 3) for trial in (1, 2, 3)]


@pytest.fixture(scope="session")
def ramp():
    """The config that the videos are prepared with."""
    return RampConfig(size=16, num_frames=5)


@pytest.fixture(scope="session")
def names():
    """Of the videos, in order."""
    return NAMES


@pytest.fixture(scope="session")
def ramp_videos(tmp_path_factory):
    """Nine videos, of three blocks."""
    folder = tmp_path_factory.mktemp("ramp")
    assert render(DemoConfig(folder, objects=3, trials=3)) == NAMES == render(DemoConfig(folder, objects=3, trials=3))
    return folder


@pytest.fixture(scope="session")
def slides(ramp_videos, ramp, tmp_path_factory):
    """The prepared clips in memory, and their manifest."""
    out = tmp_path_factory.mktemp("prepared")
    manifest = prepare(out, ramp, ramp_videos)
    assert prepare(out, ramp, ramp_videos) == manifest and manifest.demo and not manifest.partial
    return read_clips(folder_of(out, ramp), manifest), manifest
