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
    content = json.dumps(record.document, indent=2) + "\n"
    run, view, digest = tracker.run(record.node), results.view, hashlib.sha256(content.encode()).hexdigest()
    if run.data.tags.get(f"fernn.{view}") == digest:
        return False
    with tempfile.TemporaryDirectory() as scratch:
        for name, data in {f"{results.kind.name}.json": content.encode(), **record.files()}.items():
            (Path(scratch) / name).write_bytes(data)
        tracker.log_files(run.info.run_id, Path(scratch), view)
    now, known = int(time.time() * 1000), run.data.metrics
    metrics = [Metric(point.name, point.value, now, point.step) for point in record.points]
    fresh = [metric for metric in metrics if metric.step or known.get(metric.key) != metric.value]
    for first in range(0, len(fresh), METRICS_PER_BATCH):
        tracker.client.log_batch(run.info.run_id, metrics=fresh[first : first + METRICS_PER_BATCH])
    tracker.client.set_tag(run.info.run_id, f"fernn.{view}", digest)
    return True
