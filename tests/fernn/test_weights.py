"""Weights as people save them: unwrapped, converted, or refused with what the file is."""

import argparse
import io
import os
import pickle
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from safetensors.torch import save_file
from torch import nn

from fernn.files.weights import WeightsError, in_float32, unwrapped, weights_in
from tests.support.mutations import bounded_memory, mutations, tried

WEIGHTS = {"fc.weight": torch.tensor([[1.5, -2.0]]), "conv.0.bias": torch.tensor([0.25]), "steps": torch.tensor(7)}
OTHER = {name: weight + 1 for name, weight in WEIGHTS.items()}
ADAM = {"state": {0: {"exp_avg": torch.ones(2), "step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-3}]}


def fits(names):
    return "fc.weight" in names


def named(prefix, weights=WEIGHTS):
    return {prefix + name: weight for name, weight in weights.items()}


def assert_is_network(found, expected=WEIGHTS):
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], weight) and not found[name].requires_grad for name, weight in expected.items())


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


def test_what_stands_beside_weights_is_passed_over_and_never_run(tmp_path):
    beside = {
        "args": argparse.Namespace(out=Path("x")), "best": np.float64(0.5), "curve": np.arange(3), "rng": {1, 2},
    }  # fmt: skip
    allowed = set(torch.serialization.get_safe_globals())
    for is_new in (True, False):
        torch.save({"model": WEIGHTS, **beside}, tmp_path / "w.pth", _use_new_zipfile_serialization=is_new)
        assert_is_network(weights_in(tmp_path / "w.pth").weights)
    assert set(torch.serialization.get_safe_globals()) == allowed


class Code:
    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


@pytest.mark.parametrize(("is_new", "protocol"), [(True, 2), (True, 4), (False, 2)])
def test_code_is_named_and_never_run(tmp_path, is_new, protocol):
    content = {"state_dict": WEIGHTS, "x": Code(tmp_path / "ran"), "y": nn.Linear(2, 2)}
    path = tmp_path / "w.pth"
    torch.save(content, path, _use_new_zipfile_serialization=is_new, pickle_protocol=protocol)
    with pytest.raises(WeightsError) as refusal:
        weights_in(path)
    assert "it needs pickled code, which is never run (posix.mkdir, torch.nn.modules.linear.Linear);" in str(
        refusal.value
    )
    assert "\n" not in str(refusal.value) and "weights_only" not in str(refusal.value)
    assert not (tmp_path / "ran").exists()


def test_another_pickle_protocol_is_named(tmp_path):
    torch.save(WEIGHTS, tmp_path / "w.pth", pickle_protocol=4)
    with pytest.raises(WeightsError, match="its pickle protocol is not torch.save's own"):
        weights_in(tmp_path / "w.pth")


def saved(content=WEIGHTS, **options):
    sink = io.BytesIO()
    torch.save(content, sink, **options)
    return sink.getvalue()


