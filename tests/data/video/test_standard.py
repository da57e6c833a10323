"""The standard test file of Moving MNIST: brought to Parquet with the digits, bound to them, never by pickle."""

import numpy as np
import pytest

from data.errors import DataError
from data.mnist.prepare import NAMES
from data.registry import DATASETS
from data.video import standard
from fernn.video_config import MovingConfig

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
    moving = DATASETS["moving-mnist"]
    manifest = moving.prepare(tmp_path / "out", PUBLISHED, folder)
    home = moving.folder_of(tmp_path / "out", PUBLISHED)
    found = moving.read(home, manifest)
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


def test_files_that_are_no_clips_are_refused(files, tmp_path):
    folder, _ = files
    source = folder / standard.SOURCE
    np.save(source, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="is no NumPy file of numbers"):
        standard.read_source(source)
    np.save(source, np.zeros((20, 3, 64, 63), np.uint8))
    with pytest.raises(DataError, match=r"must hold uint8 \(20, n, 64, 64\), got uint8"):
        standard.read_source(source)
    source.unlink()
    with pytest.raises(DataError, match="is not there"):
        standard.prepare(tmp_path / "out", files=folder)
    with pytest.raises(DataError, match="goes with MNIST itself"):
        DATASETS["moving-mnist"].prepare_demo(tmp_path / "demo", PUBLISHED)
