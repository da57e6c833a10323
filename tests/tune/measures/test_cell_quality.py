"""Predictions are measured after each number of inner steps; validation clips choose, test clips are opened once."""

import math
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from fernn.batch import Batch
from fernn.models.noether.tailoring import Step
from fernn.train.run import Run
from tune.analysis.results import model_rows
from tune.core.cells import plan_cells
from tune.core.folder import Folder
from tune.core.protocol import save_study
from tune.core.result import Result
from tune.core.study import Study
from tune.measures.cell_quality import Gauge, PredictorMeasurement, Tailoring, at_places, finite, heatmaps, spread
from tune.measures.frame_quality import Settings
from tune.measures.model_quality import USUAL
from tune.measures.registry import MEASURES, measured_results
from tune.tracking.mlflow_tracker import Tracker
from tune.translating_mnist_search import SEARCH

CLIPS = torch.zeros(2, 3, 1, 16, 16)
"""Two clips of one given frame and two to predict."""


def steps(clips):
    """Predictions that are off by 1, then by 0.5, and so on."""
    for count in range(9):
        yield Step(torch.full((len(clips),), float(count)), clips + 0.5**count, {})


def test_losses_are_read_at_every_step_and_frames_where_they_are_shown():
    counted = []
    read = Gauge(2, (0, 2)).read(steps(CLIPS), CLIPS, 1, counted.append)
    assert read["inner"].tolist() == [[0.0, 1.0, 2.0]] * 2 and counted == [2, 2, 2]
    assert read["outer"].tolist() == [[2.0, 0.5, 0.125]] * 2  # summed over two frames
    assert read["2/mse"].tolist() == [[0.0625, 0.0625]] * 2 and "1/mse" not in read


def test_a_document_has_means_over_all_clips():
    gauge = Gauge(1, (0,))
    parts = [gauge.read(steps(CLIPS[:1]), CLIPS[:1], 1, lambda count: None) for _ in range(3)]
    document = gauge.document(parts)
    assert document["num_clips"] == 3 and document["outer"] == {"mean": [2.0, 0.5], "error": [0.0, 0.0]}
    assert set(document["frames"]) == {"0"} and document["frames"]["0"]["mse"]["mean"] == [1.0, 1.0]


def test_numbers_that_are_none_are_none_in_json():
    assert finite(torch.tensor([1.0, math.nan, math.inf])) == [1.0, None, None]


@pytest.mark.parametrize("embedding", [torch.nn.Identity(), torch.nn.Linear(2, 2)])
def test_an_embedding_of_no_windows_has_no_heat_map(embedding):
    assert heatmaps(embedding, CLIPS) == {}


SMALL = {"model.hidden_channels": 3, "model.decoder_layers": 1, "data.num_frames": 6, "data.input_frames": 3}
SPLITS = {"validation": 0, "test": 1}


class Clips:
    """Twice four clips of noise in every split."""

    def stream(self, *_):
        return self

    def training(self, seed, epoch):
        return self.evaluation("test")

    def evaluation(self, split, velocities=None):
        draws = torch.Generator().manual_seed(SPLITS[split])
        for _ in range(2):
            yield Batch(torch.rand(4, 6, 1, 28, 28, generator=draws), torch.zeros(4), list("abcd"))

    def num_clips(self, split):
        return 8


@pytest.fixture
def study(tmp_path):
    """One finished cell."""
    space = {"model": ("fernn-v1",), "optim.lr": (1e-3,), "seed": (0,)}
    study = Study("s", Folder(str(tmp_path / "s")), space, plan_cells(SEARCH.base, space, "hash", SMALL))
    save_study(study)
    (cell,) = study.cells
    folder, run = study.cell_folder(cell), Run.start(cell.experiment)
    folder.begin(run)
    run.epoch = run.best_epoch = 1
    folder.record({"epoch": 1, "validation/mse": 0.1, "best/epoch": 1, "best/mse": 0.1, "time/recorded_at": 1.5}, run)
    rows = [{"split": split, "id": "a", "errors": [0.1] * 3} for split in SPLITS]
    folder.finish(pa.Table.from_pylist(rows), Result(num_parameters=1, finished_at=2.0))
    return study


def measurement(study, tailoring):
    (cell,) = study.cells
    return PredictorMeasurement(MEASURES["quality"], cell, study.cell_folder(cell), USUAL, tailoring)


def measured(study, **asked):
    """A measurement and its document."""
    one, counted = measurement(study, Settings(2, **asked).tailoring()), []
    assert one.result() is None
    one.measure(Clips(), counted.append)
    assert sum(counted) == one.num_units(Clips())
    return one, one.result()


