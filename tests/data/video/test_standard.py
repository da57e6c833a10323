"""The standard test file of Moving MNIST: brought to Parquet with the digits, bound to them, never by pickle."""

import gzip
import hashlib
import io
import pickle

import numpy as np
import pytest

from data.errors import DataError
from data.mnist.source import NAMES
from data.registry import data_set, stand_in
from data.video import standard
from fernn.config import MovingConfig
from tests.data.mnist.layouts import put

PUBLISHED = MovingConfig(protocol="published")


def write_digits(folder, seed=0):
    random = np.random.default_rng(seed)
    for (pictures, labels), count in zip(NAMES.values(), (20, 10), strict=True):
        header = np.array([0x0803, count, 28, 28], ">u4").tobytes()
        (folder / pictures).write_bytes(header + random.integers(0, 256, (count, 28, 28)).astype(np.uint8).tobytes())
        (folder / labels).write_bytes(np.array([0x0801, count], ">u4").tobytes() + bytes(i % 10 for i in range(count)))


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    write_digits(folder)
    clips = np.random.default_rng(1).integers(0, 256, (20, 3, 64, 64)).astype(np.uint8)
    np.save(folder / standard.SOURCE, clips)
    return folder, clips


def test_the_standard_clips_are_read_back_with_the_digits(files, tmp_path, monkeypatch):
    folder, clips = files
    monkeypatch.setattr(standard, "ROWS", 2)
    moving = data_set("moving-mnist")
    manifest = moving.prepare(tmp_path / "out", PUBLISHED, folder)
    home = moving.folder_of(tmp_path / "out", PUBLISHED)
    found = moving.read(home, manifest).content
    assert np.array_equal(found.standard, clips.swapaxes(0, 1)) and len(found.parts["test"].labels) == 10
    assert moving.prepare(tmp_path / "out", PUBLISHED, None).hash == manifest.hash
    assert moving.folder_of(tmp_path / "out", MovingConfig()) != home
    assert moving.num_clips(PUBLISHED, manifest, False)["test"] == 10_000


def test_other_digits_are_noticed(files, tmp_path):
    folder, _ = files
    first = standard.prepare(tmp_path / "out", files=folder)
    write_digits(folder, seed=5)
    standard.mnist.prepare(tmp_path / "other", files=folder)
    digits = standard.mnist.folder_of(tmp_path / "out")
    digits.rename(tmp_path / "old")
    standard.mnist.folder_of(tmp_path / "other").rename(digits)
    with pytest.raises(DataError, match="has other digits than"):
        standard.read_moving(standard.folder_of(tmp_path / "out"), first)
    assert standard.prepare(tmp_path / "out", files=folder).hash != first.hash


def layouts(clips):
    """How people save the clips (20, n, 64, 64): the array to save, and the name of its file."""
    first, whole = clips.swapaxes(0, 1), io.BytesIO()
    np.save(whole, clips)
    return {
        "npz": lambda path: np.savez(path.with_suffix(".npz"), clips),
        "npz of any name": lambda path: np.savez_compressed(path.with_suffix(".npz"), test=first),
        "npy.gz": lambda path: path.with_suffix(".npy.gz").write_bytes(gzip.compress(whole.getvalue())),
        "packed under its own name": lambda path: path.write_bytes(gzip.compress(whole.getvalue())),
        "clips first": lambda path: np.save(path, first),
        "a channel": lambda path: np.save(path, clips[:, :, None]),
        "clips first, channel last": lambda path: np.save(path, first[..., None]),
        "channel before time": lambda path: np.save(path, first[:, None]),
        "by columns": lambda path: np.save(path, np.asfortranarray(clips)),
        "floats to 1": lambda path: np.save(path, clips.astype(np.float32) / 255),
        "half floats": lambda path: np.savez(path.with_suffix(".npz"), (first / 255).astype(np.float16)),
        "floats to 255": lambda path: np.save(path, clips.astype(np.float64)),
        "large integers": lambda path: np.save(path, clips.astype(np.int64)),
        "upper case": lambda path: path.with_name(path.name.upper()).write_bytes(whole.getvalue()),
        "torchvision": lambda path: put(path.parent / "MovingMNIST" / path.name, whole.getvalue()),
        "twice": lambda path: [np.save(path, clips), np.savez(path.with_suffix(".npz"), first)],
    }  # fmt: skip


@pytest.mark.parametrize("layout", layouts(np.zeros((20, 1, 64, 64), np.uint8)))
def test_every_layout_gives_the_same_prepared_data(layout, files, tmp_path):
    folder, clips = files
    first = standard.prepare(tmp_path / "one", files=folder)
    (folder / standard.SOURCE).unlink()
    layouts(clips)[layout](folder / standard.SOURCE)
    second = standard.prepare(tmp_path / "two", files=folder)
    assert (second.hash, second.files) == (first.hash, first.files)
    assert standard.prepare(tmp_path / "one", files=folder) == first  # nothing is made again


