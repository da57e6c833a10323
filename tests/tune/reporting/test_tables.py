"""The tables of a report: comparisons on equal seeds, warnings, verdicts, equivariance, and cost."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.stored_study import HITS, SPACE, finished_study
from tune.analysis.results import model_rows
from tune.kth_search import SEARCH
from tune.report import summary
from tune.reporting.table import Table
from tune.reporting.tables import (
    check_text,
    frames_table,
    front_table,
    largest_errors,
    report_tables,
    scores_table,
    shifts_table,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return finished_study(tmp_path_factory.mktemp("tables") / "s", SPACE, HITS, demo=True)


def table_of(study, name):
    return {table.name: table for table in report_tables(Table.of(study))}[name]


def test_models_are_compared_on_equal_seeds(study):
    (line,) = table_of(study, "comparisons").rows
    names, pairs, gap, p, adjusted, advice = line
    assert (names, pairs, p, adjusted) == ("grnn – 3dcnn", 3, 0.25, 0.25)
    assert gap == pytest.approx(17 / 30 - 26 / 30)
    assert "cannot be shown" in advice
    assert "No difference between models is shown" in summary(Table.of(study))


def test_what_choosing_on_test_clips_would_seem_to_gain_is_a_warning(study):
    warnings = [said for said in table_of(study, "table").remarks if said.startswith("WARNING")]
    assert warnings == [
        "WARNING, grnn: learning rate 0.0001 is best on the test clips, with 0.867: 0.300 better than the one chosen "
        "on validation. Choosing on test clips would seem to gain this much."
    ]


def test_published_values_have_a_verdict_and_its_rule(tmp_path):
    hits = {("grnn", 1e-3, seed): (6, 7) for seed in (0, 1, 2)} | {("3dcnn", 1e-3, 0): (6, 7)}
    space = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3,), "seed": (0, 1, 2)}
    study = finished_study(tmp_path / "s", space, hits, settings={})
    table = Table.of(study)
    whole = Table(study, table.rows, (), table.search, ())  # as if nothing stood against the published values
    found = {one.name: one for one in report_tables(whole)}["table"]
    by_model = {line[0]: dict(zip(found.header, line, strict=True)) for line in found.rows}
    assert by_model["grnn"]["published"] == f"{SEARCH.published['grnn'].mean:g} ± 0.03"
    assert by_model["grnn"]["difference"].startswith("+0.035 [")
    assert by_model["grnn"]["verdict"] == "under-powered"
    assert by_model["3dcnn"]["verdict"] == "none: one seed has no deviation"
    assert any(said.startswith("Verdict, by the 95 % interval") for said in found.remarks)


def with_errors(row, *errors):
    """The row with one chosen cell for each of the equivariance errors."""
    cells = [replace(one, law_errors=values) for one, values in zip(row.chosen, errors, strict=True)]
    return replace(row, by_choice={row.choice: cells})


def test_the_largest_error_over_seeds_counts_also_where_it_is_no_number(study):
    row = with_errors(
        Table.of(study).rows[0], {"own/float32": 0.5}, {"own/float32": 0.75, "circular/float32": 1e-7}, {}
    )
    assert largest_errors(row) == {"own/float32": 0.75, "circular/float32": 1e-7}
    broken = with_errors(row, {"own/float32": 0.5}, {"own/float32": math.nan}, {"own/float32": 0.25})
    assert math.isnan(largest_errors(broken)["own/float32"])


def test_a_check_is_of_the_best_checkpoint_and_names_other_seeds_that_break_the_law(study):
    row = Table.of(study).rows[0]
    held, broken = {"circular/float32": 1e-7}, {"circular/float32": 0.5}
    assert check_text(row) == "not measured: of an earlier version"
    assert check_text(with_errors(row, held, held, {"own/float32": 0.5})) == "holds"
    best = [one.cell == row.best for one in row.chosen].index(True)
    errors = [held if place == best else broken for place in range(3)]
    others = ", ".join(str(place) for place in range(3) if place != best)
    assert check_text(with_errors(row, *errors)) == f"holds; broken by seed {others}"
    assert check_text(with_errors(row, *[{"own/float32": 0.5}] * 3)) == "no check: its flow interpolates"


def test_cost_is_summed_over_all_learning_rates(study):
    (grnn, cnn) = table_of(study, "cost").rows
    assert grnn[:2] == ("grnn", 6) and cnn[:2] == ("3dcnn", 3) and grnn[3] is None


CURVES = {"m": {"mse": np.array([[1.0, 3.0], [3.0, 5.0]]), "psnr": np.full((2, 2), 20.0), "ssim": np.full((2, 2), 0.5)}}


def fields(*values):
    return [SimpleNamespace(metrics=lambda value=value: {"rmse": value, "rot_rmse": 2 * value}) for value in values]


def test_fields_have_a_column_for_each_test_set_that_was_measured():
    table = shifts_table({"one": fields(0.5), "two": fields(1.0, 3.0)}, "rmse")
    assert table.header == ("model", "later in time", "rotation")
    assert [tuple(row) for row in table.rows] == [("one", "0.5", "1"), ("two", "2 ± 1.4", "4 ± 2.8")]
    assert (table.name, table.title) == ("rmse", "Test RMSE, as it is and shifted")
    apart = [SimpleNamespace(metrics=lambda: {"temperature_rmse": 0.25, "um_temperature_rmse": 0.5})]
    table = shifts_table({"one": apart}, "temperature_rmse")
    assert (table.name, table.title) == ("temperature-rmse", "Test RMSE of the temperature, K, as it is and shifted")
    assert [tuple(row) for row in table.rows] == [("one", "0.25", "0.5")]


def test_scores_are_means_over_frames_with_the_deviation_over_seeds():
    (row,) = scores_table(CURVES).rows
    assert row[:3] == ["m", 2, 3.0] and row[3] == pytest.approx(2**0.5) and row[4:] == [20.0, 0.0, 0.5, 0.0]


def test_frames_have_a_row_for_each_score():
    table = frames_table(CURVES)
    assert table.header == ("model", "score", "frame 1", "frame 2") and len(table.rows) == 3
    assert table.rows[0] == ("m", "MSE, summed over pixels", 2.0, 4.0)


def test_the_front_has_a_line_for_each_choice(tuned):
    study = replace(tuned, objectives=("validation/accuracy", "num_parameters"))
    table = front_table(study, model_rows(study))
    assert table.header == ("model", "choice", "validation/accuracy", "num_parameters", "reported")
    assert table.rows[1] == ("3dcnn", "lr 0.01, batch_size 8", 0.8, 1234.0, "yes")
    assert front_table(tuned, model_rows(tuned)).rows == []
