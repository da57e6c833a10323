"""Results by model: chosen learning rates, equal seeds, and predictions read back."""

import pytest

from fernn.train.fields import FieldScores
from fernn.train.task import Logits
from tests.support.stored_study import finished_study
from tune.analysis.results import (
    frame_curves,
    imported_results,
    model_rows,
    registered_name,
    results,
    seed_predictions,
)

SPACE = {"model": ("grnn",), "optim.lr": (1e-2, 1e-3), "seed": (0, 1)}
HITS = {("grnn", 1e-2, 0): (4, 9), ("grnn", 1e-3, 0): (6, 5), ("grnn", 1e-3, 1): (8, 7)}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return finished_study(tmp_path_factory.mktemp("study") / "s", SPACE, HITS)


def test_results_are_recomputed_from_predictions_in_the_order_of_the_plan(study):
    found = results(study)
    assert [(one.validation, one.test) for one in found] == [(0.4, 0.9), (0.6, 0.5), (0.8, 0.7)]
    assert {one.num_parameters for one in found} == {1234} and all(one.breaches == [] for one in found)
    assert imported_results(study) == []


def test_a_row_reports_the_rate_with_most_seeds_and_its_best_cell(study):
    (row,) = model_rows(study)
    assert (row.model, row.choice.rate, row.num_seeds, row.num_planned) == ("grnn", 1e-3, 2, 2)
    assert row.best.experiment.seed == 1
    assert {choice.rate: mean for choice, mean in row.validation_by_choice.items()} == {
        1e-2: 0.4,
        1e-3: pytest.approx(0.7),
    }
    assert row.summary()["test/accuracy_mean"] == pytest.approx(0.6)
    assert row.sentence().startswith("Test accuracy 0.600 ± 0.141 (sample standard deviation) over 2 of 2 seeds")
    assert registered_name(study, row) == "s.grnn"


def test_predictions_of_classes_have_neither_fields_nor_frames(study):
    rows = model_rows(study)
    (seeds,) = seed_predictions(study, rows, Logits).values()
    assert [one.metrics()["accuracy"] for one in seeds] == [0.5, 0.7]
    assert seed_predictions(study, rows, FieldScores) == {} and frame_curves(study, rows) == {}
