"""MNIST on disk becomes Parquet once; what is damaged or missing is named; the demo's digits are made here."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from data.errors import DownloadError, ManifestError
from data.manifest import Manifest
from data.mnist.prepare import folder_of, prepare
from data.mnist.schema import MNIST, read_parts
from data.mnist.source import NAMES
from data.registry import stand_in
from tests.data.mnist.layouts import SIZES, idx


@pytest.fixture
def files(tmp_path):
    """Four idx files, two of them compressed."""
    folder, random = tmp_path / "files", np.random.default_rng(0)
    folder.mkdir()
    for part, (pictures, labels) in NAMES.items():
        (folder / f"{pictures}.gz").write_bytes(gzip.compress(idx(random.integers(0, 256, (SIZES[part], 28, 28)))))
        (folder / labels).write_bytes(idx(random.integers(0, 10, SIZES[part])))
    return folder


def test_the_digits_are_read_back_as_the_files_have_them(files, tmp_path):
    manifest = prepare(tmp_path / "out", files=files)
    parts = read_parts(folder_of(tmp_path / "out"), manifest)
    assert {name: part.pictures.shape for name, part in parts.items()} == {"train": (60, 28, 28), "test": (20, 28, 28)}
    random = np.random.default_rng(0)
    assert (parts["train"].pictures == random.integers(0, 256, (60, 28, 28))).all()
    assert (parts["train"].labels == random.integers(0, 10, 60)).all()
    assert (manifest.dataset, manifest.demo, manifest.num_clips) == ("mnist", False, 80)


def test_a_second_call_changes_nothing_and_damage_is_made_good(files, tmp_path):
    first = prepare(tmp_path / "out", files=files)
    path = folder_of(tmp_path / "out") / first.files[0].name
    before = path.stat().st_mtime_ns
    assert prepare(tmp_path / "out", files=files) == first and path.stat().st_mtime_ns == before
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ManifestError, match=r"digits.parquet has \d+ bytes"):
        Manifest.read(path.parent).verify(path.parent)
    assert prepare(tmp_path / "out", files=files).hash == first.hash


def test_another_layout_of_the_files_gives_the_same_hash(files, tmp_path):
    first = prepare(tmp_path / "one", files=files)
    for path in files.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert prepare(tmp_path / "two", files=files).hash == first.hash


def test_a_failed_download_names_the_way_out(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setattr("torchvision.datasets.MNIST.download", refuse)
    with pytest.raises(DownloadError, match=r"MNIST cannot be downloaded .*: give --files DIR"):
        prepare(tmp_path / "out")


@pytest.mark.skipif("FERNN_MNIST" not in os.environ, reason="FERNN_MNIST names a folder with MNIST's files")
def test_mnist_itself(tmp_path):
    manifest = prepare(tmp_path, files=Path(os.environ["FERNN_MNIST"]))
    parts = read_parts(folder_of(tmp_path), manifest)
    assert [len(parts[name].labels) for name in ("train", "test")] == [60_000, 10_000]
    assert parts["train"].labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert manifest.hash == MNIST and stand_in(manifest) == ""
