"""Views of a study on its runs in MLflow: files in a folder of their own, and metrics."""

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mlflow.entities import Metric

from tune.tracking.mlflow_tracker import Tracker

METRICS_PER_BATCH = 500


def attach(
    tracker: Tracker,
    node: str,
    content: str,
    metrics: Sequence[Metric],
    write: Callable[[Path], None],
    view: str,
) -> bool:
    """Put the files that ``write`` makes into the node's run's folder ``view``, and its ``metrics``; whether it did.

    It does not where the run shows this ``content`` already: a tag holds the digest of what was put there.
    """
    run, tag, digest = tracker.run(node), f"fernn.{view}", hashlib.sha256(content.encode()).hexdigest()
    if run.data.tags.get(tag) == digest:
        return False
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch))
        tracker.log_files(run.info.run_id, Path(scratch), view)
    now, known = int(time.time() * 1000), run.data.metrics
    fresh = [Metric(m.key, m.value, now, m.step) for m in metrics if m.step or known.get(m.key) != m.value]
    for first in range(0, len(fresh), METRICS_PER_BATCH):
        tracker.client.log_batch(run.info.run_id, metrics=fresh[first : first + METRICS_PER_BATCH])
    tracker.client.set_tag(run.info.run_id, tag, digest)
    return True
