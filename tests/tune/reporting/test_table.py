"""A study's table: its rows as text and by name, its marks, and the remarks below it."""

from dataclasses import replace

import pytest

from fernn.train.task import ACCURACY
from tests.support.stored_study import finished_study, planned_study
from tune.core.study import StudyError
from tune.reporting.table import (
    FRONT,
    Table,
    absent,
    chosen_columns,
    columns,
    mark_lines,
    marks,
    notes,
    records,
    row_cells,
    study_columns,
)

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3,), "seed": (0, 1)}
HITS = {("grnn", 1e-3, 0): (5, 4), ("grnn", 1e-3, 1): (5, 6), ("3dcnn", 1e-3, 0): (9, 8)}


@pytest.mark.parametrize(
    ("names", "text"), [(("a",), "a missing or skipped"), (tuple("abcde"), "a, b, c and 2 more missing or skipped")]
)
def test_the_first_three_of_what_is_absent_are_named(names, text):
    assert absent(names) == text


def test_every_mark_stands_in_the_same_order_with_its_reason(tmp_path):
    study = planned_study(tmp_path / "s", SPACE, demo=True, partial=("x",), stand_in="y")
    assert marks(study) == "DEMO STAND-IN PARTIAL"
    assert [line.partition(":")[0] for line in mark_lines(study)] == ["DEMO", "STAND-IN", "PARTIAL"]
    assert marks(planned_study(tmp_path / "t", SPACE)) == ""


def test_rows_are_text_for_people_and_numbers_by_name_for_programs(tmp_path):
    table = Table.of(finished_study(tmp_path / "s", SPACE, HITS, demo=True))
    assert columns(ACCURACY)[-1] == "test accuracy"
    grnn, cnn = table.texts()
    assert (
        grnn == ("grnn", "1,234", "0.001", "2", "0.500", "0.500 ± 0.141") == row_cells(table.rows[0], ["learning rate"])
    )
    assert cnn[3:] == ("1 of 2", "0.900", "0.800")
    record = records(table)[1]
    assert (record["test_accuracy"], record["n"], record["n_planned"], record["test_deviation"]) == (0.8, 1, 2, None)
    assert record["origin"] == "trained here" and "published" not in record


def test_cells_that_are_missing_or_have_diverged_are_counted(tmp_path):
    study = finished_study(tmp_path / "s", SPACE, HITS)
    assert notes(study)[-1] == "INCOMPLETE: 1 of 4 cells have no result yet."
    folder = study.cell_folder(study.cells[3])
    folder.take_over()
    folder.fail("the loss is nan", diverged=True)
    assert notes(study)[-1].startswith("DIVERGED, and without a result: 3dcnn lr 0.001 seed 1.")


def test_a_sampler_and_halving_are_named(tmp_path):
    study = planned_study(tmp_path / "s", SPACE)
    sampling = {"ranges": {"optim.lr": {"log": [1e-4, 1e-2]}}, "num_samples": 2, "sampler": "tpe"}
    lines = notes(replace(study, scheduler="halving", sampling=sampling))
    assert any("Optuna's TPE sampler" in line and "from 0.0001 to 0.01" in line for line in lines)
    assert any("it stopped 0 learning rates early" in line for line in lines)
    assert lines[-1] == "INCOMPLETE: 4 of 4 cells have no result yet, and 4 more are to be proposed."


def test_tuned_fields_have_columns_of_their_own_and_are_named_below(tuned):
    table, wide = Table.of(tuned), ["a.b", "c.d", "e", "f"]
    assert columns(ACCURACY, chosen_columns(tuned.tuned))[2:5] == ("learning rate", "batch_size", "embedding_channels")
    grnn, cnn = table.texts()
    assert grnn[2:5] == ("0.01", "8", "(2, 3)") and cnn[2:5] == ("0.01", "8", "")
    assert chosen_columns(wide) == ("chosen",) and table.texts(("chosen",))[1][2] == "lr 0.01, batch_size 8"
    record = records(table)[0]
    assert record["chosen"] == {"optim.lr": 0.01, "batch_size": 8, "grnn.model.embedding_channels": (2, 3)}
    assert (record["learning_rate"], record["n_planned"]) == (0.01, 1)
    assert notes(tuned)[0].count("Learning rate, batch_size, grnn.model.embedding_channels together: best mean") == 1
    ranges = {name: {"values": list(tuned.space[name])} for name in ("optim.lr", *tuned.tuned)}
    lines = notes(replace(tuned, sampling={"sampler": "qmc", "num_samples": 9, "ranges": ranges}))
    assert (
        "Choices: proposed for each model by Optuna's QMC sampler, optim.lr 0.001, 0.01; batch_size 4, 8; " in lines[1]
    )
    warm = replace(tuned, foreign={"study": "old", "points": {"grnn": [1, 2], "3dcnn": [3]}})
    assert "Warm start: the sampler knew 3 choices of study old; they are not in the table." in notes(warm)
    assert lines[2] == "All choices are tried, fewer than --num-samples: grnn, 3dcnn."


def test_several_objectives_have_columns_and_a_front(tuned):
    study = replace(tuned, objectives=("validation/accuracy", "num_parameters"), constraints=("law_error<=1e-3",))
    table = Table.of(study)
    assert study_columns(study)[3:] == ("num_parameters", "law_error", FRONT)
    assert table.texts()[0][5:8] == ("1234", "0", "1 of 8 choices")
    record = records(table)[0]
    assert record["objectives"] == {"validation/accuracy": 0.9, "num_parameters": 1234.0, "law_error": 0.0}
    assert record["feasible"] and [one["choice"] for one in record["front"]] == [record["chosen"]]
    assert "the best by validation/accuracy, means over seeds" in table.remarks()[0]
    refused = replace(study, constraints=("num_parameters<=1000",))
    assert any(line.startswith("INFEASIBLE: no choice of grnn meets num_par") for line in Table.of(refused).remarks())
    assert records(Table.of(refused))[0]["front"] == []


def test_a_study_without_results_has_no_table(tmp_path):
    with pytest.raises(StudyError, match="'s' has no finished cell yet"):
        Table.of(planned_study(tmp_path, SPACE))
