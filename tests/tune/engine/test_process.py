"""What a search leaves behind in the process that ran it."""

import os
import signal
from threading import Thread

import pytest

from tune.engine.process import unchanged_process


def handler(number, frame):
    """Of the user's own."""


@pytest.fixture
def own_handlers():
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, one in before.items():
        signal.signal(number, one)


def test_variables_and_handlers_are_as_before_also_after_an_error(own_handlers, monkeypatch):
    monkeypatch.setenv("FERNN_KEPT", "before")
    monkeypatch.setenv("FERNN_DROPPED", "before")
    before = dict(os.environ)
    with pytest.raises(KeyboardInterrupt), unchanged_process():
        os.environ |= {"FERNN_KEPT": "changed", "FERNN_NEW": "1"}
        del os.environ["FERNN_DROPPED"]
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt
    assert dict(os.environ) == before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == [handler, handler]


def test_another_thread_leaves_the_handlers_alone(own_handlers):
    def work():
        with unchanged_process():
            os.environ["FERNN_NEW"] = "1"
        done.append("FERNN_NEW" in os.environ)

    done = []
    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert done == [False] and signal.getsignal(signal.SIGINT) is handler
