"""Log the results of measures to a study's runs in MLflow: files in a folder of their own, and metrics."""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlflow.entities import Metric

from data.terminal import say
from tune.analysis.results import model_rows
from tune.core.study import Study
from tune.measures.measure import Results, RunRecord
from tune.measures.registry import measured_results
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.views import MLflowView, lines_of

METRICS_PER_BATCH = 500


def log_results(tracker: Tracker, results: Results) -> int:
    """Bring the runs of cells, models and the study up to date; returns the number of runs that changed."""
    return sum(log_record(tracker, results, record) for record in results.run_records())


def log_all_results(tracker: Tracker, study: Study) -> None:
    """Log every measure of the study's chosen cells."""
    for results in measured_results(study, model_rows(study)):
        log_results(tracker, results)


def log_record(tracker: Tracker, results: Results, record: RunRecord) -> bool:
    """Log a record's files and metrics to its run; returns whether the run changed.

    A tag holds the SHA-256 of the logged document: a run that has the record's document already is not changed.
    """
    content = (json.dumps(record.document, indent=2) + "\n").encode()
    tag, digest, run = f"fernn.{results.view}", hashlib.sha256(content).hexdigest(), tracker.run(record.node)
    if run.data.tags.get(tag) == digest:
        return False
    with tempfile.TemporaryDirectory() as scratch:
        for name, data in {f"{results.kind.name}.json": content, **record.files()}.items():
            (Path(scratch) / name).write_bytes(data)
        tracker.log_files(run.info.run_id, Path(scratch), results.view)
    now, logged = int(time.time() * 1000), run.data.metrics
    points = [point for point in record.points if point.step or logged.get(point.name) != point.value]
    metrics = [Metric(point.name, point.value, now, point.step) for point in points]
    for first in range(0, len(metrics), METRICS_PER_BATCH):
        tracker.client.log_batch(run.info.run_id, metrics=metrics[first : first + METRICS_PER_BATCH])
    tracker.client.set_tag(run.info.run_id, tag, digest)
    return True


class StudyView:
    """MLflow's view of a study that is measured, a context; it is brought up to date first, where MLflow can be used.

    Where it is behind, ``behind`` has the reasons.
    """

    def __init__(self, study: Study, uri: str) -> None:
        self.study, self.mlflow = study, MLflowView(study, uri)
        self.behind: list[str] = []

    def __enter__(self) -> "StudyView":
        self._ship(lambda tracker: None)
        for line in self.behind:
            say(f"{line}; measuring continues")
        return self

    def __exit__(self, *_: object) -> None:
        if self.mlflow.tracker is not None:  # end the runs where they were opened
            before = self.behind
            self._ship(lambda tracker: tracker.close(complete=not self.study.missing()))
            self.behind = before or self.behind

    def log(self, results: Results) -> int | None:
        """Log the results; returns the number of runs that changed, None where MLflow is behind."""
        numbers: list[int] = []
        self._ship(lambda tracker: numbers.append(log_results(tracker, results)))
        return numbers[0] if numbers else None

    def _ship(self, task: Callable[[Tracker], None]) -> None:
        """Do the task where MLflow can be used; raises StudyError for another study's runs."""
        self.behind = lines_of(self.study, lambda: self.mlflow.ship(task))
