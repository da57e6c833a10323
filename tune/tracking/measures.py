"""Log the results of measures to a study's runs in MLflow: files in a folder of their own, and metrics."""

import hashlib
import json
import tempfile
import time
from pathlib import Path

from mlflow.entities import Metric

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
    tag, digest, run = f"fernn.{results.view}", hashlib.sha256(content).hexdigest(), tracker.tree.read(record.node)
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


class StudyView(MLflowView):
    """MLflow's view of a study that is measured."""

    def log(self, results: Results | None = None) -> tuple[int, list[str]]:
        """Bring MLflow up to date, with the results; the number of runs that changed, and a line where it is behind.

        Raises StudyError for another study's runs.
        """
        changed: list[int] = []

        def task(tracker: Tracker) -> None:
            if results is not None:
                changed.append(log_results(tracker, results))
            tracker.tree.close(complete=not self.study.missing())  # the runs that were opened to bring them up to date

        behind = lines_of(self.study, lambda: self.ship(task))
        return sum(changed), behind
