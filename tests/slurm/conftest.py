"""A Slurm of this machine, and the study as it is without one."""

import pytest

from tests.slurm.parts import Slurm
from tests.support.disturbed import Search

GRID = ["--models", "fernn-v1", "grnn", "--lrs", "1e-2", "1e-3", "--seeds", "0", "--epochs", "40"]


@pytest.fixture(scope="session")
def slurm():
    one = Slurm()
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.fixture(scope="session")
def unbroken(prepared, tmp_path_factory):
    """The folder of the search that nothing disturbed, outside of Slurm."""
    folder = tmp_path_factory.mktemp("unbroken")
    search = Search(folder, prepared, *GRID)
    assert search.wait(1200) == 0, search.errors()
    return folder
