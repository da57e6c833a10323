"""SIGTERM and Ctrl-C end a search within ten seconds, with all that it has; one driver works on a study at a time."""

import signal
import time
from collections import Counter

import pytest
from disturbed import TWELVE, cells, contents, tracked

pytestmark = pytest.mark.soak
LONG = [*TWELVE[:-1], "400"]
SECONDS_TO_END = 10


def wait_for_a_checkpoint(search):
    deadline = time.monotonic() + 120
    while not any((cell / "last/state.safetensors").exists() for cell in cells(search.folder)):
        assert search.runs and time.monotonic() < deadline, search.errors()
        time.sleep(0.05)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_search_that_is_told_to_stop_ends_soon_and_goes_on_later(search, tmp_path, sent):
    one = search(*LONG)
    wait_for_a_checkpoint(one)
    began = time.monotonic()
    one.process.send_signal(sent)
    assert one.wait(60) == 1, one.errors()
    assert time.monotonic() - began < SECONDS_TO_END
    assert len(one.events()[-1]["missing"]) == 12
    runs, _ = tracked(tmp_path / "studies/mlflow.db")
    assert {status for _, status in runs} == {"KILLED"}
    stopped_at = max(event["epoch"] for event in one.events() if event["event"] == "epoch")
    again = search(*LONG)
    wait_for_a_checkpoint(again)
    time.sleep(15)
    again.process.send_signal(sent)
    again.wait(60)
    told = Counter((event["cell"], event["epoch"]) for event in again.events() if event["event"] == "epoch")
    assert max(told.values()) == 1 and max(epoch for _, epoch in told) > stopped_at


def test_a_second_driver_is_refused_and_a_dead_ones_lock_is_taken_over(search, tmp_path):
    first = search(*TWELVE)
    wait_for_a_checkpoint(first)
    second = search(*TWELVE)
    assert second.wait() == 2
    said = [event["reason"] for event in second.events() if event["event"] == "refused"]
    assert len(said) == 1 and f"is held by a running driver: pid {first.process.pid} on" in said[0]
    first.process.kill()
    first.wait()
    third = search(*TWELVE)
    assert third.wait() == 0 and len(contents(tmp_path)) == 12
