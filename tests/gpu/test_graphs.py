"""Steps that are recorded as CUDA graphs, against the same computed call by call, for every network."""

import pytest
import torch

from fernn.files.checkpoint import pack, unpack
from fernn.train.graph import SWITCH, CUDARecorder, Steps
from fernn.train.loop import fit
from fernn.train.run import Run
from tests.support.small import NAMES, Noise, small

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("exactly_repeated")]


def trained(experiment, device, until=None, run=None):
    """A run after its epochs, and their rows."""
    run = run or Run.start(experiment, device)
    rows = list(fit(run, Noise(experiment), until))
    return run, [{name: value for name, value in row.items() if "time/" not in name} for row in rows]


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_gives_the_same_bits(name, gpu, monkeypatch):
    """Where two runs call by call do; else no more than they differ from each other, ten times over."""
    experiment = small(name)
    monkeypatch.setenv(SWITCH, "0")
    (once, expected), (again, _) = trained(experiment, gpu), trained(experiment, gpu)
    monkeypatch.setenv(SWITCH, "1")
    graphed, rows = trained(experiment, gpu)
    assert once.launch == "call by call"
    assert graphed.launch == ("as a CUDA graph" if experiment.model.repeats_steps else "call by call")
    if pack(*once.state()) == pack(*again.state()):
        assert rows == expected and pack(*graphed.state()) == pack(*once.state())
    else:
        apart = furthest(once, again)
        assert furthest(once, graphed) <= 10 * apart, f"two runs call by call differ by {apart:g}"


def furthest(one, other):
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


def test_a_resumed_run_goes_on_as_an_unbroken_one(gpu):
    experiment = small("kth/fernn-v2")
    unbroken, expected = trained(experiment, gpu)
    first, rows = trained(experiment, gpu, until=1)
    resumed = Run.start(experiment, gpu)
    resumed.load(*unpack(pack(*first.state())))
    _, others = trained(experiment, gpu, run=resumed)
    assert rows + others == expected and pack(*resumed.state()) == pack(*unbroken.state())


def test_a_step_that_reads_its_result_is_computed_call_by_call_and_training_goes_on(gpu):
    experiment = small("kth/grnn")
    batch, seen = Noise(experiment).batch(4, 1), []

    def step(batch):
        seen.append(batch.clips.to(gpu).sum().item())
        return torch.zeros(3, device=gpu)

    steps = Steps(step, 4, CUDARecorder(gpu))
    for _ in range(6):
        steps(batch)
    assert len(set(seen)) == 1 and len(seen) >= 6 and steps.launch.startswith("call by call: ")
    _, rows = trained(experiment, gpu)
    assert len(rows) == experiment.epochs


def test_a_graph_holds_what_it_reads(gpu):
    """Tables made before it was recorded may be forgotten by their caches, and other memory be asked for."""
    tables = [torch.arange(1000, device=gpu)]
    recording = CUDARecorder(gpu).record(lambda: tables[0] * 1)
    expected = recording.result.clone()
    tables.clear()
    torch.cuda.empty_cache()
    others = [torch.full((1000,), 7, device=gpu) for _ in range(100)]
    recording.replay()
    assert torch.equal(recording.result, expected) and len(others) == 100
