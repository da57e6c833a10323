"""Networks of derivatives: the published outputs, and an inner step of every state's own weights.

Golden files: greydanus/hamiltonian-nn, hnn.py, HNN.time_derivative (33-55), nn_models.py, MLP (8-26), L2_loss of
utils.py (32-33), and utils.integrate_model (11-19). The inner step has no published code: it is held against one that
copies the weights for each state (torch.func), from Alet et al., workshop version, section 4 and equation 3.
"""

import pytest
import torch
from torch.func import functional_call, grad, vmap

from fernn.models import MODELS
from fernn.models.noether import DerivativeConfig
from fernn.models.noether.derivatives import FARTHEST
from tests.support.golden import golden
from tests.support.parity.derivatives import gradients, network

FILES = ["hnn_baseline", "hnn_solenoidal"]
TAILORED = {"width": 7, "formula": "p**2 - 2.9*cos(q)", "inner_lr": 0.3, "interval": 0.07, "derivative_steps": 0}


@pytest.mark.parametrize("name", FILES)
def test_derivatives_loss_and_gradients_are_the_published_ones(name):
    values, metadata = golden(name)
    model = network(values, metadata)
    loss = model.outer_loss(values["in.states"], values["in.derivatives"])
    loss.backward()
    close = {"rtol": 0, "atol": 1e-6}  # of numbers about one, in single precision
    torch.testing.assert_close(model.derivatives(values["in.states"]).detach(), values["out.derivatives"], **close)
    torch.testing.assert_close(loss.detach(), values["out.train_loss"], **close)
    pairs = list(gradients(model, values))
    assert len(pairs) == 5 and (name == FILES[1]) == (not pairs[4][1][0].any())  # the first number is not used
    for ours, published in pairs:
        torch.testing.assert_close(ours, published, **close)


@pytest.mark.parametrize("name", FILES)
def test_a_rollout_is_the_one_of_the_published_integrator(name):
    """Which has tolerances of 1e-10: what differs is the fixed step's, of at most 0.05, of fourth order."""
    values, metadata = golden(name)
    model = network(values, metadata).double()
    with torch.no_grad():
        found = model.rollout(values["in.start"][None], values["in.times"][None])[0]
    torch.testing.assert_close(found, values["out.rollout"], rtol=0, atol=1e-6)


def reference(model, weights, states):
    """Derivatives by weights of each state's own, which one gradient step on its conservation loss has moved."""
    interval, rate = model.config.interval, model.config.inner_lr

    def inner(own, state):
        return (quantity(state + interval * functional_call(model.mlp, own, (state[None],))[0]) - quantity(state)) ** 2

    def quantity(state):
        return state[1] ** 2 - 2.9 * torch.cos(state[0])

    def tailored(state):
        slopes = grad(inner)(weights, state)
        moved = {name: weight - rate * slopes[name] for name, weight in weights.items()}
        return functional_call(model.mlp, moved, (state[None],))[0]

    return vmap(tailored)(states)


def test_all_weights_take_each_states_own_inner_step_and_learn_through_it():
    model = DerivativeConfig(**TAILORED).build().double()
    model.constants.data.fill_(-2.9)  # in double precision
    states, derivatives = torch.randn(2, 9, 2, dtype=torch.float64)
    weights = {name: weight.detach() for name, weight in model.mlp.named_parameters()}
    expected = reference(model, weights, states)
    with torch.no_grad():
        torch.testing.assert_close(model.derivatives(states), expected, rtol=0, atol=1e-14)
    assert (expected - model.mlp(states)).abs().max() > 0.05
    model.outer_loss(states, derivatives).backward()
    slopes = grad(lambda own: (reference(model, own, states) - derivatives).square().mean())(weights)
    for name, slope in slopes.items():
        torch.testing.assert_close(model.mlp.get_parameter(name).grad, slope, rtol=0, atol=1e-14)
    assert model.constants.grad.item() != 0


def test_tailoring_lowers_the_drift_and_begins_after_the_steps_of_the_plain_network():
    model = DerivativeConfig(**TAILORED | {"inner_lr": 1e-3, "derivative_steps": 2}).build().double()
    states = torch.randn(5, 2, dtype=torch.float64)
    for _ in range(2):
        assert torch.equal(model.derivatives(states), model.mlp(states))
        model.outer_loss(states, states)
    model.eval()
    model.outer_loss(states, states)
    assert int(model.steps) == 2 and int(model.state_dict()["steps"]) == 2

    def drift(slopes):
        return (model.quantity(states + 0.07 * slopes) - model.quantity(states)).square()

    assert (drift(model.derivatives(states)) < drift(model.mlp(states))).all()


def test_a_hamiltonian_network_conserves_its_h_and_the_plain_one_does_not():
    starts, times = torch.randn(3, 2, dtype=torch.float64), torch.linspace(0, 2, 9, dtype=torch.float64).expand(3, -1)
    for hamiltonian in (True, False):
        model = DerivativeConfig(width=6, hamiltonian=hamiltonian).build().double()
        with torch.no_grad():
            energies = model.mlp(model.rollout(starts, times).flatten(0, 1))[:, 1].view(3, 9)
        assert (energies.diff(dim=1).abs().max() < 1e-6) == hamiltonian


def test_a_network_that_is_not_tailored_keeps_its_weights_once_its_steps_are_over():
    model = DerivativeConfig(width=4, derivative_steps=1).build()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2, weight_decay=1e-2)
    kept = []
    for _ in range(3):
        optimizer.zero_grad()
        model.outer_loss(torch.ones(3, 2), torch.zeros(3, 2)).backward()
        optimizer.step()
        kept.append(model.mlp.layers[1].weight.detach().clone())
    assert torch.equal(kept[0], kept[1]) and torch.equal(kept[1], kept[2])


def test_a_rollout_that_runs_away_has_numbers_and_predictions_are_an_interval_apart():
    model = DerivativeConfig(width=4, interval=0.5).build()
    with torch.no_grad():
        starts = torch.randn(2, 3, 2, 1, 1)
        times = torch.tensor([[1.0, 1.5, 2.0]]).expand(2, -1)
        expected = model.rollout(starts[:, -1].flatten(1), times)[:, 1:]
        torch.testing.assert_close(model(starts, 2)[..., 0, 0], expected)
        model.mlp.layers[2].weight.fill_(1e30)
        assert model.rollout(torch.ones(1, 2), torch.tensor([[0.0, 1.0, 2.0]])).abs().max() == FARTHEST


@pytest.mark.parametrize("system", ["ideal-pendulum", "ideal-spring", "real-pendulum"])
def test_published_networks_have_the_published_sizes_and_equal_first_weights(system):
    """An MLP of 2, 200, 200 and 2, the last without bias: 600 + 40,200 + 400 numbers."""
    built = []
    for name in ("vanilla-mlp", "hnn", "meta-tailored", "meta-oracle"):
        torch.manual_seed(0)
        built.append(MODELS[system][name].build())
    plain, *others = built
    assert sum(weight.numel() for weight in plain.mlp.parameters()) == 41_200
    for other in others:
        assert all(map(torch.equal, plain.mlp.state_dict().values(), other.mlp.state_dict().values()))
    assert [net.constants.requires_grad for net in built] == [False, False, True, False]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 0}, "width must be 1 or more, got 0"),
        ({"interval": 0.0}, "interval must be above 0, got 0"),
        ({"formula": "q^p"}, "formula must be of q and p"),
        ({"formula": "q*p", "hamiltonian": True}, "formula must be none where hamiltonian is true, got 'q\\*p'"),
    ],
)
def test_impossible_fields_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        DerivativeConfig(**fields)
