"""SIGTERM and Ctrl-C end a search within ten seconds, with all that it has; one driver works on a study at a time."""

import signal
import time

import pytest

from tests.support.disturbed import TWELVE, contents, epochs_told, tracked

pytestmark = pytest.mark.soak
LONG = [*TWELVE[:-1], "400"]
SECONDS_TO_END = 10


def wait_for(search, condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert search.runs and time.monotonic() < deadline, search.errors()
        time.sleep(0.05)


def wait_for_an_epoch(search):
    wait_for(search, lambda: epochs_told(search))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_search_that_is_told_to_stop_ends_soon_and_goes_on_later(search, tmp_path, sent):
    one = search(*LONG)
    wait_for_an_epoch(one)
    began = time.monotonic()
    one.process.send_signal(sent)
    assert one.wait(60) == 1, one.errors()
    assert time.monotonic() - began < SECONDS_TO_END
    assert len(one.events()[-1]["missing"]) == 12
    runs, _ = tracked(tmp_path / "studies/mlflow.db")
    assert {status for _, status in runs} == {"KILLED"}
    told = epochs_told(one)
    again = search(*LONG)
    wait_for(again, lambda: max(epoch for _, epoch in epochs_told(again)) > max(epoch for _, epoch in told))
    assert max(epochs_told(again).values()) == 1  # no epoch is trained twice


def test_a_second_driver_is_refused_and_a_dead_ones_lock_is_taken_over(search, tmp_path):
    first = search(*TWELVE)
    wait_for_an_epoch(first)
    second = search(*TWELVE)
    assert second.wait() == 2
    said = [event["reason"] for event in second.events() if event["event"] == "refused"]
    assert len(said) == 1 and f"is held by a running driver: pid {first.process.pid} on" in said[0]
    first.process.kill()
    first.wait()
    third = search(*TWELVE)
    assert third.wait() == 0 and len(contents(tmp_path)) == 12
