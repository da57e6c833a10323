"""A training step of every network on the GPU beside the CPU's, whose parity with the published code is tested.

The yardstick is float64 on the CPU: loss and gradients on the GPU are no further from it than a few times what the same
precision is on the CPU.
"""

import pytest
import torch

from fernn.models.noether import NoetherNetwork
from fernn.train.run import Run, autocast
from tests.support.small import NAMES, Noise, small

pytestmark = pytest.mark.gpu
TIMES, ROUNDING = {"float32": 10, "bf16": 2}, {"float32": 1e-6, "bf16": 2e-3}


@pytest.fixture(autouse=True)
def drawn_on_the_cpu(monkeypatch, exactly_repeated):
    """A GPU's generator draws other numbers."""
    drawn = NoetherNetwork.noise

    def noise(network, clips, num_frames):
        return drawn(network, clips.cpu().float(), num_frames).to(clips)

    monkeypatch.setattr(NoetherNetwork, "noise", noise)


def loss_and_gradients(name, precision, device):
    """The loss of a step, and the gradients of all weights in a row, in float64 on the CPU."""
    experiment = small(name, {} if precision == "float64" else {"precision": precision})
    run, batch = Run.start(experiment, device), Noise(experiment).batch(4, seed=1)
    dtype = torch.float64 if precision == "float64" else torch.float32
    run.model.to(dtype)
    torch.manual_seed(0)
    with autocast(device, run.experiment.precision):
        task = run.task_of(batch._replace(actions=None if batch.actions is None else batch.actions.to(dtype)))
        loss, _ = task.loss(run.model, batch.clips.to(device, dtype), batch.labels.to(device))
    loss.backward()
    weights = [weight for weight in run.model.parameters() if weight.grad is not None]
    return loss.detach().cpu().double(), torch.cat([weight.grad.flatten() for weight in weights]).cpu().double()


def distance(found, exact):
    return ((found - exact).norm() / exact.norm().clamp_min(1e-12)).item()


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_that_of_the_cpu(name, precision, device):
    exact = loss_and_gradients(name, "float64", torch.device("cpu"))
    expected = loss_and_gradients(name, precision, torch.device("cpu"))
    found = loss_and_gradients(name, precision, device)
    for ours, of_cpu, truth in zip(found, expected, exact, strict=True):
        allowed = TIMES[precision] * distance(of_cpu, truth) + ROUNDING[precision]
        assert distance(ours, truth) <= allowed
