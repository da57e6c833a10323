"""Networks of small systems: the stepper, what is conserved, and that tailoring lowers the drift of a rollout."""

import copy

import pytest
import torch

from data.systems.dynamics import energy
from fernn.config import data_config
from fernn.models import MODELS
from fernn.models.noether import StateConfig, SymbolicConfig
from fernn.models.noether.states import Energy
from fernn.train.noether import StatePrediction
from fernn.train.run import task_of
from fernn.train.task import RMSE

SMALL = {"width": 5}


def network(**fields):
    torch.manual_seed(0)
    return StateConfig(**(SMALL | fields)).build().double()


def sequences(number=3, length=6):
    return torch.randn(number, length, 2, 1, 1, dtype=torch.float64)


def test_a_rollout_goes_from_state_to_state_and_teaching_shows_the_true_ones():
    model, clips = network(inner_steps=0), sequences()
    free = model(clips[:, :2], 4)
    state = clips[:, 1, :, 0, 0]
    for t in range(4):
        state = state + model.backbone.layers(state)
        torch.testing.assert_close(free[:, t, :, 0, 0], state)
    loss, taught = model.outer_loss(clips, 2)
    before = clips[:, 1:-1, :, 0, 0]
    expected = before + model.backbone.layers(before.flatten(0, 1)).view_as(before)
    torch.testing.assert_close(taught[..., 0, 0], expected)
    torch.testing.assert_close(loss, (expected - clips[:, 2:, :, 0, 0]).square().mean())


@pytest.mark.parametrize("system", ["ideal-pendulum", "ideal-spring"])
def test_the_oracle_knows_the_systems_energy(system):
    clips = sequences()
    oracle = MODELS[system]["oracle"].build().embedding
    expected = energy(system, clips[..., 0, 0].numpy())
    torch.testing.assert_close(oracle(clips)[..., 0], torch.from_numpy(expected))


@pytest.mark.parametrize("quantity", ["pendulum-energy", "learned"])
def test_a_small_inner_step_lowers_the_drift_of_every_sequence(quantity):
    model, clips = network(quantity=quantity, inner_lr=1e-5), sequences()
    plain = copy.deepcopy(model.backbone)(clips, 1, 5).frames
    tailored = model.rollout(clips, 1, 5).frames
    drift = [
        (model.embedding(frames)[:, 1:] - model.embedding(frames)[:, :1]).square().sum(dim=(1, 2))
        for frames in (tailored, plain)
    ]
    assert (drift[0] < drift[1]).all()
    alone = torch.cat([model.rollout(clips[i : i + 1], 1, 5).frames for i in range(3)])
    torch.testing.assert_close(alone, tailored)


def test_the_quantity_takes_nothing_from_the_stepper():
    plain, noether = network(inner_steps=0), network(quantity="learned")
    clips = sequences()
    for model in (plain, noether):
        model.outer_loss(clips, 1)[0].backward()
    for ours, theirs in zip(noether.backbone.parameters(), plain.backbone.parameters(), strict=True):
        assert torch.equal(ours, theirs) and torch.equal(ours.grad, theirs.grad)
    assert not list(plain.embedding.parameters()) and noether.embedding.layers[0].weight.grad.any()


def test_a_conserved_quantity_that_spreads_by_one_has_no_loss():
    model, clips = network(quantity="learned"), sequences(number=4)
    constant = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64) * (23 / 24) ** 0.5
    model.embedding.forward = lambda given: constant[:, None, None].expand(-1, given.shape[1], 1)
    plain, _ = network(inner_steps=0).outer_loss(clips, 1)
    torch.testing.assert_close(model.outer_loss(clips, 1)[0], plain)


def test_the_metric_is_the_root_of_the_mean_over_states():
    task = task_of(data_config("ideal-spring"))
    assert task == StatePrediction(1) and task.metric == RMSE
    model, clips = network(inner_steps=0), sequences()
    found = task.kind.of(["a", "b", "c"], task.evaluate(model, clips, torch.zeros(3)))
    error = model(clips[:, :1], 5) - clips[:, 1:]
    assert found.metrics()["rmse"] == pytest.approx(error.square().mean().sqrt().item())
    assert found.metrics()["last_rmse"] == pytest.approx(error[:, -1].square().mean().sqrt().item())
    again = task.kind.of(["a", "b", "c"], found.columns())
    assert again.metrics() == pytest.approx(found.metrics()) and task.examples(model, clips) == {}


def test_impossible_fields_are_refused():
    with pytest.raises(ValueError, match="width must be 1 or more, got 0"):
        StateConfig(width=0)
    with pytest.raises(ValueError, match="inner_lr must be 0 or more, got -1"):
        StateConfig(inner_lr=-1.0)
    assert isinstance(StateConfig(quantity="spring-energy").build().embedding, Energy)


def test_a_formula_is_conserved_as_an_energy_is():
    clips = sequences()
    oracle = network(quantity="pendulum-energy", inner_lr=1e-3)
    torch.manual_seed(0)
    symbolic = SymbolicConfig(**SMALL, inner_lr=1e-3, formula="p**2 - 3*cos(q)").build().double()
    torch.testing.assert_close(symbolic.embedding(clips), oracle.embedding(clips) - 3)
    torch.testing.assert_close(symbolic(clips[:, :1], 5), oracle(clips[:, :1], 5))


def test_a_formula_learns_its_constants_and_its_gain_and_leaves_the_stepper_alone():
    torch.manual_seed(0)
    model, plain, clips = SymbolicConfig(**SMALL, formula="p**2 - 2*cos(q)").build().double(), network(), sequences()
    for one in (model, plain):
        one.outer_loss(clips, 1)[0].backward()
    for ours, theirs in zip(model.backbone.parameters(), plain.backbone.parameters(), strict=True):
        assert torch.equal(ours, theirs) and torch.equal(ours.grad, theirs.grad)
    quantity = model.embedding
    assert quantity.constants.grad.item() and quantity.log_gain.grad.item()
    with torch.no_grad():
        quantity.constants.fill_(-2.5)
    assert str(quantity.learned()) == "p**2 - 2.5*cos(q)"


def test_no_formula_is_the_plain_network():
    torch.manual_seed(0)
    model, clips = SymbolicConfig(**SMALL, formula="none").build().double(), sequences()
    assert torch.equal(model(clips[:, :1], 5), network(inner_steps=0)(clips[:, :1], 5))
    assert model.inner.steps == 0 and not [*model.embedding.parameters()]
    with pytest.raises(ValueError, match="formula must be of q and p .* got"):
        SymbolicConfig(formula="q^p")
