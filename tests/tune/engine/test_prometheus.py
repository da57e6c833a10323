"""What operators see: cells by status, trials by outcome, clips and memory of the trials at work."""

from collections import defaultdict

import pytest

from tests.support.stored_study import finish_cell, planned_study
from tune.engine import prometheus as monitoring
from tune.engine.prometheus import COUNTERS, GAUGES, Monitor


class Endpoint:
    """Stands for ray.util.metrics: the last value of every gauge and the sum of every counter, by labels."""

    def __init__(self):
        self.seen = defaultdict(dict)

    def metric(self, name, description, tag_keys):
        endpoint = self

        class One:
            def set(self, value, tags):
                assert set(tags) == set(tag_keys) and description
                endpoint.seen[name][tuple(tags.values())] = value

            def inc(self, value, tags):
                self.set(endpoint.seen[name].get(tuple(tags.values()), 0) + value, tags)

        return One()

    Gauge = Counter = metric


@pytest.fixture
def seen(monkeypatch):
    endpoint = Endpoint()
    monkeypatch.setattr(monitoring, "metrics", endpoint)
    return endpoint.seen


@pytest.fixture
def study(tmp_path):
    """Four cells, of which the first is finished."""
    study = planned_study(tmp_path / "s", {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1, 2, 3)})
    finish_cell(study, study.cells[0], (5, 5))
    return study


def counts(seen):
    return {labels[1]: number for labels, number in seen["fernn_cells"].items() if number}


def row(epoch, **others):
    return {"epoch": epoch, "time/train_seconds": 2.0, "time/clips_per_second": 8.0, **others}


def test_a_cell_is_followed_from_start_to_end(seen, study):
    cell, other = study.cells[1:3]
    with Monitor(study) as monitor:
        assert counts(seen) == {"done": 1, "waiting": 3}
        statuses = {labels[1] for labels in seen["fernn_cells"]}
        assert statuses == {"done", "running", "waiting", "paused", "stopped", "diverged", "failed", "damaged"}
        monitor.on_status(cell, "running")
        monitor.on_epoch(cell, row(1, **{"memory/cpu_bytes": 5e8}))
        monitor.on_epoch(cell, row(2, **{"memory/cpu_bytes": 6e8}))
        assert counts(seen) == {"done": 1, "running": 1, "waiting": 2}
        assert list(seen["fernn_epochs_total"].values()) == [2] and list(seen["fernn_clips_total"].values()) == [32]
        assert list(seen["fernn_clips_per_second"].values()) == [8.0]
        assert seen["fernn_trial_memory_bytes"][study.name, "grnn", cell.name, "cpu"] == 6e8
        monitor.on_status(cell, "lost")
        monitor.on_status(cell, "running")
        monitor.on_status(cell, "done")
        assert not any(seen["fernn_clips_per_second"].values()) and not any(seen["fernn_trial_memory_bytes"].values())
        monitor.on_status(other, "running")
        study.cell_folder(other).folder.write_json("failure.json", {"reason": "nan", "diverged": True})
        monitor.on_status(other, "failed")
    assert counts(seen) == {"done": 2, "diverged": 1, "waiting": 1}
    outcomes = {labels[1]: number for labels, number in seen["fernn_trials_total"].items()}
    assert outcomes == {"started": 3, "lost": 1, "ended": 1, "failed": 1}


def test_the_driver_shows_that_it_lives(seen, study, monkeypatch):
    moments = iter(range(100, 1000))
    monkeypatch.setattr(monitoring, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(monitoring.time, "time", lambda: next(moments))
    with Monitor(study) as monitor:
        assert list(seen["fernn_last_result_timestamp_seconds"].values()) == [100]
        monitor._ended.wait(0.2)
    assert min(seen["fernn_driver_heartbeat_timestamp_seconds"].values()) > 103


def test_every_name_says_what_it_counts():
    for name, (labels, text) in (GAUGES | COUNTERS).items():
        assert name.startswith("fernn_") and labels[0] == "study" and text.endswith(".")
        assert (name in COUNTERS) == name.endswith("_total")
