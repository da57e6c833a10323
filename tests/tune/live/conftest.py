"""A study of one model, two learning rates and two seeds, of which one cell has a result, and how it is watched."""

from concurrent.futures import Executor, Future
from itertools import count

import pytest

from tests.support.stored_study import finished_study
from tune.live.watch import Watch

SPACE = {"model": ("grnn",), "optim.lr": (1e-3, 1e-2), "seed": (0, 1)}


class AtOnce(Executor):
    """Does what it is given before it returns."""

    def submit(self, work, *given):
        job = Future()
        try:
            job.set_result(work(*given))
        except Exception as error:
            job.set_exception(error)
        return job


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (5, 4)})


@pytest.fixture
def watch(study):
    """The study, watched; whatever took how long, each look at the clock is much later."""
    looks = count(1)
    return Watch(study.folder.root, AtOnce(), lambda: 20 ** next(looks))
