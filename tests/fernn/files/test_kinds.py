"""What a file is, told by its content: called by its name, and damage noticed."""

import io
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
import torch

from fernn.files.weights import WeightsError, weights_in
from tests.fernn.files.saved import again, saved


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