def models_of(study):
    """What is measured of the study's models in the usual way."""
    (results,) = measured_results(study, model_rows(study))
    assert results.view == "quality"
    return results.models


def test_steps_that_harm_validation_clips_are_not_taken(study):
    one, found = measured(study, inner_lr=1e3, quantity="brightness", clips=5)
    (errors,) = found["validation"].values()
    assert (
        found["own_steps"] == 0
        and all(error is None or error >= errors[0] for error in errors)
        and found["num_clips"] == 5
    )
    plain, tailored = models_of(study)
    assert plain.by_frame("mse")[0].tolist() == tailored.by_frame("mse")[0].tolist()
    assert (tailored.own_steps(found), tailored.num_steps, plain.num_steps) == (0, 2, 0) and not tailored.tensors
    assert [row["purpose"] for row in one.folder.openings()] == ["quality evaluation"]


def test_the_rate_and_the_steps_with_the_least_validation_error_are_taken(study):
    _, found = measured(study, inner_lr=None, optimizer=None, quantity=None, clips=3)
    tried = found["validation"]
    assert set(tried) == {"1e-05", "0.0001", "0.001"} and found["num_clips"] == 3
    assert tried[f"{found['inner_lr']:g}"][found["own_steps"]] == min(min(errors) for errors in tried.values())
    _, tailored = models_of(study)
    assert "validation chose" in tailored.steps_words() and set(tailored.tensors) == {"frames", "heat"}


def test_another_way_is_another_result(study):
    one, _ = measured(study, inner_lr=1e-3, quantity="brightness", clips=1)
    assert measurement(study, Tailoring(quantity="brightness")).result() is None
    again, found = measured(study, inner_lr=1e-4, quantity="brightness", clips=1)
    assert one.result() is None and again.result() == found
    other = replace(one, way="lr-0.001")
    other.measure(Clips(), lambda count: None)
    assert again.result() == found and other.result()["subject"] == one.subject()
    assert MEASURES["quality"].ways(study, study.cells) == [USUAL, "lr-0.001"]


def test_a_lost_mlflow_gets_each_way_again(study, tmp_path):
    one, _ = measured(study, inner_lr=1e-4, quantity="brightness", clips=1)
    replace(one, way="lr-0.0001").measure(Clips(), lambda count: None)
    tracker = Tracker(study, f"sqlite:///{tmp_path}/mlflow.db")
    tracker.sync()
    for results in measured_results(study, model_rows(study)):
        tracker.log_results(results)
    run = tracker.tree.read(f"cell/{one.cell.key}")
    for view in ("quality", "quality-lr-0.0001"):
        found = {Path(file.path).name for file in tracker.client.list_artifacts(run.info.run_id, view)}
        assert found == {"quality.json", "quality.png", "inner-steps.png"}
        assert f"{view}/tailored/mse" in run.data.metrics


def test_a_rate_whose_later_steps_are_no_numbers_can_still_be_chosen(study, monkeypatch):
    errors = iter([[0.5, 0.4, float("nan")], [0.5, 0.6, 0.7], [0.5, 0.45, 0.41]])
    one = measurement(study, Settings(2).tailoring())
    monkeypatch.setattr(PredictorMeasurement, "_read", lambda *_: iter([{"outer": torch.tensor([next(errors)])}]))
    own, rate, tried = one._chosen(None, None, Clips(), None)
    assert (own, rate) == (1, 1e-5) and tried["1e-05"][2] is None


def test_without_steps_a_cell_predicts_in_batches_and_nothing_is_tailored(study):
    one = measurement(study, Settings(0).tailoring())
    one.measure(Clips(), lambda count: None)
    found = one.result()
    assert set(found["frames"]) == {"0"} and found["validation"] == {} and found["outer"]["mean"][0] > 0
    assert found["num_clips"] == 8 and found["inner_lr"] is None
    (plain,) = models_of(study)
    assert (plain.label, plain.steps_words()) == ("fernn-v1", "")


def test_clips_are_spread_over_all_that_there_are():
    assert spread(4086, 4) == [0, 1021, 2043, 3064] and spread(3, 9) == spread(3, 3) == [0, 1, 2]
    every = torch.cat([batch.clips for batch in Clips().evaluation("test")])
    assert torch.equal(torch.cat(list(at_places(Clips().evaluation("test"), spread(8, 3)))), every[[0, 2, 5]])
