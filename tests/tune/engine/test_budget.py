"""Budgets under a simulated clock: none is exceeded, what fits is trained, restarts and kills are counted."""

import random
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.core.folder import Folder
from tune.engine.bill import Bill, EpochTimes
from tune.engine.budget import MARGIN_S, MARGIN_SHARE, Budget, shortages
from tune.engine.cost import Cost, Pace
from tune.planning.budget import Limit
from tune.planning.ledger import WRITE_S, Ledger, Meter, Spent

SECONDS = {"small": 7.0, "large": 40.0}
GPUS = {"small": 0.25, "large": 1.0}
EPOCHS, SLOTS, HOUR = 4, 3, 3600.0


@dataclass(frozen=True)
class Cell:
    key: str
    label: str


class Simulation:
    """A cluster with slots for trials, on which a study's searches run, end and are killed."""

    def __init__(self, folder, limits, noise=0.0, planned=SECONDS):
        self.folder, self.limits, self.planned = Folder(str(folder)), limits, planned
        self.now, self.seconds, self.gpu_seconds, self.lost = 1e6, 0.0, 0.0, 0
        self.draws, self.noise = random.Random(0), noise
        self.cells = [Cell(f"{label}{number}", label) for number in range(4) for label in SECONDS]
        self.epochs = {cell: 0 for cell in self.cells}

    def search(self, killed_after=float("inf")):
        """One search; True where it ends by itself, False where it was killed."""
        meter = Meter(2.0, clock=lambda: self.now, wall=lambda: self.now)
        ledger, running, began, written = Ledger(self.folder, meter), {}, self.now, self.now
        study = SimpleNamespace(model_label=lambda cell: cell.label, missing=self.missing)
        budget = Budget(study, ledger, self.limits, EpochTimes(self.planned), lambda cell: GPUS[cell.label])
        self.budget, waiting = budget, self.missing()
        while True:
            if budget.ended() or not (running or waiting):
                self.lost += len(running)
                break
            if self.now - began >= killed_after:
                return False
            for cell in list(waiting):
                if len(running) < SLOTS and budget.may_start(cell):
                    waiting.remove(cell)
                    budget.taken(cell)
                    budget.on_status(cell, "running")
                    running[cell] = self.now + self.epoch_of(cell)
            self.pass_to(min([self.now + 1.0, *running.values()]), running)
            if self.now - written >= WRITE_S:
                ledger.write()
                written = self.now
            for cell in [cell for cell, end in running.items() if end <= self.now]:
                self.epochs[cell] += 1
                row = {
                    "epoch": self.epochs[cell],
                    "time/train_seconds": SECONDS[cell.label],
                    "time/validation_seconds": 0,
                }
                goes_on = self.epochs[cell] < EPOCHS and budget.may_go_on(cell, row)
                budget.on_epoch(cell, row)
                if goes_on:
                    running[cell] = self.now + self.epoch_of(cell)
                else:
                    del running[cell]
                    budget.on_status(cell, "done" if self.epochs[cell] == EPOCHS else "resting")
                    waiting += [cell] if self.epochs[cell] < EPOCHS else []
        ledger.write()
        return True

    def missing(self):
        return [cell for cell in self.cells if self.epochs[cell] < EPOCHS]

    def epoch_of(self, cell):
        return SECONDS[cell.label] * (1 + self.noise * self.draws.uniform(-1, 1))

    def pass_to(self, moment, running):
        self.gpu_seconds += (moment - self.now) * sum(GPUS[cell.label] for cell in running)
        self.seconds += moment - self.now
        self.now = moment

    def left(self, limit):
        return limit.left(Spent(self.seconds, self.gpu_seconds / HOUR, 2 * self.gpu_seconds / HOUR), self.now)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return iter(lambda: tmp_path_factory.mktemp("study"), None)


def a_limit(unit, size):
    """A budget of so many seconds, or of GPU-seconds as hours or a price."""
    most = {"seconds": size, "moment": 1e6 + size, "gpu_hours": size / HOUR, "price": 2 * size / HOUR}[unit]
    return Limit(f"--{unit}", unit, most, 2.0)


UNITS, SIZES = st.sampled_from(["seconds", "moment", "gpu_hours", "price"]), st.floats(60, 400)


@settings(max_examples=6, deadline=None)
@given(UNITS, SIZES, st.lists(st.floats(5, 100), max_size=2))
def test_epochs_that_take_longer_than_expected_exceed_no_budget(folders, unit, size, kills):
    limit = a_limit(unit, size)
    simulation = Simulation(next(folders), [limit], noise=0.5)
    for after in kills:
        simulation.search(after)
    assert simulation.search()
    uncounted = limit.taken_by(WRITE_S * len(kills), SLOTS * WRITE_S * len(kills) / HOUR)
    assert simulation.left(limit) >= -uncounted
    assert simulation.budget.reached == (limit if simulation.missing() else None)


