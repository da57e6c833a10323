"""How arrays become velocities (frames, 2, rows, columns): which of several they are, and which axis is which.

The axis of the two components is the only one of size 2, or the one that is given; the others are frames, rows and
columns in that order. A list is an axis before those of its arrays. Axes of size 1 are taken off where there are more
than four, and an axis of size 1 at the end is no column but a single frame.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.convection.arrays import ARRAYS, Array
from data.errors import DataError
from fernn.files.kinds import UnreadableError

PAIRS = {
    ("u", "v"), ("u", "w"), ("ux", "uy"), ("ux", "uz"), ("vx", "vy"), ("vx", "vz"), ("velx", "vely"), ("velx", "velz"),
    ("xvelocity", "yvelocity"), ("xvelocity", "zvelocity"), ("velocityx", "velocityy"), ("velocityx", "velocityz"),
}  # fmt: skip
"""Names of the two components, without case and marks."""
SHAPE = "(frames, 2, rows, columns)"
DEEPEST = 3
SHOWN = 6


@dataclass(frozen=True)
class Velocities:
    """Both components as arrays (t, rows, columns) in the order of time, and how they stand in the file."""

    parts: tuple[Sequence[Array], Sequence[Array]]
    layout: str

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Frames, 2, rows, columns."""
        arrays = self.parts[0]
        return sum(map(len, arrays)), 2, arrays[0].shape[1], arrays[0].shape[2]

    def frames(self, first: int, last: int) -> NDArray[np.float32]:
        """The frames from ``first`` to before ``last``, (t, 2, rows, columns)."""
        return np.stack([_between(parts, first, last) for parts in self.parts], 1)


@dataclass(frozen=True)
class Chosen:
    """The arrays that hold the velocities; whether they stand in a list, or are two components; under which names."""

    arrays: list[Array]
    names: tuple[str, ...]
    is_listed: bool = False
    is_pair: bool = False


def velocities_in(path: Path, content: Any, most_bytes: int, axis: int | None = None) -> Velocities:
    """The velocities that a file holds; ``axis`` is that of the components.

    Raises DataError where the content tells of no velocities, or of more than one reading of them.
    """
    chosen = _chosen(path, content, ())
    arrays = [_plain(path, array, chosen.is_listed) for array in chosen.arrays]
    if sum(math.prod(array.shape) * array.dtype.itemsize for array in arrays) > most_bytes:
        shape = tuple(arrays[0].shape)
        raise DataError(f"{path} must hold every number of its shape {shape}, it is too small for them")
    if chosen.is_pair:
        arrays, axis = [_squeezed(array, 3) for array in arrays], 0 if axis is None else axis
    elif len(arrays) == 2 and all(array.ndim == 4 and array.shape[1] == 1 for array in arrays):
        arrays = [array[:, 0] for array in arrays]
    return _arranged(path, chosen, arrays, axis)


def _chosen(path: Path, content: Any, names: tuple[str, ...]) -> Chosen:
    if isinstance(content, UnreadableError):
        raise content
    if isinstance(content, np.ndarray) and content.dtype.names:
        content = {field: content[field] for field in content.dtype.names}
    if isinstance(content, ARRAYS):
        return Chosen([content], names)
    if isinstance(content, list | tuple):
        are_arrays = all(isinstance(entry, ARRAYS) for entry in content)
        if are_arrays and len({(array.ndim, _is_float(array)) for array in content}) == 1:  # no labels or times beside
            return Chosen(list(content), names, is_listed=True)
    entries = dict(enumerate(content)) if isinstance(content, list | tuple) else content
    if isinstance(entries, Mapping) and entries and len(names) < DEEPEST:
        return _of_names(path, entries, names)
    raise DataError(
        f"{path} must hold velocities {SHAPE}, it holds a {type(content).__name__}: save a tensor by torch.save, or an "
        "array by numpy.save"
    )


def _of_names(path: Path, content: Mapping[Any, Any], names: tuple[str, ...]) -> Chosen:
    arrays = {key: value for key, value in content.items() if isinstance(value, ARRAYS)}
    floats = {key: value for key, value in arrays.items() if _is_float(value)}
    arrays = floats or arrays  # integers beside them are labels or times
    whole = [key for key, value in arrays.items() if value.ndim > 3 and 2 in value.shape]
    inner = whole or [key for key, value in content.items() if _has_arrays(value, len(names))]
    if not whole and (pair := _pair(arrays)):
        return Chosen([arrays[key] for key in pair], (*names, " and ".join(map(str, pair))), True, True)
    if not whole and (numbered := _numbered(arrays)):
        return Chosen([arrays[key] for key in numbered], (*names, f"{numbered[0]} to {numbered[-1]}"), True)
    if len(content) == 1 or len(inner) == 1:
        key = next(iter(inner or content))
        return _chosen(path, content[key], (*names, str(key)))
    unusable = next((value for value in content.values() if isinstance(value, UnreadableError)), None)
    if unusable is not None and not arrays:
        raise unusable
    held = ", ".join(
        f"{key} {tuple(value.shape) if isinstance(value, ARRAYS) else f'({type(value).__name__})'}"
        for key, value in list(content.items())[:SHOWN]
    )
    raise DataError(
        f"{path} must hold velocities {SHAPE} under one name, or components under u and v; it holds {held}: save those "
        "alone"
    )


