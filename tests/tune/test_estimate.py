"""What a plan costs: probed once a model, scaled by clips, epochs and trials at once."""

from dataclasses import replace

import pytest

from fernn.experiment import Experiment
from fernn.models import MODELS
from tune import estimate
from tune.study import plan_cells

SMALL = {"model.hidden_channels": 2, "model.embedding_channels": (2,), "data.size": 8, "data.num_frames": 2}


class Clips:
    """As much of a manifest as an estimate reads."""

    clips = {"paper": {"train": 90, "validation": 30, "test": 30}}


def test_time_and_disk_scale_with_cells_epochs_and_concurrency(monkeypatch):
    monkeypatch.setattr(estimate, "probe", lambda experiment, cpus: (0.5, 100_000))
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (0, 1, 2)}, "hash", settings={"epochs": 6})
    assert estimate.describe_cost(cells, Clips(), 1, 1).startswith("about 15 min with 1 at once")  # 3 x 6 x 100 x 0.5 s
    assert estimate.describe_cost(cells, Clips(), 1, 3).startswith("about 5 min with 3 at once")
    assert estimate.describe_cost(cells, Clips(), 1, 1).endswith("4.8 MB of checkpoints")


def test_cells_that_differ_in_rate_seed_or_epochs_share_a_probe():
    base = Experiment()
    changes = ({"seed": 3}, {"optim.lr": 1e-4}, {"epochs": 7})
    assert {estimate.probe_of(base.override(change)) for change in changes} == {estimate.probe_of(base)}
    assert estimate.probe_of(replace(base, model=MODELS["grnn"])) != estimate.probe_of(base)


def test_a_probe_measures_a_step_and_counts_parameters():
    seconds, parameters = estimate.probe(Experiment().override({"model": "grnn", **SMALL}), cpus=1)
    assert seconds > 0 and parameters == 2 * 25 + 4 + 2 * 2 * 9 + 4 + 2 * 2 * 9 + 2 * 6 + 6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((1, 0, None, 0), 2), ((0.5, 0, 3, 0), 3), ((1, 0.25, None, 1), 2), ((8, 0, None, 0), 1)],
)
def test_the_scarcest_resource_decides_how_many_run_at_once(arguments, expected, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert estimate.concurrency_of(*arguments) == expected
