"""An MLflow server and searches that a test may disturb."""

import os
import signal
from contextlib import suppress

import pytest

from tests.support.disturbed import Search, Server


@pytest.fixture
def server(tmp_path):
    one = Server(tmp_path)
    one.start()
    yield one
    one.kill()


@pytest.fixture
def search(prepared, tmp_path):
    """Starts a search in a folder of the test's own; what still runs at the end is killed."""
    started = []

    def start(*options, folder=tmp_path):
        folder.mkdir(exist_ok=True, parents=True)
        started.append(Search(folder, prepared, *options))
        return started[-1]

    yield start
    for one in started:
        with suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()