def test_the_published_file_is_known_in_every_layout_and_others_are_marked(files, tmp_path, monkeypatch):
    folder, clips = files
    assert stand_in(standard.prepare(tmp_path / "other", files=folder)).endswith(f"; {standard.OWN}")
    header = (
        b"\x93NUMPY\x01\x00\x46\x00{'descr': '|u1', 'fortran_order': False, 'shape': (20, 3, 64, 64), }".ljust(79)
        + b"\n"
    )
    (folder / standard.SOURCE).write_bytes(header + clips.tobytes())  # as NumPy wrote files until 1.13
    monkeypatch.setattr(standard, "MD5", hashlib.md5((folder / standard.SOURCE).read_bytes()).hexdigest())
    monkeypatch.setattr(standard, "NUM_CLIPS", 3)
    monkeypatch.setattr("data.mnist.schema.MNIST", standard.mnist.prepare(tmp_path / "digits", files=folder).hash)
    assert np.array_equal(np.load(folder / standard.SOURCE), clips)
    assert stand_in(standard.prepare(tmp_path / "npy", files=folder)) == ""
    (folder / standard.SOURCE).unlink()
    np.savez(folder / "mnist_test_seq.npz", clips.swapaxes(0, 1) / 255)
    assert stand_in(standard.prepare(tmp_path / "npz", files=folder)) == ""
    np.savez(folder / "mnist_test_seq.npz", 255 - clips)
    assert stand_in(standard.prepare(tmp_path / "changed", files=folder)) == standard.OWN


def test_other_clips_than_the_prepared_are_refused(files, tmp_path):
    folder, clips = files
    manifest = standard.prepare(tmp_path / "out", files=folder)
    home = standard.folder_of(tmp_path / "out")
    standard.require_same(home, manifest, folder)
    np.save(folder / standard.SOURCE, clips.swapaxes(0, 1))
    standard.require_same(home, manifest, folder)
    np.save(folder / standard.SOURCE, 255 - clips)
    with pytest.raises(DataError, match="holds other test clips than .*: give another folder with --data"):
        standard.require_same(home, manifest, folder)
    write_digits(folder, seed=5)
    with pytest.raises(DataError, match="standard-test holds .*, other digits: give another folder"):
        standard.require_same(home, manifest, folder)


NO_CLIPS = {
    "ambiguous": (np.zeros((20, 20, 64, 64), np.uint8), r"\(20, 20, 64, 64\): which axis is time cannot be told"),
    "side": (np.zeros((20, 3, 64, 63), np.uint8), r"must hold \(20, n, 64, 64\) or \(n, 20, 64, 64\).*got \(20, 3"),
    "length": (np.zeros((10, 3, 64, 64), np.uint8), r"must hold \(20, n, 64, 64\)"),
    "none": (np.zeros((20, 0, 64, 64), np.uint8), r"must hold \(20, n, 64, 64\)"),
    "0 and 1": (np.ones((20, 3, 64, 64), np.uint8), "its largest of uint8 is 1: save 0 and 1 as 0 and 255"),
    "0 and 1 as int64": (np.eye(64, dtype=int)[None, None].repeat(20, 0), "its largest of int64 is 1: save 0 and 1"),
    "yes or no": (np.zeros((20, 3, 64, 64), bool), "must hold grey levels as uint8 or floats, got bool"),
    "blurred": (np.full((20, 3, 64, 64), 0.3), "must hold whole grey levels, or such divided by 255"),
    "no number": (np.full((20, 3, 64, 64), np.nan), r"must hold numbers, it has others \(NaN or infinite\)"),
    "too bright": (np.full((20, 3, 64, 64), 257), "grey levels from 0 to 255 or from 0 to 1, got 257 to 257"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_CLIPS)
def test_arrays_that_are_no_clips_are_refused(case, tmp_path):
    array, message = NO_CLIPS[case]
    np.save(tmp_path / standard.SOURCE, array)
    with pytest.raises(DataError, match=message):
        standard.read_source(tmp_path / standard.SOURCE)


def test_the_only_array_of_clips_is_taken_also_from_a_browsers_second_copy(tmp_path):
    clips = np.random.default_rng(0).integers(0, 256, (20, 3, 64, 64)).astype(np.uint8)
    path = tmp_path / "mnist_test_seq (1).npz"
    np.savez(path, labels=np.zeros(3), clips=clips, background=np.zeros((64, 64)))
    found = standard.read_source(standard.find_source(tmp_path))
    assert np.array_equal(found.array, clips.swapaxes(0, 1))
    np.savez(path, one=clips, two=clips)
    with pytest.raises(DataError, match=r"must hold one array of clips, it holds one \(20, 3, 64, 64\), two \(20, 3"):
        standard.read_source(path)


def test_files_that_are_no_clips_are_refused(files, tmp_path):
    folder, _ = files
    source = folder / standard.SOURCE
    np.save(source, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects, which are never read: save an array"):
        standard.read_source(source)
    for content, message in (
        (pickle.dumps([1]), r"is no NumPy file \(.npy or .npz\)"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer.*: run git lfs pull"),
        (b"<html>404", "is a web page"),
        (b"", "is empty"),
        (
            b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((\n",
            "must be a NumPy file, it cannot be read: it is empty, cut",
        ),
    ):
        source.write_bytes(content)
        with pytest.raises(DataError, match=message) as raised:
            standard.prepare(tmp_path / "out", files=folder)
        assert "\n" not in str(raised.value) and not standard.folder_of(tmp_path / "out").exists()
    source.unlink()
    np.savez(folder / "mnist_test_seq.npz", clips=np.zeros(3), dims=np.zeros(2))
    with pytest.raises(DataError, match=r"must hold one array of clips, it holds clips \(3,\), dims \(2,\)"):
        standard.prepare(tmp_path / "out", files=folder)
    (folder / "mnist_test_seq.npz").unlink()
    with pytest.raises(DataError, match=r"has no mnist_test_seq.npy, nor .npz or .npy.gz"):
        standard.prepare(tmp_path / "out", files=folder)
    with pytest.raises(DataError, match="goes with MNIST itself"):
        data_set("moving-mnist").prepare_demo(tmp_path / "demo", PUBLISHED)
