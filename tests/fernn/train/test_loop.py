"""Training: deterministic, a resumed run equals an unbroken one bit for bit, and a step makes few tensor calls."""

import math

import pytest
import torch

from fernn.batch import Batch
from fernn.experiment import Experiment
from fernn.files.checkpoint import pack, unpack
from fernn.train.loop import DivergedError, fit, train_step
from fernn.train.run import Run
from tests.fernn.train.noise import Noise, experiment
from tests.support.calls import TensorCalls

KTH = "fernn-v1", "fernn-v2"


def deterministic(row):
    return {name: value for name, value in row.items() if not name.startswith("time/")}


def rows_of(run):
    return [deterministic(row) for row in fit(run, Noise())]


@pytest.mark.parametrize("stop", [1, 3])
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(stop):
    unbroken = Run.start(experiment())
    expected = rows_of(unbroken)
    first = Run.start(experiment())
    rows = [deterministic(row) for _, row in zip(range(stop), fit(first, Noise()), strict=False)]
    resumed = Run.start(experiment())
    resumed.load(*unpack(pack(*first.state())))
    assert rows + rows_of(resumed) == expected
    assert pack(*resumed.state()) == pack(*unbroken.state())


def test_rows_name_every_metric_and_the_best_epoch():
    rows = rows_of(Run.start(experiment()))
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    accuracies = [row["validation/accuracy"] for row in rows]
    assert rows[-1]["best/accuracy"] == max(accuracies)
    assert rows[-1]["best/epoch"] == 1 + accuracies.index(max(accuracies))
    assert rows[-1]["train/loss"] < rows[0]["train/loss"]


def test_bf16_trains():
    rows = rows_of(Run.start(experiment(precision="bf16")))
    assert all(math.isfinite(row["train/loss"]) for row in rows)


def test_a_loss_that_is_no_number_ends_the_run():
    run = Run.start(experiment())
    with torch.no_grad():
        run.model.head.weight.fill_(math.nan)
    with pytest.raises(DivergedError, match="the training loss is nan in epoch 1: lower optim.lr"):
        next(fit(run, Noise()))


def test_the_last_epoch_is_tested_where_that_is_asked_for():
    rows = rows_of(Run.start(experiment(selection="last")))
    assert [row["best/epoch"] for row in rows] == [1, 2, 3, 4]
    assert [row["best/accuracy"] for row in rows] == [row["validation/accuracy"] for row in rows]


def test_a_run_that_stops_early_does_so_when_it_is_resumed_too():
    planned = experiment(epochs=40, early_stopping=3)
    unbroken = Run.start(planned)
    expected = rows_of(unbroken)
    accuracies = [row["validation/accuracy"] for row in expected]
    assert 10 <= len(expected) < 40 and sum(accuracies[-5:]) <= sum(accuracies[-10:-5])
    assert [row["epoch"] for row in expected] == list(range(1, len(expected) + 1))
    first = Run.start(planned)
    rows = [deterministic(row) for _, row in zip(range(7), fit(first, Noise()), strict=False)]
    resumed = Run.start(planned)
    resumed.load(*unpack(pack(*first.state())))
    assert rows + rows_of(resumed) == expected and rows_of(resumed) == []


def calls_of_step(data, model, **fields):
    """Those of a training step of two channels or one field on one clip, after one that made the optimizer's state."""
    width = {"model.hidden_fields": 1} if data == "rotating-mnist" else {"model.hidden_channels": 2}
    run = Run.start(Experiment().override({"data.name": data, "model": model, **width, **fields}))
    batch = Batch(torch.rand(1, run.experiment.data.num_frames, 1, 6, 6), torch.zeros(1, dtype=torch.long), ["a"])
    train_step(run, batch)
    with TensorCalls() as calls:
        train_step(run, batch)
    return calls


def test_calls_are_counted_without_views_and_through_the_backward_pass():
    weight = torch.ones(3, requires_grad=True)
    with TensorCalls() as calls:
        (weight[1:].view(2, 1) * 2).sum().backward()
    assert calls.by_name == {"mul": 2, "sum": 1, "ones_like": 1, "slice_backward": 1}


def test_a_step_of_kths_networks_makes_few_calls_and_no_more_for_more_velocities():
    small, large = (calls_of_step("kth", name, **{"model.embedding_channels": (2, 2)}) for name in KTH)
    assert small.number == large.number <= 255
    assert calls_of_step("kth", "grnn-plus", **{"model.embedding_channels": (2, 2)}).number <= 356
    assert large.by_name["_fused_adam_"] == 1 and large.by_name["_local_scalar_dense"] == 0


def test_deeper_networks_make_no_more_calls_for_more_velocities():
    small, large = (calls_of_step("kth", name, **{"model.num_layers": 2}).number for name in KTH)
    assert small == large <= 700


def test_a_step_of_translating_predictors_makes_few_calls_and_no_more_for_more_velocities():
    small, large = (calls_of_step("translating-mnist", name).number for name in KTH)
    assert calls_of_step("translating-mnist", "grnn").number < small == large <= 400


def test_a_step_of_rotating_predictors_makes_no_more_calls_for_more_velocities():
    """A turn of all slices is three calls: a gather, a sampling, and one that places them beside a picture."""
    small, large = (calls_of_step("rotating-mnist", name).number for name in ("fernn-v2", "fernn-v4"))
    assert calls_of_step("rotating-mnist", "grnn").number < small == large <= 400
