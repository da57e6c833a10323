"""Tailoring: a step is that of PyTorch's optimizers, and a trained predictor takes it on a copy, clip by clip."""

import copy
from contextlib import nullcontext
from itertools import islice

import pytest
import torch

from fernn.models import MODELS
from fernn.models.noether.quantities import Brightness, conservation_loss
from fernn.models.noether.tailoring import Descent, InnerSteps, TailoredPredictor

NARROW = {
    "e3d-lstm": {"hidden_channels": 2, "num_layers": 2, "kernel_size": 3, "patch_size": 4},
    "fernn-v1": {"hidden_channels": 3, "decoder_layers": 1},
}
RECOMPUTED = NARROW["fernn-v1"] | {"recompute_steps": 2}
CASES = [*NARROW.items(), ("fernn-v1", RECOMPUTED)]


def network(name, fields):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return MODELS["moving-mnist"][name].override(fields).build().eval()


@pytest.fixture
def frames():
    return torch.rand(1, 2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "fields"), CASES)
@pytest.mark.parametrize(("optimizer", "library"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_steps_are_those_of_an_optimizer_on_a_copy(name, fields, optimizer, library, frames):
    predictor, quantity = network(name, fields), Brightness()
    before = copy.deepcopy(predictor.state_dict())
    tailored = TailoredPredictor(predictor, quantity, nullcontext)
    with torch.no_grad():
        steps = list(islice(tailored.descend(InnerSteps(lr=1e-3, optimizer=optimizer, compared="first"), frames, 3), 5))
        assert torch.equal(steps[0].frames[:, 2:], predictor(frames, 3))
        assert torch.equal(steps[0].frames[:, :2], frames)
    plain, losses = copy.deepcopy(predictor), []
    by = library(plain.parameters(), lr=1e-3)
    for _ in steps[1:]:
        by.zero_grad()
        loss = conservation_loss(quantity(torch.cat([frames, plain(frames, 3)], dim=1)), "first").sum()
        losses.append(loss.item())
        loss.backward()
        by.step()
    assert [step.losses.item() for step in steps[:4]] == pytest.approx(losses, rel=1e-4) and losses[-1] < losses[0]
    for weight, moved in zip(plain.parameters(), tailored.predictor.parameters(), strict=True):
        torch.testing.assert_close(moved.detach(), weight.detach(), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in predictor.state_dict().items())


def test_every_clip_begins_with_the_trained_weights(frames):
    tailored = TailoredPredictor(network(*CASES[1]), Brightness(), nullcontext)
    inner = InnerSteps(lr=1e-2, optimizer="adam", compared="first")
    first, again = ([step.losses.item() for step in islice(tailored.descend(inner, frames, 2), 3)] for _ in range(2))
    assert first == again
    with pytest.raises(ValueError, match="frames must be of 1 clip, whose weights are its own, got 2"):
        next(tailored.descend(inner, torch.cat([frames, frames]), 2))


@pytest.mark.parametrize(("name", "library"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_steps_are_those_of_pytorchs_optimizers(name, library):
    """On a loss for each sample, with its minimum at (1, 2, 3)."""
    moved = {"x": torch.randn(2, 3)}
    values = moved["x"].clone().requires_grad_()
    optimizer, descent = library([values], lr=0.01), Descent(InnerSteps(lr=0.01, optimizer=name))
    for _ in range(20):
        optimizer.zero_grad()
        (values - torch.tensor([1.0, 2.0, 3.0])).pow(4).sum().backward()
        moved = descent(moved, {"x": values.grad.clone()})
        optimizer.step()
        torch.testing.assert_close(moved["x"], values.detach(), rtol=1e-5, atol=1e-6)
