"""KTH's classifiers and MNIST's predictors beside those of akandykeller/FERNN."""

import ast

import torch
import torch.nn.functional as F

from fernn.reference import from_reference, renamed
from tests.support.golden import part
from tests.support.parity.measure import GRADIENTS, OUTPUTS, worst

TASKS = {"v_list_vy_vx": "kth", "v_list_vx_vy": "translating_mnist", "v_list_degrees": "rotating_mnist"}
"""By the name that a file's metadata has for velocities; the 3D-CNN has none."""


def network(values, metadata):
    """Ours with the published weights."""
    name = next(iter(TASKS.keys() & metadata), None)
    velocities = None if name is None else ast.literal_eval(metadata[name])
    return from_reference(part(values, "weights."), task=TASKS.get(name, "kth"), velocities=velocities)


def classifier(values, metadata):
    clips, hidden = values["in.clip"], values.get("out.eval_last_hidden_v_b_c_h_w")
    model = network(values, metadata).eval()
    with torch.no_grad():
        compared = {"logits": (model(clips), values["out.eval_logits"], OUTPUTS)}
        if hidden is not None:
            *_, last = model.hidden_states(clips)
            compared["states after the last frame"] = (last, hidden, OUTPUTS)
    model = network(values, metadata).train()
    return compared | trained(model, F.cross_entropy(model(clips), values["in.label"]), values)


def predictor(values, metadata):
    frames, horizon = values["in.frames"], values["in.target"].shape[1]
    model, hidden = network(values, metadata).eval(), values["out.eval_last_hidden_b_v_c_h_w"]
    with torch.no_grad():
        compared = {"prediction": (model(frames, horizon), values["out.eval_prediction"], OUTPUTS)}
        *_, last = model.hidden_states(frames, horizon)
    compared["states after the last frame"] = (last.transpose(0, 1), hidden, OUTPUTS)
    model = network(values, metadata).train()
    return compared | trained(model, F.mse_loss(model(frames, horizon), values["in.target"]), values)


def trained(model, loss, values):
    """The loss, its gradients, and the running statistics after the pass; of these two, what differs most."""
    loss.backward()
    compared = {"loss": (loss.detach(), values["out.train_loss"], OUTPUTS)}
    parameters, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    gradients = part(values, "grad.")
    assert len(gradients) == len(parameters)
    for name, gradient in gradients.items():
        ours = "cells.0.kernels.weight" if name == "lstm.learned_kernels" else renamed(name)
        compared[f"gradient of {name}"] = (parameters[ours].grad, gradient, GRADIENTS)
    for name, statistic in part(values, "after_train_forward.").items():
        compared[f"after training: {name}"] = (buffers[renamed(name)].float(), statistic.float(), OUTPUTS)
    return worst(compared)
