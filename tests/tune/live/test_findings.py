"""The table and the importances of the page."""

import pytest

from tests.support.stored_study import SPACE, finished_study, planned_study
from tune.core.status import statuses
from tune.live.findings import Findings, named
from tune.reporting.table import Table

HITS = {("grnn", 1e-3, 0): (5, 4), ("grnn", 1e-4, 0): (4, 4), ("3dcnn", 1e-3, 0): (9, 9), ("3dcnn", 1e-4, 0): (8, 9)}


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "s", SPACE | {"seed": (0,)}, HITS)


def test_they_are_those_of_the_report(study):
    found, table = Findings().of(study, statuses(study)), Table.of(study)
    assert found["rows"] == [list(row) for row in table.texts()] and found["remarks"] == table.remarks()
    assert found["chosen"] == {"grnn": "lr 0.001", "3dcnn": "lr 0.001"} and found["no_table"] == ""
    assert set(found["importances"]) == {"model", "learning rate"} and found["no_importances"] == ""
    assert named({"optim.weight_decay": 0.5}) == {"weight_decay": 0.5}


def test_a_result_that_did_not_change_is_not_read_again(study, monkeypatch):
    findings, read = Findings(), []
    findings.of(study, statuses(study))
    monkeypatch.setattr("tune.live.findings.cell_result", lambda cell, folder: read.append(cell))
    assert findings.of(study, statuses(study))["rows"] and read == []


def test_what_is_missing_or_damaged_is_said(tmp_path, study):
    planned = planned_study(tmp_path / "p", SPACE)
    found = Findings().of(planned, statuses(planned))
    assert "no finished cell yet" in found["no_table"] and "Nothing varies yet" in found["no_importances"]
    study.cell_folder(study.cells[0]).folder.write("predictions.parquet", b"x")
    found = Findings().of(study, statuses(study))
    assert found["rows"] == [] and "predictions.parquet: it is not as it was written" in found["no_table"]
