import pytest

from data import progress as module
from data.progress import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_a_line_comes_now_and_then(clock, capsys):
    with progress("decoding", 100, "videos") as advance:
        for _ in range(100):
            advance(1)
            clock[0] += 1.0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "decoding: 11 of 100 videos, 89 s left"
    assert lines[-1] == "decoding: 100 of 100 videos"
    assert len(lines) == 10


def test_bytes_are_counted_from_where_a_download_goes_on(clock, capsys):
    with progress("walking.zip", 100_000_000, "bytes", done=60_000_000) as advance:
        advance(0)
        clock[0] += 10.0
        advance(20_000_000)
    assert capsys.readouterr().err == "walking.zip: 80.00 of 100.00 MB, 10 s left\n"


def test_an_unknown_total_has_no_time_left(clock, capsys):
    with progress("x", None, "bytes") as advance:
        advance(1_000_000)
        clock[0] += 10.0
        advance(1_000_000)
    assert capsys.readouterr().err == "x: 2.00 MB\n"


def test_on_a_terminal_there_is_a_bar(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("decoding", 2, "videos") as advance:
        advance(2)
    assert "2/2" in capsys.readouterr().err