def again(content, method=zipfile.ZIP_STORED, change=lambda part: part):
    """The zip file of ``content`` written once more."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(sink, "w", method) as target:
        for member in source.infolist():
            target.writestr(member.filename, change(source.read(member)))
    return sink.getvalue()


def on_cuda(part):
    return part.replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0")


def test_files_of_any_age_machine_and_packing_are_read(tmp_path):
    contents = [
        saved(), saved(_use_new_zipfile_serialization=False), again(saved(), change=on_cuda),
        again(saved(), zipfile.ZIP_DEFLATED),
    ]  # fmt: skip
    assert b"cuda:0" in contents[2]
    for content in contents:
        (tmp_path / "w.bin").write_bytes(content)
        assert_is_network(weights_in(tmp_path / "w.bin").weights)
    for name in ("w.safetensors", "w.pth"):
        save_file(WEIGHTS, tmp_path / name)
        assert_is_network(weights_in(tmp_path / name).weights)


def test_a_file_with_another_bit_is_damaged_and_one_without_checksums_is_read(tmp_path):
    path, values = tmp_path / "w.pth", torch.arange(64.0)
    content = saved({"a": values})
    place = content.index(values.numpy().tobytes()) + 42
    for flipped in (content[place] ^ 1, content[place] ^ 128):
        path.write_bytes(content[:place] + bytes([flipped]) + content[place + 1 :])
        with pytest.raises(WeightsError, match=r"w.pth must be .*, it is damaged \(archive/data/0\): get it again$"):
            weights_in(path)
    torch.serialization.set_crc32_options(False)
    try:
        path.write_bytes(saved({"a": values}))
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.equal(weights_in(path).weights["a"], values)


def tar():
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("w.pth"))
    return sink.getvalue()


def bomb():
    return again(saved({"a": torch.zeros(20_000_000)}), zipfile.ZIP_DEFLATED)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pth", lambda: POINTER, "it is a Git LFS pointer, not the file itself of 12345 bytes: run git lfs pull"),
        ("w.safetensors", lambda: POINTER.replace(b"\n", b"\r\n"), "it is a Git LFS pointer"),
        ("w.pth", lambda: b"", "it is empty"),
        ("w.pth", lambda: b"\n<!DOCTYPE html><title>Sign in", "it is a web page"),
        ("w.pth", lambda: b"Not found", "it is a text file"),
        ("w.pth", lambda: b"\0" * 999, "it is a file of no known kind"),
        ("w.pth", lambda: saved()[:700], "it is a zip archive, cut short or damaged: get it again"),
        ("w.pth", lambda: saved(_use_new_zipfile_serialization=False)[:-9], "it is cut short or damaged"),
        ("w.pth", lambda: saved(_use_new_zipfile_serialization=False)[:60], "it is cut short or damaged"),
        ("w.safetensors", lambda: (9).to_bytes(8, "little") + b'{"a":1', "it is cut short or damaged"),
        ("w.pth", bomb, "unpacks to 80000.*more than 16 times as many"),
        ("w.pth.tar", tar, "it is a tar archive: unpack it, and give the file in it"),
        ("w.pth.gz", lambda: b"\x1f\x8b" + b"\0" * 99, "it is a gzip file: unpack it"),
        ("w.h5", lambda: b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "it is an HDF5 file"),
        ("w.pkl", lambda: pickle.dumps([1]), "it is a pickle, whose code is never run"),
        ("model.ckpt-8.index", lambda: b"\0\0\0", "it is a TensorFlow checkpoint"),
        ("model.ckpt", lambda: b"\0\0\0" + b"W\xfb\x80\x8b$uG\xdb", "it is a TensorFlow checkpoint"),
    ],
)
def test_a_file_that_is_something_else_is_called_by_its_name(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content())
    with pytest.raises(WeightsError, match=f"{name} must be a state dict saved by torch.save .*{message}") as refusal:
        weights_in(path)
    assert "\n" not in str(refusal.value)


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    np.savez(tmp_path / "w.npz", a=np.ones(2))
    (tmp_path / "model.ckpt-8.index").write_bytes(b"\0")
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        for part in ("script/data.pkl", "script/constants.pkl", "script/code/net.py"):
            archive.writestr(part, b"")
    for name, message in {
        ".": "it is a folder: give the file in it", "pipe": "it is no regular file", "w.npz": "it is a NumPy archive",
        "model.ckpt-8": "it is a TensorFlow checkpoint", "script.pt": "it is a TorchScript program: load it by",
    }.items():  # fmt: skip
        with pytest.raises(WeightsError, match=message):
            weights_in(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        weights_in(tmp_path / "nothing.pth")


def test_a_file_is_read_or_refused(tmp_path):
    bundle = {"model": named("module."), "best": np.float64(0.5), "epoch": 3}
    save_file(WEIGHTS, tmp_path / "w")
    contents = [saved(bundle), saved(bundle, _use_new_zipfile_serialization=False), (tmp_path / "w").read_bytes()]

    @tried(150)
    @given(mutations(contents))
    def check(content):
        (tmp_path / "w").write_bytes(content)
        try:
            found = weights_in(tmp_path / "w", fits, in_single=True)
        except WeightsError as error:
            assert "\n" not in str(error)
        else:
            assert all(torch.isfinite(weight).all() for weight in found.weights.values())

    with bounded_memory():
        check()
