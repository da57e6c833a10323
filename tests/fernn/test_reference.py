"""Parity with the published code: outputs, losses, gradients and running statistics."""

import ast
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file

from fernn.reference import from_reference, renamed

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = ["kth_grnn", "kth_fernn_v1", "kth_grnn_plus_v1", "kth_fernn_v1_two_layers", "kth_3dcnn"]


def golden(name):
    path = GOLDEN / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        return load_file(path), file.metadata()


def part(values, prefix):
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def model_of(values, metadata):
    velocities = ast.literal_eval(metadata["v_list_vy_vx"]) if "v_list_vy_vx" in metadata else None
    return from_reference(part(values, "weights."), task="kth", velocities=velocities)


def assert_same(actual, expected, tolerance):
    assert (actual - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize("name", CASES)
def test_outputs_equal_the_published_ones(name):
    values, metadata = golden(name)
    model = model_of(values, metadata).eval()
    with torch.no_grad():
        assert_same(model(values["in.clip"]), values["out.eval_logits"], 1e-5)
        if "out.eval_last_hidden_v_b_c_h_w" in values:
            *_, hidden = model.hidden_states(values["in.clip"])
            assert_same(hidden, values["out.eval_last_hidden_v_b_c_h_w"], 1e-5)


@pytest.mark.parametrize("name", CASES)
def test_a_training_pass_equals_the_published_one(name):
    values, metadata = golden(name)
    model = model_of(values, metadata).train()
    loss = F.cross_entropy(model(values["in.clip"]), values["in.label"])
    loss.backward()
    assert_same(loss.detach(), values["out.train_loss"], 1e-5)
    parameters, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    for key, gradient in part(values, "grad.").items():
        ours = "cells.0.kernels.weight" if key == "lstm.learned_kernels" else renamed(key)
        assert_same(parameters[ours].grad, gradient, 1e-4)
    for key, statistic in part(values, "after_train_forward.").items():
        assert_same(buffers[renamed(key)], statistic, 1e-5)


def test_weights_keep_their_precision():
    values, metadata = golden("kth_fernn_v1")
    double = {name: w.double() if w.is_floating_point() else w for name, w in part(values, "weights.").items()}
    model = from_reference(double, task="kth", velocities=ast.literal_eval(metadata["v_list_vy_vx"])).eval()
    with torch.no_grad():
        assert_same(model(values["in.clip"].double()), values["out.eval_logits"], 1e-5)


@pytest.mark.parametrize(
    ("name", "task", "velocities", "message"),
    [
        ("kth_fernn_v1", "mnist", [(0, 0)], "task must be one of kth, translating_mnist, rotating_mnist, got 'mnist'"),
        ("kth_fernn_v1", "kth", [(0, 0), (0, 1)], "velocities must have 9 entries, as lstm.shift_kernels, got 2"),
        ("kth_grnn_plus_v1", "kth", [(0, 0)], "velocities must have 9 entries, as lstm.learned_kernels, got 1"),
        ("kth_fernn_v1", "kth", None, "the weights have no 'st1.0.weight'"),
        ("kth_3dcnn", "kth", [(0, 0)], "the weights have no 'lstm.conv_u_first.0.weight'"),
    ],
)
def test_weights_that_do_not_fit_are_refused(name, task, velocities, message):
    values, _ = golden(name)
    with pytest.raises(ValueError, match=message):
        from_reference(part(values, "weights."), task=task, velocities=velocities)


def test_a_missing_weight_is_named():
    weights = part(golden("kth_3dcnn")[0], "weights.")
    del weights["st2.0.0.weight"]
    with pytest.raises(ValueError, match=r"do not fit the published CNN3D: [\s\S]*stages.1.0.weight"):
        from_reference(weights, task="kth")