def _has_arrays(value: Any, depth: int) -> bool:
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return depth < DEEPEST and any(isinstance(entry, ARRAYS) or _has_arrays(entry, depth + 1) for entry in values)


def _pair(arrays: Mapping[Any, Array]) -> tuple[Any, Any] | None:
    """The names of the two components; None where none are there, or more than one pair of names is."""
    keys = {re.sub(r"[\W_]", "", str(key).lower()): key for key in arrays}
    pairs = [(keys[first], keys[second]) for first, second in PAIRS if first in keys and second in keys]
    return pairs[0] if len(pairs) == 1 else None


def _numbered(arrays: Mapping[Any, Array]) -> list[Any]:
    """Names of frames in the order of their numbers; empty where not all are numbered, each once, or of one shape."""
    numbers = {key: re.findall(r"\d+", str(key)) for key in arrays}
    if not all(numbers.values()) or len({value.shape for value in arrays.values()}) != 1:
        return []
    order = {key: int(digits[-1][:18]) for key, digits in numbers.items()}
    return sorted(order, key=lambda key: order[key]) if len(set(order.values())) == len(order) else []


def _is_float(array: Array) -> bool:
    return array.is_floating_point() if isinstance(array, Tensor) else array.dtype.kind == "f"


def _plain(path: Path, array: Array, is_listed: bool) -> Array:
    """The array without more axes of size 1 than it needs; raises DataError for numbers that are no velocities."""
    is_plain, kind = True, str(array.dtype)
    if isinstance(array, Tensor):
        is_plain = array.layout == torch.strided and not array.is_quantized and array.dtype.itemsize > 1
        is_plain, kind = is_plain and not array.is_meta, f"{array.dtype}, {array.layout}"
    if not is_plain or not _is_float(array):
        raise DataError(f"{path} must hold plain floating-point numbers, got {kind}: save velocities as float32")
    array = _squeezed(array, 4)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0] if is_listed else array[None, ..., 0]
    return array.detach() if isinstance(array, Tensor) else array


def _squeezed(array: Array, most: int) -> Array:
    """The array without axes of size 1, the last first, where it has more axes than so many."""
    for axis in reversed(range(array.ndim)):
        if array.ndim > most and array.shape[axis] == 1:
            array = array.squeeze(axis)
    return array


def _arranged(path: Path, chosen: Chosen, arrays: list[Array], axis: int | None) -> Velocities:
    shape = tuple(arrays[0].shape)
    is_stack = chosen.is_listed and len(shape) == 3
    is_joined = chosen.is_listed and not is_stack and len(arrays) > 1
    shapes = {tuple(array.shape[is_joined:]) for array in arrays}
    if len(shapes) != 1 or len({array.ndim for array in arrays}) != 1:
        listed = ", ".join(map(str, sorted(shapes)[:SHOWN]))
        raise DataError(f"{path} must hold arrays of one shape in its list, got {listed}")
    if is_stack or is_joined:
        shape = (len(arrays), *shape) if is_stack else (sum(map(len, arrays)), *shape[1:])
    place = _axis(path, shape, axis, is_joined)
    layout = f"{'.'.join(chosen.names)}: " * bool(chosen.names) + f"a list of {len(arrays)}, " * chosen.is_listed
    layout += f"components along axis {place} of {shape}"
    if is_stack and place == 0:
        return Velocities(([arrays[0]], [arrays[1]]), layout)
    arrays = [array[None] for array in arrays] if is_stack else arrays
    before: tuple[Any, ...] = (slice(None),) * place
    return Velocities(([array[(*before, 0)] for array in arrays], [array[(*before, 1)] for array in arrays]), layout)


def _axis(path: Path, shape: tuple[int, ...], given: int | None, is_joined: bool) -> int:
    """The components' axis; raises DataError where there is none, or more than one."""
    if len(shape) != 4 or 0 in shape:
        raise DataError(f"{path} must have the shape {SHAPE}, got {shape}")
    axes_of_two = [axis for axis, size in enumerate(shape) if size == 2 and not (axis == 0 and is_joined)]
    if given is not None and given in axes_of_two:
        return given
    if given is not None:
        raise DataError(f"{path} must have two components along --component-axis {given}, its shape is {shape}")
    if not axes_of_two:
        raise DataError(f"{path} must have the shape {SHAPE}, got {shape}: no axis has the size 2 of the components")
    if len(axes_of_two) > 1:
        axes = " and ".join(map(str, axes_of_two))
        raise DataError(
            f"{path} has the shape {shape}, of which axes {axes} may be the two components: say which by "
            "data/convection/prepare.py with --component-axis"
        )
    return axes_of_two[0]


def _between(parts: Sequence[Array], first: int, last: int) -> NDArray[np.float32]:
    starts = accumulate(map(len, parts), initial=0)
    return np.concatenate([
        _numbers(part[max(0, first - start) : last - start])
        for part, start in zip(parts, starts, strict=False) if start < last and start + len(part) > first
    ])  # fmt: skip


def _numbers(array: Array) -> NDArray[np.float32]:
    if isinstance(array, Tensor):
        return array.float().numpy()
    with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite, and is refused as such
        return np.asarray(array, dtype=np.float32)
