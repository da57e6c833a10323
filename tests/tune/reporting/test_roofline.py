"""The table of FLOPs: counted from the configs, beside the speed and the device that the cells recorded."""

from dataclasses import replace

import pytest

from fernn.flops import work_of
from tests.support.stored_study import finished_study
from tune.core.cell_folder import CellFolder
from tune.core.result import Result
from tune.reporting.roofline import roofline_table
from tune.reporting.table import Table
from tune.reporting.tables import report_tables

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1)}
HITS = {("grnn", 1e-3, 0): (5, 4), ("grnn", 1e-3, 1): (6, 7)}
MACHINES = ({"gpu": "NVIDIA H200", "device_type": "cuda"}, {"cpu": "a CPU", "peak_flops_per_second": 4e10})


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "s", SPACE, HITS)


@pytest.fixture
def machines(monkeypatch, study):
    """The seeds ran on a GPU and on a CPU, each with its speed."""
    places = {study.cell_folder(cell).folder.root: place for place, cell in enumerate(study.cells)}
    done, history = CellFolder.done, CellFolder.history

    def result(folder):
        return replace(done(folder) or Result(), machine=MACHINES[places[folder.folder.root]])

    def rows(folder):
        return [row | {"time/clips_per_second": 100.0 / (1 + places[folder.folder.root])} for row in history(folder)]

    monkeypatch.setattr(CellFolder, "done", result)
    monkeypatch.setattr(CellFolder, "history", rows)


def test_a_model_has_a_line_for_each_device(study, machines):
    work = work_of(study.cells[0].experiment)
    gpu, cpu = roofline_table(study, Table.of(study).rows).rows
    assert gpu[:3] == ("grnn", "NVIDIA H200", "float32") and cpu[:3] == ("grnn", "a CPU", "float32")
    assert gpu[3:6] == (work.flops / 1e12, work.num_bytes / 1e9, 100.0)
    assert gpu[6:8] == (pytest.approx(work.flops * 100 / 1e12), 494.7)
    assert cpu[8] == f"{work.flops * 50 / 4e10:.1%}"


def test_what_was_not_recorded_is_unknown(study):
    (line,) = roofline_table(study, Table.of(study).rows).rows
    assert line[1] == "not recorded" and line[5:] == ("unknown",) * 4 and line[3] > 0


def test_it_is_a_table_of_the_report(study):
    table = next(table for table in report_tables(Table.of(study)) if table.name == "roofline")
    assert table.csv_text("").splitlines()[0] == (
        "marks,model,device,precision,TFLOP a clip,GB a clip,clips/s,TFLOP/s,peak TFLOP/s,share of peak"
    )
