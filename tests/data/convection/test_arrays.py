"""The published numbers in every form that people keep them in: the same squares, or refused by name."""

import io
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given
from safetensors.torch import save
from torch import nn

from data.convection.prepare import PrepareConfig, folder_of, main, prepare
from data.convection.published import read_published
from data.errors import DataError
from data.fields.schema import read_tiles
from data.manifest import Manifest
from data.terminal import answer
from tests.support.mutations import bounded_memory, mutations, tried

SIZE = 16


def torch_file(content, **options):
    sink = io.BytesIO()
    torch.save(content, sink, **options)
    return sink.getvalue()


def numpy_file(array, **options):
    sink = io.BytesIO()
    np.save(sink, array, **options)
    return sink.getvalue()


def numpy_archive(write=np.savez, **arrays):
    sink = io.BytesIO()
    write(sink, **arrays)
    return sink.getvalue()


def zip_of(method=zipfile.ZIP_DEFLATED, **files):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as zipped:
        for name, content in files.items():
            zipped.writestr(f"rbc/{name.replace('_', '.')}", content)
        zipped.writestr("__MACOSX/rbc/._u.npy", b"what a Mac adds")
        zipped.writestr("README.txt", b"read me")
    return sink.getvalue()


def again_compressed(content):
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))
    return sink.getvalue()


def with_fields(n):
    found = np.zeros((12, 16, 48), [("u", "<f4"), ("v", "<f4")])
    found["u"], found["v"] = n[:, 0], n[:, 1]
    return found


