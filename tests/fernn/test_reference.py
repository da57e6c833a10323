"""Weights of the published code in our networks: wrapped, in other precisions, and those that do not fit.

That the networks then compute what the published ones do is measured in ``tests/journeys/test_parity.py``.
"""

import ast

import pytest
import torch

from fernn.files.weights import weights_in
from fernn.reference import from_reference, is_published, published_dynamics
from tests.support.golden import drawn, golden, part

CASES = ["kth_grnn", "kth_fernn_v1", "kth_grnn_plus_v1", "kth_fernn_v1_two_layers", "kth_3dcnn"]


def model_of(values, metadata):
    velocities = ast.literal_eval(metadata["v_list_vy_vx"]) if "v_list_vy_vx" in metadata else None
    return from_reference(part(values, "weights."), task="kth", velocities=velocities)


def assert_same(actual, expected, tolerance):
    assert (actual - expected).abs().max() <= tolerance * expected.abs().max()


def test_weights_keep_their_precision():
    values, metadata = golden("kth_fernn_v1")
    double = {name: w.double() if w.is_floating_point() else w for name, w in part(values, "weights.").items()}
    model = from_reference(double, task="kth", velocities=ast.literal_eval(metadata["v_list_vy_vx"])).eval()
    with torch.no_grad():
        assert_same(model(values["in.clip"].double()), values["out.eval_logits"], 1e-5)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: {f"module._orig_mod.{name}": weight for name, weight in weights.items()},
        lambda weights: {f"model.{name}": weight for name, weight in weights.items()},
        lambda weights: {"epoch": 3, "ema": {}, "model_state_dict": {f"module.{n}": w for n, w in weights.items()}},
        lambda weights: {name: torch.nn.Parameter(w) if w.is_floating_point() else w for name, w in weights.items()},
    ],
)
@pytest.mark.parametrize("name", CASES)
def test_weights_may_be_wrapped(name, wrap, tmp_path):
    values, metadata = golden(name)
    velocities = ast.literal_eval(metadata["v_list_vy_vx"]) if "v_list_vy_vx" in metadata else None
    expected = model_of(values, metadata).state_dict()
    torch.save(wrap(part(values, "weights.")), tmp_path / "w.pth")
    for given in (wrap(part(values, "weights.")), weights_in(tmp_path / "w.pth", is_published).weights):
        found = from_reference(given, task="kth", velocities=velocities).state_dict()
        assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize(("dtype", "share"), [(torch.float16, 2**-11), (torch.bfloat16, 2**-8)])
def test_weights_in_half_precision_make_a_network_in_single(dtype, share):
    values, metadata = golden("kth_fernn_v1")
    velocities, whole = ast.literal_eval(metadata["v_list_vy_vx"]), part(values, "weights.")
    for half in (
        {name: w.to(dtype) if w.is_floating_point() else w for name, w in whole.items()},
        {name: w.to(dtype) if "conv" in name and w.dim() == 4 else w for name, w in whole.items()},
    ):
        model = from_reference(half, task="kth", velocities=velocities)
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        found, expected = model.state_dict()["head.weight"], whole["fc.weight"]
        assert ((found - expected).abs() <= share * expected.abs() + 1e-7).all()  # rounded once, to its nearest


def test_integers_for_weights_are_named_as_the_file_names_them():
    values, metadata = golden("kth_fernn_v1")
    weights = part(values, "weights.") | {"fc.weight": (100 * values["weights.fc.weight"]).to(torch.int8)}
    with pytest.raises(ValueError, match="'fc.weight' must hold floating-point numbers, got torch.int8"):
        from_reference(weights, task="kth", velocities=ast.literal_eval(metadata["v_list_vy_vx"]))
    weights["fc.weight"] = torch.full((6, 16), torch.nan)
    with pytest.raises(ValueError, match="the weights must hold finite numbers, 96 of 96 in 'fc.weight'"):
        from_reference(weights, task="kth")


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


def dynamics_network(metadata, weights):
    sizes = {name: int(metadata[name]) for name in ("kernel_size", "input_length")}
    return published_dynamics(metadata["network"], weights, **sizes)


def test_weights_of_dynamics_that_do_not_fit_are_refused():
    _, metadata = golden("dynamics_unet_mag")
    weights = list(drawn(metadata))
    with pytest.raises(ValueError, match="weights must be the 26 parameters of unet-mag, got 25"):
        dynamics_network(metadata, weights[:-1])
    with pytest.raises(ValueError, match=r"must have shape \(64, 6, 3, 3\), got \(64,\)"):
        dynamics_network(metadata, [weights[1], weights[0], *weights[2:]])
    with pytest.raises(ValueError, match="name must be one of resnet, .*, got 'unet-turn'"):
        dynamics_network(metadata | {"network": "unet-turn"}, weights)
    with pytest.raises(ValueError, match=r"weights of unet-rot: .*bias must have shape \(32,\), got \(64, 6, 3, 3\)"):
        dynamics_network(metadata | {"network": "unet-rot"}, [*weights, *weights[:12]])
