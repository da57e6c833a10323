"""What every test may use."""

import logging
import sys
from pathlib import Path

import pytest
import ray
import torch

from data.kth.demo import render
from data.kth.prepare import prepare

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # reference_cell.py, the plain loops


@pytest.fixture(autouse=True)
def named_seed():
    """Whatever a test draws, it draws again the next time, in any order of the tests."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def golden_folder():
    """Numbers from the published code."""
    return HERE / "golden"


@pytest.fixture(scope="session")
def two_cpus():
    """A local Ray with two CPUs, and a GPU that the machine need not have: Ray hands out its parts all the same."""
    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=1,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A data folder of 8x8 clips of 22 rendered persons, one range each."""
    folder = tmp_path_factory.mktemp("kth")
    render(folder / "videos", persons=22, ranges=1, frames=33)
    prepare(folder, videos=folder / "videos", size=8)
    return folder
