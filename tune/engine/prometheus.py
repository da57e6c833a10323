"""Metrics of a running search at Ray's Prometheus endpoint, which adds the prefix ``ray_`` to each name.

The driver exports them all, so they appear at the endpoint of its node. Without Ray's dashboard there is no endpoint.
"""

import threading
import time
from collections import Counter
from typing import get_args

from ray.util import metrics

from fernn.train.loop import Row
from tune.core.status import Status, status_in
from tune.core.study import Cell, Study
from tune.engine.workload import SearchCallback

HEARTBEAT_S = 15.0

OF_STUDY, OF_MODEL, OF_CELL = ("study",), ("study", "model"), ("study", "model", "cell")
GAUGES: dict[str, tuple[tuple[str, ...], str]] = {
    "fernn_cells": (("study", "status"), "Cells of the study by status."),
    "fernn_clips_per_second": (OF_CELL, "Training clips a second of the trial at work on the cell, else 0."),
    "fernn_trial_memory_bytes": (
        (*OF_CELL, "device"),
        "Peak memory of the trial at work on the cell since it began: of its GPU, or of the machine's memory.",
    ),
    "fernn_last_result_timestamp_seconds": (OF_STUDY, "When the last epoch was reported, or the search began."),
    "fernn_driver_heartbeat_timestamp_seconds": (OF_STUDY, "When the driver last showed that it lives."),
}
COUNTERS: dict[str, tuple[tuple[str, ...], str]] = {
    "fernn_trials_total": (("study", "outcome"), "Trials that started, and how they left off."),
    "fernn_epochs_total": (OF_MODEL, "Epochs that trials reported."),
    "fernn_clips_total": (OF_MODEL, "Clips that trials trained on."),
}
"""Names, labels and meanings."""
STATUSES: tuple[Status, ...] = tuple(status for status in get_args(Status) if status not in ("resting", "lost"))
"""What ``fernn_cells`` tells apart: a cell that rests or is lost is waiting."""
MEMORY = {"memory/cuda_bytes": "cuda", "memory/cpu_bytes": "cpu"}
"""The device by the name of a trial's peak memory in a row."""
OUTCOMES: dict[Status, str] = {
    "running": "started", "lost": "lost", "resting": "rested", "stopped": "stopped", "done": "ended",
    "failed": "failed",
}  # fmt: skip
"""What ``fernn_trials_total`` counts when a cell gets a status."""


class Monitor(SearchCallback):
    """Exports the metrics of a search; use it as a context manager around the search."""

    def __init__(self, study: Study) -> None:
        self.study = study
        statuses = study.folder.each(lambda cell: status_in(study.cell_folder(cell), study.stops_early)[0], study.cells)
        self.statuses: dict[str, Status] = {
            cell.key: "waiting" if status == "failed" else status  # failed cells are tried again
            for cell, status in zip(study.cells, statuses, strict=True)
        }
        self._gauges = {name: metrics.Gauge(name, text, tags) for name, (tags, text) in GAUGES.items()}
        self._counters = {name: metrics.Counter(name, text, tags) for name, (tags, text) in COUNTERS.items()}
        self._ended = threading.Event()

    def __enter__(self) -> "Monitor":
        self._set("fernn_last_result_timestamp_seconds", time.time())
        self._show_statuses()
        threading.Thread(target=self._beat, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def on_epoch(self, cell: Cell, row: Row) -> None:
        model, clips_per_second = self.study.model_label(cell), row["time/clips_per_second"]
        self._count("fernn_epochs_total", model=model)
        self._count("fernn_clips_total", row["time/train_seconds"] * clips_per_second, model=model)
        self._show_trial(cell, clips_per_second, row)
        self._set("fernn_last_result_timestamp_seconds", time.time())

    def on_status(self, cell: Cell, status: Status) -> None:
        if status in OUTCOMES:  # else no trial has started or ended
            self._count("fernn_trials_total", outcome=OUTCOMES[status])
        if status not in ("waiting", "paused", "running"):  # its trial has ended
            self._show_trial(cell, 0, dict.fromkeys(MEMORY, 0))
        if status == "failed" and self.study.cell_folder(cell).diverged():
            status = "diverged"
        self.statuses[cell.key] = status if status in STATUSES else "waiting"
        self._show_statuses()

    def _show_trial(self, cell: Cell, clips_per_second: float, row: Row) -> None:
        labels = {"model": self.study.model_label(cell), "cell": cell.name}
        self._set("fernn_clips_per_second", clips_per_second, **labels)
        for name, device in MEMORY.items():
            if name in row:
                self._set("fernn_trial_memory_bytes", row[name], **labels, device=device)

    def _show_statuses(self) -> None:
        counts = Counter(self.statuses.values())
        for status in STATUSES:
            self._set("fernn_cells", counts[status], status=status)

    def _set(self, name: str, value: float, **labels: str) -> None:
        self._gauges[name].set(value, {"study": self.study.name, **labels})

    def _count(self, name: str, value: float = 1, **labels: str) -> None:
        if value > 0:
            self._counters[name].inc(value, {"study": self.study.name, **labels})

    def _beat(self) -> None:
        while True:
            self._set("fernn_driver_heartbeat_timestamp_seconds", time.time())
            if self._ended.wait(HEARTBEAT_S):
                return
