"""A study as an object: what it has of a folder, finished or not, and how a notebook shows it."""

import math
from dataclasses import replace

import pytest

from fernn.train.run import Run
from tests.support.stored_study import HITS, SPACE, finished_study, planned_study
from tune.commands.open_study import OpenStudy, open_study
from tune.core.study import StudyError
from tune.reporting.table import Table, records


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    finished_study(folder / "s", SPACE, HITS, demo=True)
    return open_study("s", storage=str(folder))


def test_the_table_has_the_reports_numbers_and_travels_with_marks_and_remarks(opened):
    table = Table.of(opened.study)
    rows = opened.table().drop(columns="marks").to_dict("records")
    plain = [{name: value for name, value in row.items() if name != "where"} for row in records(table)]
    assert rows == plain and [row["model"] for row in rows] == ["grnn", "3dcnn"]
    assert [*opened.table()["marks"]] == ["DEMO", "DEMO"] and opened.table().attrs["remarks"] == table.remarks()


def test_tuned_fields_have_columns_of_their_own(tuned):
    table = OpenStudy(tuned).table()
    assert [*table["batch_size"]] == [8, 8] and [*table["learning_rate"]] == [1e-2, 1e-2]
    assert table["grnn.model.embedding_channels"][0] == (2, 3) and not {"chosen", "where"} & {*table}


def test_cells_are_rows_with_numbers_also_those_without_a_result(opened):
    cells = opened.cells
    assert [*cells.index] == [cell.name for cell in opened.study.cells]
    waiting = cells[cells.status == "waiting"]
    assert {*waiting.model} == {"3dcnn"} and {*waiting["optim.lr"]} == {1e-4} and len(waiting) == 3
    assert all(map(math.isnan, waiting.validation_accuracy)) and [*waiting.epochs_done] == [0, 0, 0]
    first = cells[(cells.model == "grnn") & (cells["optim.lr"] == 1e-3) & (cells.seed == 1)].iloc[0]
    assert (first.validation_accuracy, first.test_accuracy, first.best_epoch) == (0.6, 0.7, 1)
    assert cells.validation_accuracy.dtype == cells.test_accuracy.dtype == float


def test_missing_cells_and_failures_are_those_of_the_folder_now(tmp_path):
    study = planned_study(tmp_path / "s", SPACE)
    first, second, third, *_ = (cell.name for cell in study.cells)
    opened = OpenStudy(study, reasons={first: "its worker died", second: "out of memory"})
    assert len(opened.missing) == 12 and opened.failures == {first: "its worker died", second: "out of memory"}
    folder = study.cell_folder(study.cells[2])
    folder.begin(Run.start(study.cells[2].experiment))
    folder.fail("no clips", diverged=False)
    assert opened.failures == {first: "its worker died", second: "out of memory", third: "no clips"}
    finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (5, 5)})
    assert first not in opened.failures and len(opened.missing) == 11


def test_a_study_without_a_result_has_cells_but_no_table(tmp_path):
    opened = OpenStudy(planned_study(tmp_path / "s", SPACE))
    assert len(opened.cells) == 12 and "no cell is finished yet" in opened._repr_html_()
    for ask in (opened.table, opened.plot_curves):
        with pytest.raises(StudyError, match="study 's' has no finished cell yet"):
            ask()


def test_a_notebook_shows_table_marks_and_remarks(opened):
    shown = opened._repr_html_()
    assert "<th>model</th>" in shown and "0.567 ± 0.153" in shown and "DEMO" in shown and "<li>" in shown
    assert f"<study s: 9 done, 3 waiting; {opened.folder}>" == repr(opened)
    assert opened.plot_curves()._repr_png_().startswith(b"\x89PNG")


def test_names_are_text_in_a_notebook(tmp_path):
    study = planned_study(tmp_path / "s", SPACE)
    assert "&lt;b&gt;" in OpenStudy(replace(study, name="<b>"))._repr_html_()
