"""Steps that are recorded and replayed equal those computed call by call, bit for bit, on a tape that stands for CUDA.

What CUDA itself does is tested on a GPU, in tests/gpu.
"""

from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fernn.batch import Batch
from fernn.files.checkpoint import pack, unpack
from fernn.train import loop
from fernn.train.graph import MadeBefore, Steps, are_asked, tensors, tensors_in
from fernn.train.loop import fit, steps_of, train_epoch, train_step
from fernn.train.run import Run
from tests.support.small import Noise, small
from tests.support.tape import Tape

EXPERIMENTS = {
    "FERNN": ("kth/fernn-v1", {}),
    "two layers": ("kth/fernn-v1", {"model.num_layers": 2}),
    "G-RNN+": ("kth/grnn-plus", {"model.velocity_range": (1, 1)}),
    "3D-CNN": ("kth/3dcnn", {}),
    "drifting": ("translating-mnist/fernn-v1", {}),
    "states made again": ("translating-mnist/fernn-v1", {"model.recompute_steps": 2}),
    "turning": ("rotating-mnist/fernn-v2", {}),
    "E3D-LSTM": ("moving-mnist/e3d-lstm", {"optim.name": "adam", "data.sampling_rate": 0.2}),
    "dynamics": ("ocean/unet-um", {"optim.name": "decaying-adam"}),
    "Noether": ("physics101/noether", {"optim.clip_norm": 1e-3}),
    "states": ("ideal-pendulum/noether", {}),
    "formula": ("ideal-pendulum/symbolic", {}),
}


def run_of(experiment):
    """As on a GPU, with a learning rate that is a tensor."""
    run = Run.start(experiment)
    run.optimizer.param_groups[0]["lr"] = torch.tensor(experiment.optim.lr)
    return run


def rows_of(run, until=None):
    rows = fit(run, Noise(run.experiment), until)
    return [{name: value for name, value in row.items() if "time/" not in name} for row in rows]


@pytest.fixture
def tape(monkeypatch):
    """What records the steps of the next runs."""
    tape = Tape()
    monkeypatch.setattr(loop, "steps_of", lambda run: Steps(partial(train_step, run), run.experiment.batch_size, tape))
    return tape