TORCH = {
    "older": lambda t: torch_file(t, _use_new_zipfile_serialization=False),
    "compressed": lambda t: again_compressed(torch_file(t)),
    "double": lambda t: torch_file(t.double()),
    "half": lambda t: torch_file(t.half()),
    "parameter": lambda t: torch_file(nn.Parameter(t)),
    "gradient": lambda t: torch_file(t.clone().requires_grad_()),
    "view": lambda t: torch_file(torch.cat([t, t])[:12]),
    "batch": lambda t: torch_file(t[None]),
    "components last": lambda t: torch_file(t.movedim(1, 3).contiguous()),
    "components last, a view": lambda t: torch_file(t.movedim(1, 3)),
    "components first": lambda t: torch_file(t.transpose(0, 1).contiguous()),
    "components third": lambda t: torch_file(t.transpose(1, 2).contiguous()),
    "frames": lambda t: torch_file([frame.clone() for frame in t]),
    "frames with gradient": lambda t: torch_file([nn.Parameter(frame.clone()) for frame in t]),
    "frames, components last": lambda t: torch_file(tuple(frame.movedim(0, 2).clone() for frame in t)),
    "a channel's axis": lambda t: torch_file(t[:, None]),
    "an axis at the end": lambda t: torch_file(t[..., None]),
    "axes of size 1 all over": lambda t: torch_file(t[None, :, None, :, :, :, None]),
    "frames with an axis at the end": lambda t: torch_file([frame[..., None] for frame in t]),
    "frames with channels": lambda t: torch_file([frame[None, None] for frame in t]),
    "with labels": lambda t: torch_file((t, torch.arange(12))),
    "with times": lambda t: torch_file([t, torch.arange(12.0)]),
    "two with labels": lambda t: torch_file((t[:, 0], t[:, 1], torch.zeros(12, 16, 48, dtype=torch.int64))),
    "a mask beside": lambda t: torch_file({"velocity": t, "mask": torch.ones(12, 2, 16, 48, dtype=torch.bool)}),
    "torch frames in zip": lambda t: zip_of(**{f"{i:03}_pt": torch_file(frame.clone()) for i, frame in enumerate(t)}),
    "torch u and v in zip": lambda t: zip_of(u_pth=torch_file(t[:, 0].clone()), v_pth=torch_file(t[:, 1].clone())),
    "frames with batch": lambda t: torch_file([frame[None] for frame in t]),
    "chunks": lambda t: torch_file([t[:5], t[5:7], t[7:]]),
    "two": lambda t: torch_file((t[:, 0], t[:, 1])),
    "two with channels": lambda t: torch_file([t[:, :1], t[:, 1:]]),
    "one of a list": lambda t: torch_file([t]),
    "with a note": lambda t: torch_file((t, {"Ra": 1e8})),
    "named": lambda t: torch_file({"velocity": t, "time": torch.arange(12.0), "temperature": t[:, :1], "Ra": 1e8}),
    "nested": lambda t: torch_file({"data": {"fields": t}, "epoch": 3}),
    "u and v": lambda t: torch_file({"v": t[:, 1], "u": t[:, 0], "p": t[:, 0], "T": t[:, 1]}),
    "V_x and V_y": lambda t: torch_file({"V_x": t[None, :, 0], "V_y": t[None, :, 1]}),
    "numbered": lambda t: torch_file({f"frame_{i}": t[i] for i in (11, 10, 2, 1, 0, 3, 4, 5, 6, 7, 8, 9)}),
    "counted": lambda t: torch_file({i: t[i] for i in reversed(range(12))}),
    "a list under a name": lambda t: torch_file({"frames": list(t), "Ra": 1e8}),
    "safetensors": lambda t: save({"velocity": t}),
    "torch in zip": lambda t: zip_of(rbc_pt=torch_file(t)),
    "torch in zip, stored": lambda t: zip_of(zipfile.ZIP_STORED, rbc_pt=torch_file(t)),
}
NUMPY = {
    "npy": lambda n: numpy_file(n),
    "big endian": lambda n: numpy_file(n.astype(">f4")),
    "big double": lambda n: numpy_file(n.astype(">f8")),
    "half npy": lambda n: numpy_file(n.astype(np.float16)),
    "Fortran": lambda n: numpy_file(np.asfortranarray(n)),
    "npy, components last": lambda n: numpy_file(np.moveaxis(n, 1, 3)),
    "fields of a record": lambda n: numpy_file(with_fields(n)),
    "npz": lambda n: numpy_archive(arr_0=n),
    "packed npz": lambda n: numpy_archive(np.savez_compressed, data=n),
    "npz of two": lambda n: numpy_archive(u=n[:, 0], w=n[:, 1], time=np.arange(12)),
    "npz of frames": lambda n: numpy_archive(**{f"t{place}": frame for place, frame in enumerate(n)}),
    "npz with objects": lambda n: numpy_archive(velocity=n, note=np.array({"Ra": 1e8}, object), name=np.array("rbc")),
    "npy in zip": lambda n: zip_of(rbc_npy=numpy_file(n)),
    "npz in zip": lambda n: zip_of(rbc_npz=numpy_archive(data=n)),
    "u and v in zip": lambda n: zip_of(u_npy=numpy_file(n[:, 0]), v_npy=numpy_file(n[:, 1])),
}


@pytest.mark.parametrize("form", [*TORCH, *NUMPY])
def test_the_same_numbers_in_any_form_are_the_same_squares(form, numbers, tmp_path):
    make = TORCH.get(form) or NUMPY[form]
    (tmp_path / "rbc").write_bytes(make(torch.from_numpy(numbers.copy()) if form in TORCH else numbers))
    fields, facts = read_published(tmp_path / "rbc", SIZE)
    assert np.array_equal(fields, numbers) and facts["shape"] == [12, 2, 16, 48]
    assert [path.name for path in tmp_path.iterdir()] == ["rbc"]  # nothing unpacked is left


