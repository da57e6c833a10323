"""Networks of derivatives beside those of greydanus/hamiltonian-nn."""

import torch

from fernn.models.noether import DerivativeConfig
from tests.support.golden import part
from tests.support.parity.measure import GRADIENTS, OUTPUTS, worst

PERCEPTRON = "differentiable_model."


def network(values, metadata):
    """Of a golden file, with its weights."""
    weights = part(values, f"weights.{PERCEPTRON}linear")
    width, is_baseline = int(metadata["hidden_dim"]), metadata["baseline"] == "True"
    model = DerivativeConfig(width=width, hamiltonian=not is_baseline).build()
    model.mlp.load_state_dict({f"layers.{int(name[0]) - 1}{name[1:]}": weight for name, weight in weights.items()})
    return model


def gradients(model, values):
    """Pairs of a network's gradients and the published ones."""
    for name, gradient in part(values, f"grad.{PERCEPTRON}linear").items():
        yield model.mlp.get_parameter(f"layers.{int(name[0]) - 1}{name[1:]}").grad, gradient


def derivatives(values, metadata):
    """A rollout is by another integrator, whose error is in the difference."""
    model = network(values, metadata)
    with torch.no_grad():
        rolled = model.double().rollout(values["in.start"][None], values["in.times"][None])[0]
        predicted = model.float().derivatives(values["in.states"])
    loss = model.outer_loss(values["in.states"], values["in.derivatives"])
    loss.backward()
    compared = {
        "derivatives": (predicted, values["out.derivatives"], OUTPUTS),
        "rollout": (rolled, values["out.rollout"], OUTPUTS),
        "loss": (loss.detach(), values["out.train_loss"], OUTPUTS),
    }
    pairs = enumerate(gradients(model, values))
    return compared | worst({f"gradient of {number}": (*pair, GRADIENTS) for number, pair in pairs})
