"""NumPy files of any layout become grey levels, a part at a time; what are none is refused."""

import gzip
import io
import pickle

import numpy as np
import pytest

from data.errors import DataError
from data.sources import arrays
from data.sources.arrays import GreyLevels, mapped_array, parts, read_array, read_arrays
from fernn.files.kinds import UnreadableError

LEVELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def saved(array, **how):
    file = io.BytesIO()
    np.save(file, array, **how)
    return file.getvalue()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_an_array_is_read_packed_or_not(path, pack):
    path.write_bytes(pack(saved(LEVELS)))
    assert np.array_equal(read_array(path), LEVELS) and list(read_arrays(path)) == [""]


def test_of_several_arrays_the_only_wanted_one_is_taken(path):
    with path.open("wb") as file:
        np.savez(file, clips=LEVELS, labels=np.zeros(2))
    assert np.array_equal(read_array(path, lambda array: array.ndim == 3), LEVELS)
    with pytest.raises(DataError, match=r"must hold one array of clips, it holds clips \(2, 3, 4\), labels \(2,\)"):
        read_array(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_python_objects_are_never_read(path, pack):
    path.write_bytes(pack(saved(np.array([{"a": 1}], dtype=object), allow_pickle=True)))
    with pytest.raises(DataError, match="must be a NumPy file, it holds Python objects, which are never read"):
        read_arrays(path)


def test_a_pickle_is_no_numpy_file(path):
    path.write_bytes(pickle.dumps([1]))
    with pytest.raises(DataError, match=r"is no NumPy file \(.npy or .npz\)"):
        read_arrays(path)
    with pytest.raises(UnreadableError, match="^it "):
        mapped_array(path)


def test_an_array_that_would_be_too_large_is_refused_before_it_is_unpacked(path, monkeypatch):
    path.write_bytes(gzip.compress(saved(LEVELS)))
    monkeypatch.setattr(arrays, "MOST_BYTES", 23)
    with pytest.raises(DataError, match="holds more than 23 bytes"):
        read_arrays(path)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, np.float16])
def test_grey_levels_of_every_type_are_the_same(path, kind):
    assert np.array_equal(GreyLevels.of(LEVELS.astype(kind), path).uint8(LEVELS.astype(kind)), LEVELS)
    fractions = (LEVELS / 255).astype(np.float32)
    assert np.array_equal(GreyLevels.of(fractions, path).uint8(fractions), LEVELS)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([0.0, np.inf]), "must hold numbers, it has others"),
        (np.array([0, 1]), "its largest of int64 is 1: save 0 and 1 as 0 and 255"),
        (np.array([0.0, 256.0]), "must hold grey levels from 0 to 255 or from 0 to 1, got 0 to 256"),
        (np.array([0.0, 7.5]), "must hold whole grey levels"),
        (np.array(["a"]), "must hold grey levels as uint8 or floats"),
    ],
)
def test_what_are_no_grey_levels_is_refused(path, array, message):
    with pytest.raises(DataError, match=message):
        GreyLevels.of(array, path)


def test_parts_make_up_the_array(monkeypatch):
    monkeypatch.setattr(arrays, "ROWS", 1)
    array = np.arange(3 * 2**14).reshape(6, -1)
    assert len(list(parts(array))) == 3 and np.array_equal(np.concatenate(list(parts(array))), array)
