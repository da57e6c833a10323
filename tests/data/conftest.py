"""A few rendered videos, and a folder of real videos where there is one."""

import os
import shutil
from pathlib import Path

import pytest

from data.kth.demo import DemoConfig, render

REAL_VIDEOS = "FERNN_KTH_VIDEOS"
"""Environment variable: a folder with original KTH videos and their 00sequences.txt."""


@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    """Two persons doing the six actions, two ranges of 33 frames each."""
    folder = tmp_path_factory.mktemp("rendered")
    render(DemoConfig(folder, persons=2, ranges=2, frames=33))
    return folder


@pytest.fixture
def videos(rendered, tmp_path):
    """A copy of the rendered videos that a test may spoil."""
    return Path(shutil.copytree(rendered, tmp_path / "videos"))


@pytest.fixture(scope="session")
def real_videos():
    """Original KTH videos; the test is skipped where the machine has none."""
    if REAL_VIDEOS not in os.environ:
        pytest.skip(f"{REAL_VIDEOS} does not name a folder of original KTH videos")
    return Path(os.environ[REAL_VIDEOS])
