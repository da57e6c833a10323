"""Tailoring of trained predictors: the steps are those of PyTorch's optimizer on a copy, clip by clip."""

import copy
from contextlib import nullcontext
from itertools import islice

import pytest
import torch

from fernn.models import MODELS
from fernn.models.noether import InnerSteps
from fernn.models.noether.predictor import TailoredPredictor
from fernn.models.noether.quantities import Brightness, FrameQuantity, conservation_loss, learn, learning_terms

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
        assert torch.equal(steps[0].found.frames[:, 2:], predictor(frames, 3))
        assert torch.equal(steps[0].found.frames[:, :2], frames)
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


def test_a_quantity_learns_to_stay_and_to_spread():
    state = torch.random.get_rng_state()
    embedding = FrameQuantity.seeded(1, 8, seed=5)
    assert torch.equal(torch.random.get_rng_state(), state)
    draws = torch.Generator().manual_seed(1)
    still = torch.rand(60, 8, 1, 1, 8, 8, generator=draws).expand(-1, -1, 5, -1, -1, -1)
    clips = still + 0.1 * torch.rand(still.shape, generator=draws)  # what stays, under noise that does not
    with torch.no_grad():
        before = sum(learning_terms(embedding(clips[0])))
    learn(embedding, clips)
    stays, spreads = learning_terms(embedding(clips[0]))
    assert stays + spreads < before / 3 and spreads < 0.3
    assert not any(weight.requires_grad for weight in embedding.parameters())


def test_brightness_is_that_of_every_channel():
    clips = torch.zeros(1, 2, 2, 2, 2)
    clips[0, 1, 1, 0, 0] = 1
    assert Brightness()(clips).tolist() == [[[0, 0], [0, 0.25]]]
