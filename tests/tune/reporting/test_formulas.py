"""The ranking of formulas: what each became in its checkpoints, and what it gained over none, seed by seed."""

from dataclasses import replace

import pytest
import torch

from fernn.train.run import Run
from tune.analysis.results import CellResult, ModelRow
from tune.core.folder import Folder
from tune.core.study import Study
from tune.pendulum_search import FORMULA, SEARCH, SYMBOLIC
from tune.reporting.formulas import formulas_table, learned

ENERGY = "p**2 - 3.07*cos(q)"
FIELDS = {"model.width": 3, "epochs": 1}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study whose cells begin, with the constant of seed n moved by n tenths."""
    space = {**SYMBOLIC.space, FORMULA: ("none", ENERGY, "q*p"), "seed": (0, 1)}
    cells = SYMBOLIC.cells(SEARCH.base, space, "hash", FIELDS)
    study = Study("s", Folder(str(tmp_path_factory.mktemp("formulas") / "s")), space, cells)
    for cell in study.cells:
        run, folder = Run.start(cell.experiment), study.cell_folder(cell)
        folder.plan(cell.config())
        folder.begin(run)
        with torch.no_grad():
            for constants in [p for name, p in run.model.named_parameters() if name.endswith("constants")]:
                constants += 0.1 * cell.experiment.seed
        run.epoch = run.best_epoch = 1
        folder.record({"epoch": 1, "validation/rmse": 0.5, "best/epoch": 1, "best/rmse": 0.5}, run)
    return study


def row(study, formula, validation, tests):
    """A row of the table with the test error of each seed."""
    cells = [cell for cell in study.cells if cell.experiment.model.formula == formula]
    found = [CellResult(cell, 9, validation, test, {}) for cell, test in zip(cells, tests, strict=True)]
    mean = sum(tests) / len(tests)
    where = {FORMULA: formula}
    return ModelRow("symbolic", 9, 3e-3, 2, 2, validation, mean, None, {3e-3: found}, where, f"symbolic, {formula}")


def test_the_best_validation_error_comes_first_and_each_stands_beside_none(study):
    rows = [
        row(study, "none", 0.4, (0.4, 0.6)),
        row(study, "q*p", 0.5, (0.5, 0.5)),
        row(study, ENERGY, 0.3, (0.3, 0.5)),
    ]
    table = formulas_table(study, rows)
    assert table.rows == [
        (1, "p**2 - 3.02*cos(q)", ENERGY, 0.3, 0.4, "-20.0%", "2 of 2"),
        (2, "none", "none", 0.4, 0.5, None, None),
        (3, "q*p", "q*p", 0.5, 0.5, "+0.0%", "1 of 2"),
    ]
    assert len(table.header) == 7 and "chooses a formula" in table.remarks[0]


def test_without_none_nothing_is_compared_and_other_models_have_no_rows(study):
    alone = row(study, ENERGY, 0.3, (0.3, 0.5))
    assert formulas_table(study, [alone]).rows[0][-2:] == (None, None)
    others = [replace(cell, experiment=SEARCH.base) for cell in study.cells[:1]]
    other = replace(alone, by_choice={alone.choice: [replace(alone.chosen[0], cell=others[0])]})
    assert formulas_table(study, [other]).rows == []


def test_constants_are_means_over_seeds(study):
    cells = [cell for cell in study.cells if cell.experiment.model.formula == ENERGY]
    assert learned(study, cells[1:]) == "p**2 - 2.97*cos(q)" and learned(study, cells) == "p**2 - 3.02*cos(q)"
