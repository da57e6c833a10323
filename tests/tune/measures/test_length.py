"""Length generalization: statistics over seeds by frame, and what the table, the figures and MLflow show of them."""

import pytest
import torch

from tune.core.study import StudyError
from tune.measures.length import Length, LengthMeasurement, LengthResults, ModelLength, Settings
from tune.translating_mnist_search import SEARCH

BASE = SEARCH.base.override({"data.num_frames": 4, "data.input_frames": 2})
CURVES = [{"mean": [0.1, 0.2, 0.4], "deviation": [0.0, 0.0, 0.1]}, {"mean": [0.3, 0.2, 0.8], "deviation": [0.1] * 3}]
EXAMPLES = {"clips": torch.zeros(1, 5, 1, 8, 8, dtype=torch.uint8), "predicted": torch.zeros(1, 3, 1, 8, 8).byte()}


@pytest.fixture
def results(row):
    model = row(ModelLength, BASE, Settings(3), CURVES, EXAMPLES)
    return LengthResults(Length(), model.study, [model])


def test_the_statistics_are_over_seeds_frame_by_frame(results):
    document = results.models[0].document()
    assert document["mean"] == pytest.approx([0.2, 0.2, 0.6]) and document["n"] == 2
    assert document["deviation"] == pytest.approx([0.02**0.5, 0.0, 0.08**0.5])
    assert document["seeds"] == {"0": CURVES[0], "1": CURVES[1]}


def test_the_table_shows_the_first_the_trained_and_the_last_frame(results):
    table = results.table()
    assert table.header == ("model", "learning rate", "n", "frame 1", "frame 2", "frame 3")
    assert table.rows == [["m", "0.0001", "2", "0.2 ± 0.141", "0.2 ± 0", "0.6 ± 0.283"]]
    assert table.remarks == ("Trained to predict 2 frames. ± is the sample standard deviation over seeds.",)


def test_every_cell_the_model_and_the_study_have_a_record(results):
    records = list(results.run_records())
    keys = [cell.key for cell in results.models[0].cells]
    assert [one.node for one in records] == [f"cell/{keys[0]}", f"cell/{keys[1]}", "model/m", "study"]
    assert [(point.step, point.value) for point in records[1].points] == [(1, 0.3), (2, 0.2), (3, 0.8)]
    assert records[3].points == [] and set(records[3].files()) == {"length.csv", "curves.png", "rollouts.png"}
    assert records[2].files()["length.csv"].decode().splitlines()[1].startswith("m,0.0001,1,0.2,0.1414")


def test_the_figures_say_how_the_error_grows(results):
    curves, rollouts = results.figures()
    assert curves.words.endswith("from the first to the last. m: 0.2 to 0.6.") and rollouts.name == "length-rollouts"


def test_longer_sequences_begin_as_the_trained_ones_and_a_horizon_of_none_is_refused(results):
    one = LengthMeasurement(Length(), results.models[0].cells[0], None, Settings(9))
    assert (one.data.num_frames, one.data.input_frames) == (11, 2)
    assert one.num_units(None) == one.cell.experiment.data.num_sequences[2]
    with pytest.raises(StudyError, match="--horizon must be 1 or more, got 0"):
        Length().check(results.study, Settings(0))
