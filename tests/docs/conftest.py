"""The study that documents and docstrings open."""

import pytest

from tests.support.stored_study import HITS, SPACE, finished_study


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A folder with the study, made without training."""
    folder = tmp_path_factory.mktemp("documents")
    finished_study(folder / "studies/kth-demo", SPACE, HITS)
    return folder
