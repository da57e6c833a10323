"""The equivariance check: a checkpoint that breaks the law where it must hold is reported, and gets no alias "best"."""

import json

import pytest

from data.files import checksum
from tests.support.stored_study import finished_study
from tune.analysis.results import registered_name
from tune.reporting.table import Table
from tune.reporting.tables import report_tables
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.model_registry import registered_key
from tune.tracking.views import refresh

SPACE = {"model": ("fernn-v1", "grnn"), "optim.lr": (1e-3,), "seed": (0,)}
HITS = {("fernn-v1", 1e-3, 0): (5, 4), ("grnn", 1e-3, 0): (5, 4)}
HOLDS = {"own/float32": 0.4, "own/float64": 0.4, "circular/float32": 1e-7, "circular/float64": 1e-15}
BREAKS = HOLDS | {"circular/float64": 1e-3}


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "s", SPACE, HITS)


def measured(study, errors):
    """Let the FERNN's result say that these were its errors."""
    folder = study.cell_folder(study.cells[0])
    sealed = {**folder.folder.read_json("done.json"), "law_errors": errors}
    sealed.pop("crc32")
    folder.folder.write_json("done.json", sealed | {"crc32": checksum(sealed)})


def test_errors_stand_in_the_report_and_beside_the_accuracy(study, tmp_path):
    measured(study, HOLDS)
    (table,) = [table for table in report_tables(Table.of(study)) if table.name == "law"]
    assert table.rows == [("fernn-v1", 0.4, 0.4, 1e-7, 1e-15, "holds")]
    tracker = Tracker(study, f"sqlite:///{tmp_path}/mlflow.db")
    refresh(tracker, study)
    shown = tracker.tree.read(f"cell/{study.cells[0].key}").data.metrics
    assert shown["equivariance_error/circular/float64"] == 1e-15 and "best/test/accuracy" in shown


def test_a_breach_is_said_and_takes_the_alias_away(study, tmp_path):
    tracker = Tracker(study, f"sqlite:///{tmp_path}/mlflow.db")
    fernn, grnn = Table.of(study).rows
    names = registered_name(study, fernn), registered_name(study, grnn)
    refresh(tracker, study)
    assert [registered_key(tracker.client, name) for name in names] == [fernn.best.key, grnn.best.key]
    measured(study, BREAKS)
    refresh(tracker, study)
    assert [registered_key(tracker.client, name) for name in names] == [None, grnn.best.key]
    remarks = [remark for remark in Table.of(study).remarks() if remark.startswith("EQUIVARIANCE")]
    assert remarks == [
        "EQUIVARIANCE: the best checkpoint of fernn-v1 gets no alias “best”: equivariance error 1.0e-03 in float64, "
        "tolerance 1e-10."
    ]


def test_a_fernn_of_an_earlier_version_is_said_to_be_unmeasured(study):
    assert not json.loads(study.cell_folder(study.cells[0]).folder.read("done.json")).get("law_errors")
    (table,) = [table for table in report_tables(Table.of(study)) if table.name == "law"]
    assert table.rows == [("fernn-v1", "not measured: of an earlier version")]


def test_numbers_that_are_none_are_a_breach_in_the_table(study):
    measured(study, HOLDS | {"circular/float32": float("nan")})
    (table,) = [table for table in report_tables(Table.of(study)) if table.name == "law"]
    assert table.rows[0][-1] == "equivariance error nan in float32, tolerance 1e-04"