@pytest.mark.parametrize("fields", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_replayed_steps_equal_those_computed_call_by_call(fields, monkeypatch):
    experiment, recorder = small(*fields), Tape()
    called = run_of(experiment)
    expected = rows_of(called)
    monkeypatch.setattr(loop, "steps_of", lambda run: Steps(partial(train_step, run), 4, recorder))
    replayed = run_of(experiment)
    assert rows_of(replayed) == expected
    assert pack(*replayed.state()) == pack(*called.state())
    assert (
        replayed.launch == "as a CUDA graph" and recorder.num_replays == 4
    )  # all whole batches of an epoch but those of the warm-up and the recorded one


def test_a_resumed_run_equals_an_unbroken_one(tape):
    experiment = small(*EXPERIMENTS["dynamics"])
    unbroken, first, resumed = (run_of(experiment) for _ in range(3))
    expected = rows_of(unbroken)
    rows = rows_of(first, until=1)
    resumed.load(*unpack(pack(*first.state())))
    assert rows + rows_of(resumed) == expected
    assert pack(*resumed.state()) == pack(*unbroken.state())


def test_what_python_decides_is_recorded_with_the_step():
    """The tape can tell: a rate that is no tensor stays that of the recorded step, so that the runs would differ."""
    weight, taped = nn.Parameter(torch.ones(1)), Tape()
    optimizer = torch.optim.SGD([weight], lr=0.5)
    weight.grad = torch.ones(1)

    def step(batch):
        optimizer.step()
        return weight.detach().clone()

    steps = Steps(step, 1, taped)
    batch = Batch(torch.zeros(1), torch.zeros(1), ["a"])
    assert [steps(batch).item() for _ in range(4)] == [0.5, 0.0, -0.5, -1.0]
    optimizer.param_groups[0]["lr"] = 100.0
    assert steps(batch).item() == -1.5


def test_a_step_that_reads_its_result_is_computed_call_by_call_and_says_why():
    seen = []

    def step(batch):
        seen.append(batch.clips.sum().item())
        return batch.clips

    steps = Steps(step, 1, Tape())
    for number in range(6):
        steps(Batch(torch.tensor([float(number)]), torch.zeros(1), ["a"]))
    assert seen == [0, 1, 2, 3, 4, 5] and steps.launch == (
        "call by call: operation not permitted when stream is capturing"
    )


def test_a_recorded_step_finds_the_whole_batch_on_the_device():
    seen = []
    steps = Steps(
        lambda batch: seen.append([one.device.type for one in tensors(batch)]) or batch.clips, 1, Tape("meta")
    )
    batch = Batch(torch.zeros(1), torch.zeros(1), ["a"], torch.zeros(1))
    for _ in range(5):
        steps(batch)
    assert seen == [["cpu"] * 3] * 3 + [["meta"] * 3]


def test_memory_that_runs_out_while_a_step_is_recorded_is_for_the_trial():
    def step(batch):
        if batch.ids == ["full"]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return batch.clips

    steps = Steps(step, 1, Tape())
    batch = Batch(torch.zeros(1), torch.zeros(1), ["a"])
    for _ in range(3):
        steps(batch)
    with pytest.raises(torch.OutOfMemoryError):
        steps(batch._replace(ids=["full"]))


def test_what_a_step_reads_is_held_and_nothing_that_it_makes():
    table, weight = torch.tensor([1, 0]), nn.Parameter(torch.ones(2))
    with MadeBefore() as made_before:
        (weight.index_select(0, table) * 2).sum().backward()
        weight.data.add_(weight.grad)
    assert {id(tensor) for tensor in made_before.tensors} >= {id(table)}
    places = {tensor.untyped_storage().data_ptr() for tensor in made_before.tensors}
    assert places == {table.untyped_storage().data_ptr(), weight.untyped_storage().data_ptr()}


def test_graphs_are_for_gpus_and_for_models_whose_steps_are_alike(monkeypatch):
    monkeypatch.delenv("FERNN_CUDA_GRAPHS", raising=False)
    assert steps_of(Run.start(small("kth/grnn"))).recorder is None
    forced = small("translating-mnist/grnn", {"model.teacher_forcing": 0.5})
    assert forced.override({"model.teacher_forcing": 0.0}).model.repeats_steps and not forced.model.repeats_steps
    assert not small("real-pendulum/hnn").model.repeats_steps
    assert are_asked()
    monkeypatch.setenv("FERNN_CUDA_GRAPHS", "0")
    assert not are_asked()
    monkeypatch.setenv("FERNN_CUDA_GRAPHS", "no")
    with pytest.raises(ValueError, match="FERNN_CUDA_GRAPHS must be 0 or 1, got 'no': unset it"):
        are_asked()


class Waiting(TorchDispatchMode):
    """Counts copies between CPU and device for whose end the host waits."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        is_copy = func.overloadpacket.__name__ in ("_to_copy", "copy_")
        goes_on = (kwargs or {}).get("non_blocking") or (*args[2:], False)[0]
        self.number += is_copy and not goes_on and len({one.device.type for one in tensors_in((args, made))}) > 1
        return made


def on_meta(experiment):
    """A run whose tensors have no values: a call that reads one raises an error."""
    model = experiment.model.build().to("meta")
    return Run(experiment, torch.device("meta"), model, experiment.optim.build(model.parameters()))


@pytest.mark.parametrize("name", ["FERNN", "G-RNN+", "3D-CNN", "drifting", "turning", "E3D-LSTM", "dynamics", "states"])
def test_the_host_reads_the_device_once_an_epoch_and_waits_for_no_copy(name, monkeypatch):
    """Clips are made on the device; labels come from the CPU."""
    run, reads = on_meta(small(*EXPERIMENTS[name])), []
    monkeypatch.setattr(loop, "autocast", lambda device, precision: nullcontext())  # there is none without values
    monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: reads.append(tensor.device.type) or [1.0, 1.0, 1.0])
    batches = Noise(run.experiment).training(0, 1)
    clips = SimpleNamespace(training=lambda seed, epoch: [b._replace(clips=b.clips.to("meta")) for b in batches])
    train_epoch(run, clips, steps_of(run))  # which makes tables, once
    reads.clear()
    with Waiting() as waiting:
        train_epoch(run, clips, steps_of(run))
    assert reads == ["meta"] and waiting.number == len(batches)  # the clips of this test
