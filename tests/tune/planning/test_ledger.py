"""The ledger of a study's searches: what counts, what a kill loses, and what is refused."""

import pytest

from tune.core.folder import ENTRIES, DamagedError, Folder
from tune.planning import ledger as module
from tune.planning.ledger import LEDGER, Ledger, Meter, Session, Spent, sessions, total


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def folder(tmp_path):
    return Folder(str(tmp_path))


def meter(clock, price=None):
    return Meter(price, clock=lambda: clock[0], wall=lambda: clock[0])


def test_gpu_hours_are_those_of_the_trials_that_hold_gpus(clock):
    counted = meter(clock)
    for now, trial, gpus in ((110.0, "a", 0.5), (120.0, "b", 1.0), (130.0, "a", 0.0), (140.0, "b", 0.25)):
        clock[0] = now
        counted.hold(trial, gpus)
    clock[0] = 180.0
    session = counted.session()
    assert (session.began, session.until, session.seconds) == (100.0, 180.0, 80.0)
    assert session.gpu_hours * 3600 == pytest.approx(20 * 0.5 + 20 * 1.0 + 40 * 0.25) and counted.gpus == 0.25


def test_searches_add_up_also_where_one_was_killed(folder, clock):
    with Ledger(folder, meter(clock)) as first:
        first.meter.hold("a", 2.0)
        clock[0] += 1800.0
    killed = Ledger(folder, meter(clock, 3.0))
    killed.meter.hold("a", 1.0)
    clock[0] += 3600.0
    killed.write()
    clock[0] += 9.0  # which are lost
    third = Ledger(folder, meter(clock, 5.0))
    assert third.spent() == Spent(1800.0 + 3600.0, 1.0 + 1.0, 5.0 + 3.0)  # the first had no price
    clock[0] += 60.0
    third.write()
    third.write()
    assert [session.seconds for session in sessions(folder)] == [1800.0, 3600.0, 60.0]
    assert total(sessions(folder)).price == 3.0 + 0.0


def test_a_study_in_a_bucket_has_one_as_well(bucket, clock):
    with Ledger(Folder(bucket), meter(clock)):
        clock[0] += 5.0
    assert total(sessions(Folder(bucket))).seconds == 5.0


def test_a_thread_writes_it_while_the_search_runs(folder, clock, monkeypatch):
    monkeypatch.setattr(module, "WRITE_S", 0.001)
    with Ledger(folder, meter(clock)) as ledger:
        clock[0] += 5.0
        while sessions(folder)[0].seconds < 5.0:
            assert ledger._thread.is_alive()
        folder.write(LEDGER, b"{")  # as where another program damages it
    assert ledger._ended.is_set() and not ledger._thread.is_alive()


def test_what_cannot_be_written_at_the_end_is_said_and_ends_nothing(folder, clock, capsys):
    with Ledger(folder, meter(clock)):
        folder.write(LEDGER, b"{")
    assert "warning: what this search took is not written to" in capsys.readouterr().err


@pytest.mark.parametrize(
    "entry",
    [{"id": 7}, {"seconds": -1.0}, {"gpu_hours": float("nan")}, {"began": "then"}, {"more": 1}],
    ids=lambda entry: next(iter(entry)),
)
def test_a_damaged_ledger_is_named_with_the_way_out(folder, entry):
    whole = Session("x", 1.0, 2.0, 1.0, 0.5)._asdict()
    folder.write_sealed(LEDGER, {ENTRIES: [whole]})
    assert len(sessions(folder)) == 1
    folder.write_sealed(LEDGER, {ENTRIES: [whole | entry]})
    with pytest.raises(DamagedError, match="spent.json: .*put it back from a copy, or delete it"):
        sessions(folder)
    assert sessions(folder / "elsewhere") == []
