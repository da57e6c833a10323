"""Results of measures in MLflow: a run changes once for each document, and only by numbers that it lacks."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from tests.support.stored_study import planned_study
from tune.measures.measure import Point, RunRecord
from tune.tracking.measures import StudyView, log_results
from tune.tracking.mlflow_tracker import Tracker

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0,)}


@dataclass
class Sizes:
    """The results of a made-up measure."""

    size: float
    kind = SimpleNamespace(name="size")
    view: str = "sizes"

    def run_records(self):
        points = [Point("size/mean", self.size), Point("size/by_step", self.size, 1), Point("size/by_step", 2.0, 2)]
        yield RunRecord("model/grnn", {"size": self.size}, points, lambda: {"size.txt": b"small"})


@pytest.fixture
def study(tmp_path):
    return planned_study(tmp_path / "s", SPACE)


def test_results_are_logged_once_and_again_where_they_changed(study, tmp_path):
    tracker = Tracker(study, f"sqlite:///{tmp_path}/mlflow.db")
    tracker.start(study.cells[0])
    assert [log_results(tracker, Sizes(size)) for size in (1.5, 1.5, 2.5)] == [1, 0, 1]
    run = tracker.tree.read("model/grnn")
    assert run.data.metrics["size/mean"] == 2.5
    steps = [point.step for point in tracker.client.get_metric_history(run.info.run_id, "size/by_step")]
    assert set(steps) == {1, 2}
    files = {entry.path for entry in tracker.client.list_artifacts(run.info.run_id, "sizes")}
    assert files == {"sizes/size.json", "sizes/size.txt"}


def test_a_view_that_cannot_be_opened_is_behind_and_one_that_can_is_closed(study, tmp_path):
    num_changed, (line,) = StudyView(study, "http://127.0.0.1:9").log(Sizes(1.0))
    assert num_changed == 0 and "MLflow is behind: http://127.0.0.1:9 does not answer" in line
    view = StudyView(study, f"sqlite:///{tmp_path}/mlflow.db")
    view.ship(lambda tracker: tracker.start(study.cells[0]))
    assert view.log() == (0, []) and view.log(Sizes(1.0)) == (1, []) and view.log(Sizes(1.0)) == (0, [])
    assert {run.info.status for run in view.ship().tree.runs.values()} == {"KILLED"}