def test_trials_that_wait_for_room_have_their_share_of_the_budget(tmp_path):
    simulation = Simulation(tmp_path, [a_limit("gpu_hours", 100.0)])
    meter = Meter(2.0, clock=lambda: 0.0, wall=lambda: 1e6)
    study = SimpleNamespace(model_label=lambda cell: cell.label, missing=simulation.missing)
    ledger = Ledger(simulation.folder, meter)
    budget = Budget(study, ledger, simulation.limits, EpochTimes(SECONDS), lambda cell: GPUS[cell.label])
    large = [cell for cell in simulation.cells if cell.label == "large"]  # of 40 GPU-seconds each
    for cell in large[:2]:
        assert budget.may_start(cell)
        budget.taken(cell)
    assert not budget.may_start(large[2]) and budget.reached == simulation.limits[0]
    budget.on_status(large[0], "done")
    assert budget.may_start(large[2]) and budget.reached is None


@settings(max_examples=6, deadline=None)
@given(UNITS, SIZES)
def test_a_search_goes_on_while_an_epoch_fits_and_loses_none(folders, unit, size):
    limit = a_limit(unit, size)
    simulation = Simulation(next(folders), [limit])
    simulation.search()
    if not simulation.missing():
        return
    needed = min(
        limit.taken_by(SECONDS[cell.label], SECONDS[cell.label] * GPUS[cell.label] / HOUR)
        for cell in simulation.missing()
    )
    margin = min(limit.taken_by(MARGIN_S, SLOTS * MARGIN_S / HOUR), MARGIN_SHARE * a_size(limit))
    assert simulation.left(limit) <= needed + margin + limit.taken_by(1.0, SLOTS / HOUR)  # which a step of time takes
    assert simulation.lost == 0


def a_size(limit):
    return limit.most - 1e6 if limit.unit == "moment" else limit.most


def test_what_earlier_searches_took_counts_and_a_larger_budget_goes_on(tmp_path):
    first = Simulation(tmp_path, [a_limit("seconds", 100)])
    first.search()
    done = sum(first.epochs.values())
    assert first.missing() and 90 - 40 <= first.seconds <= 95
    first.search()
    assert sum(first.epochs.values()) == done and first.seconds <= 95  # nothing is left
    first.limits = [a_limit("seconds", 2000)]
    first.search()
    assert not first.missing() and first.budget.reached is None
    whole = len(first.cells) // 2 * EPOCHS * sum(SECONDS.values())
    assert first.gpu_seconds == pytest.approx(whole / sum(SECONDS.values()) * (7 * 0.25 + 40))
    assert first.budget.ledger.spent() == pytest.approx(
        (first.seconds, first.gpu_seconds / HOUR, 2 * first.gpu_seconds / HOUR)
    )


def test_the_tightest_budget_counts_and_without_one_all_is_trained(tmp_path):
    wide, narrow = a_limit("gpu_hours", 1e5), a_limit("seconds", 80)
    tight = Simulation(tmp_path / "tight", [wide, narrow])
    tight.search()
    assert tight.budget.reached == narrow and tight.missing()
    free = Simulation(tmp_path / "free", [])
    assert free.search() and not free.missing() and free.budget.ended() == ""


def test_a_budget_without_room_for_an_epoch_ends_before_a_trial_starts(tmp_path):
    small = Simulation(tmp_path, [a_limit("seconds", 6.0)])
    small.search()
    assert (small.seconds, small.lost) == (0.0, 0)
    assert small.budget.ended() == "--seconds has no room for another epoch"


def test_an_epoch_beyond_the_end_is_broken_off_in_time(tmp_path):
    """The plan knows nothing of these models, so each trial begins an epoch that may be too long."""
    blind = Simulation(tmp_path, [a_limit("seconds", 30.0)], planned={})
    blind.cells = [Cell("large0", "large")]
    blind.epochs = {blind.cells[0]: 0}
    blind.search()
    assert blind.lost == 1 and 28 <= blind.seconds <= 30
    assert blind.budget.ended() == "--seconds is reached" and blind.budget.reached.option == "--seconds"


def test_a_plan_over_budget_says_so():
    hours, price, time = (
        a_limit("gpu_hours", 40 * HOUR),
        a_limit("price", 30 * HOUR),
        Limit("--stop-after 6h", "seconds", 21600),
    )
    cost, spent = Cost(7200.0, 52.0, 4, 0, Pace()), Spent(3600, 5.0, 2.0)
    over = shortages([hours, price, time], cost, spent, 0.0)
    stop = ": the search will stop on the way"
    assert [one.line() for one in over] == [
        f"over budget: about 52.00 GPU-hours needed, 35.00 GPU-hours left of --gpu_hours{stop}",
        f"over budget: about a price of 104.00 needed, a price of 58.00 left of --price{stop}",
    ]
    assert over[0].facts() == {
        "budget": "--gpu_hours", "unit": "gpu_hours", "needed": 52.0, "least_needed": 52.0, "left": 35.0,
    }  # fmt: skip
    bounds = Cost(7200.0, 52.0, 4, 0, Pace(), least=Bill(3600.0, 13.0))
    (ranged,) = shortages([hours], bounds, Spent(), 0.0)
    assert ranged.line().startswith("over budget: about 13.00 GPU-hours to 52.00 GPU-hours needed, 40.00")
    assert ranged.line().endswith("the search may stop on the way") and shortages([hours], None, Spent(), 0.0) == []
    moment = Limit("--deadline then", "moment", 1000.0)
    assert shortages([moment], cost, spent, 0.0)[0].facts()["unit"] == "seconds"
