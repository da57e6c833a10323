"""Weights as people save them: unwrapped, converted, or refused."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given
from safetensors.torch import save_file
from torch import nn

from fernn.files.weights import WeightsError, in_float32, unwrapped, weights_in
from tests.fernn.files.saved import WEIGHTS, assert_is_network, saved
from tests.support.mutations import bounded_memory, mutations, tried

OTHER = {name: weight + 1 for name, weight in WEIGHTS.items()}
ADAM = {"state": {0: {"exp_avg": torch.ones(2), "step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-3}]}


def fits(names):
    return "fc.weight" in names


def named(prefix, weights=WEIGHTS):
    return {prefix + name: weight for name, weight in weights.items()}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (WEIGHTS, []),
        (named("module."), ["without 'module.'"]),
        (named("_orig_mod."), ["without '_orig_mod.'"]),
        (named("module._orig_mod."), ["without 'module.' and '_orig_mod.'"]),
        (named("_orig_mod.module."), ["without 'module.' and '_orig_mod.'"]),
        (named("_fsdp_wrapped_module."), ["without '_fsdp_wrapped_module.'"]),
        (named("model."), ["without 'model.'"]),
        (named("net.module.core."), ["without 'module.' and 'net.core.'"]),
        ({name.replace("fc.", "fc.module."): weight for name, weight in WEIGHTS.items()}, ["without 'module.'"]),
        ({"n_averaged": torch.tensor(3), **named("module.")}, ["'module.'", "left out: 'n_averaged'"]),
        ({"state_dict": named("module."), "epoch": 3, "optimizer": ADAM}, ["under 'state_dict'", "'module.'"]),
        ({"model_state_dict": WEIGHTS, "loss": torch.tensor(0.5)}, ["under 'model_state_dict'"]),
        ({"epoch": 1, "checkpoint": {"model": {"state_dict": WEIGHTS}}}, ["under 'checkpoint.model.state_dict'"]),
        ({"ema": OTHER, "model": WEIGHTS}, ["under 'model'", "left out: 'ema'"]),
        ({"model_ema": OTHER, "encoder": WEIGHTS}, ["under 'encoder'", "left out: 'model_ema'"]),
        ({"net": OTHER, "state_dict": WEIGHTS}, ["under 'state_dict'", "left out: 'net'"]),
        ({"ema": WEIGHTS, "optimizer": ADAM}, ["under 'ema'"]),
        ({"weights": WEIGHTS, 5: 1}, ["under 'weights'"]),
        ([WEIGHTS, ADAM], ["under '[0]'"]),
        ({**WEIGHTS, "epoch": 3}, ["left out: 'epoch'"]),
        ({"modelEMA": OTHER, "mynet": WEIGHTS}, ["under 'mynet'", "left out: 'modelEMA'"]),
        ({"EMAModel": OTHER, "mynet": WEIGHTS}, ["under 'mynet'", "left out: 'EMAModel'"]),
        ({"encoder": OTHER, "modelStateDict": WEIGHTS}, ["under 'modelStateDict'", "left out: 'encoder'"]),
        (
            {"state_dict": {**named("model."), "criterion.weight": torch.ones(6)}, "epoch": 1},
            ["under 'state_dict'", "left out: 'criterion.weight'", "without 'model.'"],
        ),
        (
            {**named("net."), "val_acc.correct": torch.tensor(3), "val_acc.mean": torch.tensor(torch.nan)},
            ["left out: 'val_acc.correct', 'val_acc.mean'", "without 'net.'"],
        ),
        ({**named("ema_model.", OTHER), **named("model.")}, ["left out: 'ema_model.fc.weight', ", "without 'model.'"]),
        ({**named("modelEma.", OTHER), **named("mynet.")}, ["left out: 'modelEma.fc.weight', ", "without 'mynet.'"]),
        (
            {**named("pl.model._orig_mod."), "pl.loss.weight": torch.ones(1)},
            ["left out: 'pl.loss.weight'", "without '_orig_mod.' and 'pl.model.'"],
        ),
        (
            {**named("swa.module."), "swa.n_averaged": torch.tensor(3)},
            ["left out: 'swa.n_averaged'", "without 'module.' and 'swa.'"],
        ),
        (OrderedDict((n, nn.Parameter(w) if w.is_floating_point() else w) for n, w in WEIGHTS.items()), []),
    ],
)
def test_what_is_around_weights_is_taken_off_and_said(content, said, tmp_path):
    torch.save(content, tmp_path / "w.pth")
    for found in (unwrapped(content, fits), weights_in(tmp_path / "w.pth", fits)):
        assert_is_network(found.weights)
        assert len(found.notes) == len(said) and all(any(part in note for note in found.notes) for part in said)


def test_a_bundle_that_refers_to_itself_comes_to_an_end():
    content = {f"name{number}": {} for number in range(50)} | {"model": WEIGHTS}
    for name in content:
        if name != "model":
            content[name] = content
    assert_is_network(unwrapped(content).weights)


def test_names_of_any_length_come_to_an_end():
    weights = {f"{'a.' * 50_000}{number}": torch.ones(1) for number in range(20)}
    assert unwrapped(weights, fits).weights.keys() == weights.keys()


def test_prefixes_stay_where_the_names_fit_with_them_or_not_without():
    for names in (named("model."), {**named("a."), "b.c": torch.ones(1)}):
        assert unwrapped(names, lambda names: "nothing" in names).weights.keys() == names.keys()
    assert unwrapped(named("fc."), lambda names: "fc.fc.weight" in names).weights.keys() == named("fc.").keys()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_single_and_integers_stay(dtype):
    given = {name: w.to(dtype) if w.is_floating_point() else w for name, w in WEIGHTS.items()}
    found = in_float32(unwrapped(given))
    assert_is_network(found.weights)  # these numbers are exact in all of them
    assert [w.dtype for w in found.weights.values()] == [torch.float32, torch.float32, torch.int64]
    assert found.notes == (f"2 tensors are turned from {str(dtype).removeprefix('torch.')} to float32",)
    assert unwrapped(given).weights["fc.weight"].dtype == dtype


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.tensor([1, torch.nan, torch.inf]), "must hold finite numbers, 2 of 3 in 'b.x' are NaN or infinite"),
        (torch.eye(2).to_sparse(), "'b.x' is torch.float32, torch.sparse_coo, on cpu"),
        (torch.ones(2, dtype=torch.complex64), "must hold plain tensors of real numbers, 'b.x' is torch.complex64"),
        (torch.ones(2, device="meta"), "'b.x' is torch.float32, torch.strided, on meta"),
        (torch.ones(2).to(torch.float8_e5m2), "must hold weights that are not quantised, 'b.x' is torch.float8_e5m2"),
        (torch.tensor([1e300], dtype=torch.float64), "must hold finite numbers in float32, 1 of 1 in 'b.x'"),
    ],
)
def test_what_are_no_weights_is_named(weight, message):
    with pytest.raises(WeightsError, match=message):
        in_float32(unwrapped({"a": torch.ones(1), "module.b.x": weight}))


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_quantised_weights_are_named():
    with pytest.raises(WeightsError, match="must hold plain tensors of real numbers, 'a' is quantised"):
        unwrapped({"a": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"encoder": WEIGHTS, "decoder": OTHER},
            "it holds several, 'encoder' and 'decoder': save the one that is meant",
        ),
        ({"model": {"a": WEIGHTS, "b": OTHER}}, "it holds several, 'model.a' and 'model.b'"),
        ({**named("student."), **named("teacher.", OTHER)}, "it holds several, 'student' and 'teacher'"),
        ({**named("model."), **named("model.inner.", OTHER)}, "it holds several, 'model' and 'model.inner'"),
        ({}, r"it holds no weights \(an empty dict\)"),
        ({"optimizer": ADAM, "epoch": 2}, "it holds a dict of 'optimizer', 'epoch': save model.state_dict()"),
        ({"module.a": torch.ones(1), "a": torch.ones(1)}, "without 'module.' two of its names are the same"),
        (torch.ones(2), "it holds a Tensor"),
        ([1, 2], "it holds a list"),
        (None, "it holds a NoneType"),
    ],
)
def test_what_has_no_weights_or_several_is_refused(content, message):
    with pytest.raises(WeightsError, match="must be a state dict saved by torch.save or as safetensors, .*" + message):
        unwrapped(content, fits)


def test_a_file_is_read_or_refused(tmp_path):
    bundle = {"model": named("module."), "best": np.float64(0.5), "epoch": 3}
    save_file(WEIGHTS, tmp_path / "w")
    contents = [saved(bundle), saved(bundle, _use_new_zipfile_serialization=False), (tmp_path / "w").read_bytes()]

    @tried(150)
    @given(mutations(contents))
    def check(content):
        (tmp_path / "w").write_bytes(content)
        try:
            found = weights_in(tmp_path / "w", fits)
        except WeightsError as error:
            assert "\n" not in str(error)
        else:
            assert all(torch.isfinite(weight).all() for weight in found.weights.values())

    with bounded_memory():
        check()
