"""NumPy files of any layout to arrays of grey levels: .npy, .npz, gzipped or not, never by pickle."""

import gzip
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.files import instead_of_data
from fernn.files.kinds import UnreadableError

OBJECTS = "it holds Python objects, which are never read: save an array of numbers"
GZIP, NPY, ZIP = b"\x1f\x8b", b"\x93NUMPY", b"PK"
MOST_BYTES = 2**33
"""Of a file's arrays when they are unpacked."""
ROWS = 1000
"""How many entries are looked at at once."""


def mapped_array(path: Path) -> NDArray[Any]:
    """The array of a file, read where it is looked at; raises UnreadableError, with a reason that begins with "it"."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # what numpy.load raises depends on where the file is broken
        if "object" in str(error).lower():
            raise UnreadableError(OBJECTS) from error
        raise UnreadableError("it cannot be read: it is empty, cut short or damaged: get it again") from error


def read_array(path: Path, is_wanted: Callable[[NDArray[Any]], bool] = lambda array: True) -> NDArray[Any]:
    """The one array of a .npy, .npy.gz or .npz file, mapped where it can be; of several the only one that is wanted.

    Raises DataError for any other file.
    """
    arrays = read_arrays(path)
    wanted = [array for array in arrays.values() if len(arrays) == 1 or is_wanted(array)]
    if len(wanted) != 1:
        listed = [f"{name or 'array'} {array.shape}" for name, array in list(arrays.items())[:5]]
        raise DataError(f"{path} must hold one array of clips, it holds {', '.join(listed) or 'none'}")
    return wanted[0]


def read_arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    """All arrays of a .npz file by name, or the one of a .npy file; raises DataError for any other file."""
    if reason := instead_of_data(path):
        raise DataError(f"{path} {reason}")
    with path.open("rb") as file:
        start = file.read(6)
    try:
        if start.startswith(ZIP):
            return _unzipped(path)
        if start.startswith(GZIP):
            with gzip.open(path) as file:
                return {"": _unpacked(path, file)}
        if start.startswith(NPY):
            return {"": mapped_array(path)}
    except (DataError, MemoryError):
        raise
    except UnreadableError as error:
        raise DataError(f"{path} must be a NumPy file, {error}") from error
    except Exception as error:  # what NumPy and zipfile raise depends on where the file is broken
        raise DataError(f"{path} is no NumPy file, or is damaged: {str(error).partition(chr(10))[0]}") from error
    raise DataError(f"{path} is no NumPy file (.npy or .npz)")


def _unpacked(path: Path, file: Any) -> NDArray[Any]:
    """The array of a file that is open; refused where it would be too large, before any of it is unpacked."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise UnreadableError(OBJECTS)
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > MOST_BYTES:
        raise DataError(f"{path} holds more than {MOST_BYTES} bytes")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _unzipped(path: Path) -> Mapping[str, NDArray[Any]]:
    with zipfile.ZipFile(path) as zipped:
        members = [member for member in zipped.infolist() if not member.is_dir()]
        if not members or not all(member.filename.endswith(".npy") for member in members):
            raise DataError(f"{path} is a zip archive, and not one of NumPy's (.npz): unpack it and give the folder")
        if sum(member.file_size for member in members) > MOST_BYTES:
            raise DataError(f"{path} holds more than {MOST_BYTES} bytes")
        arrays = {}
        for member in members:
            with zipped.open(member) as file:
                arrays[member.filename.removesuffix(".npy")] = _unpacked(path, file)
        return arrays


@dataclass(frozen=True)
class GreyLevels:
    """An array whose numbers are grey levels 0 to 255, as they are or divided by 255; made uint8 a part at a time."""

    array: NDArray[Any]
    scale: int

    @classmethod
    def of(cls, array: NDArray[Any], path: Path) -> "GreyLevels":
        """Raises DataError, which names ``path``, for numbers that are no grey levels."""
        if array.dtype.kind not in "iuf" or (not array.size and array.dtype != np.uint8):
            raise DataError(f"{path} must hold grey levels as uint8 or floats, got {array.dtype} {array.shape}")
        low, high = _limits(array, path) if array.size else (0, 255)
        if array.dtype.kind in "iu" and high <= 1:
            raise DataError(
                f"{path} must hold grey levels from 0 to 255, its largest of {array.dtype} is {high:g}: save 0 and 1 "
                "as 0 and 255"
            )
        scale = 255 if array.dtype.kind == "f" and high <= 1 else 1
        if low < 0 or high * scale > 255:
            raise DataError(f"{path} must hold grey levels from 0 to 255 or from 0 to 1, got {low:g} to {high:g}")
        levels = cls(array, scale)
        if not all(levels.is_whole(part) for part in parts(array)):
            raise DataError(f"{path} must hold whole grey levels, or such divided by 255: its numbers lie between them")
        return levels

    def is_whole(self, part: NDArray[Any]) -> bool:
        """Whether numbers are whole grey levels, up to rounding in their own type."""
        levels = part.astype(np.float64) * self.scale
        allowed = 0.0 if part.dtype.kind != "f" else max(255 * float(np.finfo(part.dtype).eps), 1e-3)
        return bool((np.abs(levels - np.rint(levels)) <= allowed).all())

    def uint8(self, part: NDArray[Any]) -> NDArray[np.uint8]:
        """A part of the array as grey levels."""
        if part.dtype == np.uint8:
            return part
        return np.rint(part.astype(np.float64) * self.scale).astype(np.uint8)


def parts(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The array, some entries of its first axis at a time."""
    step = max(1, ROWS * 2**14 // max(1, array[:1].size))
    return (array[first : first + step] for first in range(0, len(array), step))


def _limits(array: NDArray[Any], path: Path) -> tuple[float, float]:
    limits = np.array([(part.min(), part.max()) for part in parts(array)], np.float64)
    if not np.isfinite(limits).all():
        raise DataError(f"{path} must hold numbers, it has others (NaN or infinite)")
    return float(limits[:, 0].min()), float(limits[:, 1].max())