@pytest.mark.parametrize("form", ["published", "torch in zip, stored", "npz", "npy in zip"])
def test_another_bit_in_a_file_with_checksums_is_found(form, numbers, tmp_path):
    made = (TORCH | NUMPY | {"published": torch_file})[form](numbers if form in NUMPY else torch.from_numpy(numbers))
    content = bytearray(made)
    content[len(content) // 2] ^= 1
    (tmp_path / "rbc").write_bytes(content)
    with pytest.raises(DataError, match=r"rbc must be a file of torch.save.*(it is damaged|Bad CRC-32).*get it again"):
        read_published(tmp_path / "rbc", SIZE)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_of_any_form_is_read_or_refused(numbers, tmp_path):
    few = numbers[:3]
    contents = [
        numpy_file(few),
        NUMPY["u and v in zip"](few),
        NUMPY["npz of frames"](few),
        TORCH["nested"](torch.from_numpy(few)),
    ]
    contents += [save({"x": torch.from_numpy(few)}), zip_of(a_pt=torch_file(torch.from_numpy(few)))]

    @tried(150)
    @given(mutations(contents))
    def check(content):
        (tmp_path / "rbc").write_bytes(content)
        with suppress(DataError):
            fields, _ = read_published(tmp_path / "rbc", 4)
            assert np.isfinite(fields).all()
        assert len(list(tmp_path.iterdir())) == 1

    with bounded_memory():
        check()


def said(capsys):
    return capsys.readouterr().err.replace("\n", "")


def test_the_command_says_how_the_file_was_read_and_squares_have_one_hash(numbers, tmp_path, capsys):
    hashes = set()
    for name, content, layout in [
        ("a.pt", torch_file(torch.from_numpy(numbers)), "12 frames of 16 x 48 pixels, the published file has 2000 of"),
        ("b.npy", NUMPY["npy, components last"](numbers), "b.npy: components along axis 3 of (12, 16, 48, 2)"),
        ("c.npz", NUMPY["npz of two"](numbers), "c.npz: u and w: a list of 2, components along axis 0 of (2, 12, 16"),
    ]:
        (tmp_path / name).write_bytes(content)
        out = tmp_path / f"out-{name}"
        assert answer(main, PrepareConfig(out, tmp_path / name, SIZE)) == 0
        assert layout in said(capsys)
        manifest = Manifest.read(folder_of(out, SIZE))
        hashes.add(manifest.hash)
        assert np.array_equal(read_tiles(folder_of(out, SIZE), manifest)[1].frames, numbers[..., 16:32])
        assert {path.name for path in out.iterdir()} == {".lock", "squares-16"}
    assert len(hashes) == 1


WRONG = {
    "three components": (lambda n: numpy_file(n[:, [0, 1, 1]]), r"got \(12, 3, 16, 48\): no axis has the size 2"),
    "one component": (lambda n: numpy_file(n[:, :1]), r"got \(12, 1, 16, 48\): no axis has the size 2"),
    "two of a batch": (lambda n: numpy_file(np.stack([n, n])), r"got \(2, 12, 2, 16, 48\)"),
    "exchanged": (lambda n: numpy_file(n.swapaxes(2, 3)), "has 48 x 16 pixels .* rows must stand before columns"),
    "u, v and w": (lambda n: numpy_archive(u=n[:, 0], v=n[:, 1], w=n[:, 1]), r"it holds u \(12, 16, 48\), v "),
    "two fields": (lambda n: numpy_archive(train=n, test=n), r"it holds train \(12, 2, 16, 48\), test .*: save those"),
    "uneven": (lambda n: torch_file([torch.ones(2, 3, 4), torch.ones(2, 3, 5)]), "must hold arrays of one shape in"),
    "nothing": (lambda n: torch_file([]), "it holds a list: save a tensor by torch.save, or an array by numpy.save"),
    "arrays in a pickle": (lambda n: torch_file(n), "it holds a ndarray: save a tensor"),
    "integers": (lambda n: numpy_file((1e4 * n).astype(int)), "must hold plain floating-point numbers, got int64"),
    "complex": (lambda n: numpy_file(n[:, 0] + 1j * n[:, 1]), "must hold plain floating-point numbers, got complex"),
    "sparse": (lambda n: torch_file(torch.from_numpy(n).to_sparse()), "got torch.float32, torch.sparse_coo"),
    "objects": (lambda n: numpy_file(np.array([n, None], object), allow_pickle=True), "Python objects, which are n"),
    "a dict of objects": (lambda n: numpy_file(np.array({"u": n}), allow_pickle=True), "Python objects, which are n"),
    "constant": (lambda n: numpy_file(0 * n + 3), r"they are the same everywhere \(3 and 3 in frame 0\)"),
    "too large": (lambda n: numpy_file(n.astype(float) * 1e300), "NaN or infinity is in 12 of its 12 frames"),
    "cut": (lambda n: torch_file(torch.from_numpy(n))[:9000], "it is a zip archive, cut short or damaged"),
    "cut npy": (lambda n: numpy_file(n)[:9000], "it is empty, cut short or damaged"),
    "empty": (lambda n: b"", "it is empty"),
    "pointer": (lambda n: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 73400\n", "run git lfs"),
    "page": (lambda n: b"<!doctype html>", "it is a web page"),
    "text": (lambda n: b"u,v\n1,2\n", "it is a text file"),
    "gzip": (lambda n: b"\x1f\x8b\x08" + b"\0" * 9, "it is a gzip file: unpack it"),
    "HDF5": (lambda n: b"\x89HDF\r\n\x1a\n" + b"\0" * 9, "it is an HDF5 file"),
    "two files": (lambda n: zip_of(a_pt=b"", b_npy=b""), "must have one such file, it has rbc/a.pt, rbc/b.npy"),
    "an empty one of two": (lambda n: zip_of(a_pt=b"", b_pt=b""), "in it rbc/a.pt: it is empty"),
    "two clips": (
        lambda n: zip_of(a_pt=torch_file(torch.from_numpy(n)), b_pt=torch_file(torch.from_numpy(n))),
        r"under one name, .*; it holds a \(12, 2, 16, 48\), b \(12, 2, 16, 48\): save those alone",
    ),
    "a data set of torch": (
        lambda n: torch_file(torch.utils.data.TensorDataset(torch.from_numpy(n))),
        r"never run \(torch.*TensorDataset\); where that code is, load it and save the tensor of numbers alone$",
    ),
    "no file": (lambda n: zip_of(a_csv=b""), "must have one such file, it has none"),
    "too deep": (lambda n: zip_of(a_zip=zip_of(b_zip=zip_of(c_zip=b""))), "it is a zip archive"),
    "bomb": (lambda n: zip_of(a_npy=numpy_file(np.zeros((9, 2, 16, 65536)))), "unpacks to .*more than 16 times"),
    "claims": (lambda n: torch_file([torch.zeros(2, 16, 48)] * 10_000), "it is too small for them"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_anything_else_is_refused_in_one_line_and_leaves_nothing(name, numbers, tmp_path):
    make, message = WRONG[name]
    (tmp_path / "rbc").write_bytes(make(numbers))
    with pytest.raises(DataError, match=message) as refusal:
        prepare(tmp_path / "out", files=tmp_path / "rbc", size=SIZE)
    assert "\n" not in str(refusal.value) and "weights_only" not in str(refusal.value)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


def test_members_of_an_archive_are_written_nowhere_else(numbers, tmp_path):
    with zipfile.ZipFile(tmp_path / "rbc.zip", "w") as zipped:
        zipped.writestr("../../u.npy", numpy_file(numbers[:, 0]))
        zipped.writestr("/tmp/../v.npy", numpy_file(numbers[:, 1]))
    assert np.array_equal(read_published(tmp_path / "rbc.zip", SIZE, scratch=tmp_path / "a/b/c")[0], numbers)
    assert not list(tmp_path.rglob("*.npy")) and not list(tmp_path.parent.glob("*.npy"))


def test_a_folder_may_have_the_file_in_another_form(numbers, tmp_path):
    np.save(tmp_path / "rbc_data.npy", numbers)
    assert prepare(tmp_path / "out", files=tmp_path, size=SIZE).origin.endswith("rbc_data.npy")
    np.savez(tmp_path / "rbc_data.npz", numbers)
    with pytest.raises(DataError, match="has rbc_data.npy, rbc_data.npz: give the one that is meant"):
        prepare(tmp_path / "other", files=tmp_path, size=SIZE)
