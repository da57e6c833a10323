"""What a running search shows: what runs first, how much is left, and plain lines where there is no terminal."""

import io

import pytest
from rich.console import Console

from tests.support.tiny import study_in
from tune.commands.progress import Forecast, Progress, Rest
from tune.core.console import duration
from tune.engine.cost import Cost, Pace

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3,), "seed": tuple(range(20))}


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def console(**options):
    return Console(file=io.StringIO(), width=120, **options)


def row(epoch):
    return {"epoch": epoch, "best/accuracy": 0.5, "time/clips_per_second": 100.0}


def text(progress):
    shown = console(height=progress.console.height)
    shown.print(progress.table())
    return shown.file.getvalue()


def test_the_live_table_shows_what_runs_and_fits_the_terminal(tmp_path):
    study = study_in(tmp_path, SPACE)
    progress = Progress(study, list(study.cells), console(height=20, force_terminal=True), Pace())
    progress.on_status(study.cells[30], "running")
    progress.on_status(study.cells[0], "done")
    shown = text(progress)
    assert "3dcnn lr 0.001 seed 10" in shown and "and 28 more" in shown and len(shown.splitlines()) < 20
    assert "1 running, 38 waiting, 1 done" in shown
    progress.on_status(study.cells[30], "lost")
    assert "1 lost" in text(progress)
    progress.on_epoch(study.cells[30], row(1))
    assert "1 running" in text(progress)


def test_the_time_left_counts_slow_models_as_the_plan_does(tmp_path, clock):
    study = study_in(tmp_path, {**SPACE, "seed": (0,)}, epochs=4)
    grnn, cnn = study.cells
    progress = Progress(study, [grnn, cnn], console(), Pace({"grnn": 3.0, "3dcnn": 1.0}, {cnn.key: 2}))
    assert progress.left() == "time left unknown"
    for epoch, now in ((1, 5.0), (2, 11.0)):
        clock[0] = now
        progress.on_epoch(grnn, row(epoch))
    assert progress.left() == "16 s left"  # 6 s for 3 of (2 x 3 + 2 x 1)
    progress.on_status(cnn, "failed")
    assert progress.left() == "12 s left"


def test_the_gpu_hours_left_are_corrected_from_the_first_epochs(tmp_path, clock):
    """The plan said 3600 and 1800 s an epoch alone; beside others the first model's takes 7200 s."""
    study = study_in(tmp_path, {**SPACE, "seed": (0, 1)}, epochs=4)
    first, _, *others = study.cells
    pace = Pace({"grnn": 3600.0, "3dcnn": 1800.0}, {}, {"grnn": 0.25, "3dcnn": 0.5})
    forecast = Forecast(study, list(study.cells), pace)
    assert forecast.gpu_hours_left() is None
    forecast.on_epoch(first, row(1) | {"time/train_seconds": 6000.0, "time/validation_seconds": 1200.0})
    assert forecast.gpu_hours_left() == pytest.approx((3 + 4) * 2 * 0.25 + 8 * 1 * 0.5)
    forecast.on_epoch(others[0], row(2) | {"time/train_seconds": 360.0, "time/validation_seconds": 0.0})
    assert forecast.gpu_hours_left() == pytest.approx((3 + 4) * 2 * 0.25 + (2 + 4) * 0.1 * 0.5)
    assert Progress(study, [first], console(), Pace({"grnn": 1.0})).gpu_hours_left() is None


def test_gpu_hours_stand_beside_the_time_left(tmp_path, clock):
    study = study_in(tmp_path, {**SPACE, "model": ("grnn",), "seed": (0,)}, epochs=4)
    progress = Progress(study, list(study.cells), console(), Pace({"grnn": 1.0}, {}, {"grnn": 0.5}))
    for epoch in (1, 2):
        clock[0] += 3600.0
        progress.on_epoch(study.cells[0], row(epoch) | {"time/train_seconds": 3600.0, "time/validation_seconds": 0.0})
    assert progress.left() == "2.0 h left, 1.0 GPU-hours left"


def test_what_a_budget_leaves_undone_is_counted_and_priced(tmp_path, clock):
    study = study_in(tmp_path, {**SPACE, "model": ("grnn",), "seed": (0, 1, 2)}, epochs=4)
    cost = Cost(600.0, 2.0, 1, 0, Pace({"grnn": 1.0}, {}, {"grnn": 0.5}), price=5.0)
    forecast = Forecast(study, list(study.cells), cost.pace)
    assert forecast.rest("--stop-after 9s", cost) == Rest("--stop-after 9s", 3, 12, 600.0, 2.0, 5.0)
    assert forecast.rest("--stop-after 9s", None) == Rest("--stop-after 9s", 3, 12, None, None, None)
    forecast.on_status(study.cells[2], "done")
    for epoch in (1, 2):
        clock[0] += 3600.0
        forecast.on_epoch(study.cells[0], row(epoch) | {"time/train_seconds": 3600.0, "time/validation_seconds": 0.0})
    forecast.on_status(study.cells[0], "resting")
    rest = forecast.rest("--stop-after 9s", cost)
    assert rest.cells == 2 and rest.price == 2.5 * rest.gpu_hours
    assert rest.line().startswith(f"--stop-after 9s is reached, {rest.epochs} epochs of 2 cells are left, about ")
    assert rest.line().endswith(f" GPU-hours, a price of {rest.price:.2f}")


def test_without_a_terminal_there_are_plain_lines(tmp_path):
    study = study_in(tmp_path, {**SPACE, "seed": (0, 1)})
    plain = console(force_terminal=False)
    with Progress(study, list(study.cells), plain, Pace()) as progress:
        progress.on_status(study.cells[0], "done")
        progress.on_status(study.cells[1], "stopped")
    lines = plain.file.getvalue().splitlines()
    assert lines[0] == "[1/4 cells, time left unknown] grnn lr 0.001 seed 0: done, epoch 0 of 2"
    assert lines[1] == "[2/4 cells, time left unknown] grnn lr 0.001 seed 1: stopped, epoch 0 of 2"


@pytest.mark.parametrize(
    ("seconds", "words"), [(119, "119 s"), (120, "2 min"), (7200, "2.0 h"), (86400, "24.0 h"), (864000, "10 days")]
)
def test_durations_read_well(seconds, words):
    assert duration(seconds) == words


def test_a_notebook_shows_the_table_in_place_and_no_lines(tmp_path, monkeypatch):
    pictures = []
    monkeypatch.setattr("tune.commands.notebook.NotebookTable.draw", lambda self: pictures.append(self._table().title))
    study, shown = study_in(tmp_path, SPACE), console(force_jupyter=True)
    with Progress(study, list(study.cells), shown, Pace()) as progress:
        progress.on_status(study.cells[0], "running")
        progress.on_epoch(study.cells[0], row(1))
        progress.on_status(study.cells[0], "done")
    assert "1 running" in pictures[0] and "1 done" in pictures[-1] and not shown.file.getvalue()
