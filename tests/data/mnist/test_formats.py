"""MNIST's own files and NumPy archives are read as they are; another file is refused by name."""

import gzip

import numpy as np
import pytest

from data.errors import DataError
from data.mnist.formats import LABELS, PICTURES, paired, read_idx, read_npz
from tests.data.mnist.layouts import arrays, digits, idx


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_idx_files_are_read_packed_or_not(tmp_path, pack):
    pictures, labels = digits()["test"]
    for name, values in (("pictures", pictures), ("labels", labels)):
        (tmp_path / name).write_bytes(pack(idx(values)))
    assert np.array_equal(read_idx(tmp_path / "pictures", PICTURES), pictures)
    assert np.array_equal(read_idx(tmp_path / "labels", LABELS), labels)
    with pytest.raises(DataError, match="pictures holds pictures, its name says labels"):
        read_idx(tmp_path / "pictures", LABELS)


def test_more_digits_than_any_set_has_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("data.mnist.formats.MOST_BYTES", 16 + 19 * 28**2)
    (tmp_path / "pictures").write_bytes(idx(digits()["test"][0]))
    with pytest.raises(DataError, match="pictures holds more than the 280000 digits that are read"):
        read_idx(tmp_path / "pictures", PICTURES)


def test_an_archive_has_both_parts(tmp_path):
    np.savez(tmp_path / "mnist.npz", **arrays())
    for name, part in read_npz(tmp_path / "mnist.npz").items():
        assert np.array_equal(part.pictures, digits()[name][0]) and np.array_equal(part.labels, digits()[name][1])


def test_pictures_without_labels_are_refused(tmp_path):
    pictures, labels = digits()["test"]
    with pytest.raises(DataError, match="a and b go together, and hold 20 pictures and 19 labels"):
        paired(pictures, labels[1:], "a", "b")
