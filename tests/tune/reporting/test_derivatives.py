"""The table of derivatives: each model at the inner rate that validation chooses, and what its formula became."""

import pytest
import torch

from fernn.train.noether import DerivativeErrors
from fernn.train.run import Run
from tune.analysis.results import CellResult, ModelRow
from tune.core.folder import Folder
from tune.core.study import Study
from tune.real_pendulum_search import DEMO, SEARCH
from tune.reporting import derivatives
from tune.reporting.derivatives import derivatives_table

RATE = "model.inner_lr"


@pytest.fixture
def study(tmp_path):
    """A study whose tailored cells have a formula's constant moved by a tenth for each seed."""
    space = {**DEMO.space, "model": ("vanilla-mlp", "hnn", "meta-tailored")}
    cells = DEMO.cells(SEARCH.base, space, "hash", {"model.width": 3})
    study = Study("s", Folder(str(tmp_path / "s")), space, cells)
    for cell in study.cells:
        run, folder = Run.start(cell.experiment), study.cell_folder(cell)
        folder.plan(cell.config())
        folder.begin(run)
        run.model.constants.data += 0.1 * cell.experiment.seed
        run.epoch = run.best_epoch = 1
        folder.record({"epoch": 1, "validation/rmse": 0.5, "best/epoch": 1, "best/rmse": 0.5}, run)
    return study


def rows_of(study, validation):
    """Rows of each model and inner rate, with these validation errors in turn."""
    by_rate = {}
    for cell in study.cells:
        by_rate.setdefault((cell.experiment.model.name, cell.experiment.model.inner_lr), []).append(cell)
    for ((model, rate), cells), value in zip(by_rate.items(), validation, strict=True):
        found = [CellResult(cell, 9, value, 0.5, {}) for cell in cells]
        label = study.model_label(cells[0])
        yield ModelRow(model, 9, 1e-3, 2, 2, value, 0.5, None, {1e-3: found}, {RATE: rate}, label)


def predictions(error):
    """Two seeds: rollouts with these squared errors, derivatives with twice, energies with three times as much."""
    columns = [torch.full((1, 4), factor * error) for factor in (1, 2, 3)]
    return [DerivativeErrors(dict(zip(DerivativeErrors.names, columns, strict=True)), ["test-0"])] * 2


def test_validation_chooses_the_rate_and_each_error_stands_in_its_column(study, monkeypatch):
    rows = list(rows_of(study, (0.5, 0.6, 0.4, 0.3)))
    errors = {row.label: predictions(0.01 * number) for number, row in enumerate(rows, start=1)}
    monkeypatch.setattr(derivatives, "seed_predictions", lambda *_: errors)
    table = derivatives_table(study, rows)
    assert [row[:4] for row in table.rows] == [
        ["vanilla-mlp", "none", None, None], ["hnn", "learned H", None, None],
        ["meta-tailored", "p**2 - 2.34*cos(q)", 0.1, 2],
    ]  # fmt: skip
    assert table.rows[2][4:] == ["0.2 ± 0", "0.2 ± 0", "0.08 ± 0", "0.12 ± 0"] and len(table.header) == 8


def test_a_study_of_other_predictions_has_no_rows(study, monkeypatch):
    monkeypatch.setattr(derivatives, "seed_predictions", lambda *_: {})
    assert derivatives_table(study, list(rows_of(study, (1, 1, 1, 1)))).rows == []
