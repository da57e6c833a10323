"""The published fields of convection, ``rbc_data.pt``: one tensor (2000, 2, 256, 1792), read without running code.

Only tensors are unpickled (``weights_only``), and every fourth pixel is taken along each axis, as the released script
takes it. The 7 GB are mapped, not loaded, where the file is of torch's zip format; the older format is loaded whole.

Which component is which, and whether the first row is on top, the file does not say, and turning vectors needs it. It
is measured, unless it is given: the flow has no divergence, so of the four ways to read it the one with the least is
right, up to a mirror that convection is symmetric under. The released script reads all files alike.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import DataError
from data.fields.schema import Frames

MOST_DIVERGENCE = 0.3
"""Of a velocity field, relative to its gradients: read wrongly it has 0.5 to 1.4."""
NUM_PROBED = 5
"""Frames by which the ways to read the file are compared."""
NUM_AT_ONCE = 50
"""Frames that are read at once."""


@dataclass(frozen=True)
class Reading:
    """Which component is sideways, and where the top is."""

    is_swapped: bool
    is_upside_down: bool

    def of(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Frames (t, 2, h, w) as (sideways, upwards), the first row on top."""
        frames = frames[:, ::-1] if self.is_swapped else frames
        return frames[:, :, ::-1] if self.is_upside_down else frames


ReadingName = Literal["uv", "uv-upside-down", "vu", "vu-upside-down"]
READINGS: dict[ReadingName, Reading] = {
    "uv": Reading(False, False), "uv-upside-down": Reading(False, True),
    "vu": Reading(True, False), "vu-upside-down": Reading(True, True),
}  # fmt: skip


def read_published(path: Path, size: int, reading: ReadingName | None = None) -> tuple[Frames, dict[str, Any]]:
    """The fields (t, 2, size, w) with every so many pixels taken that the layer is ``size`` high, and facts on them.

    Raises DataError, which names the file and the rule, for anything else than velocities of an incompressible flow;
    where the reading is given, divergence is no reason.
    """
    tensor = _tensor(path)
    stride = _stride(path, tensor, size)
    way, divergence = _reading(path, tensor, reading)
    fields = np.empty((len(tensor), 2, size, -(-tensor.shape[3] // stride)), np.float32)
    for first in range(0, len(tensor), NUM_AT_ONCE):
        part = tensor[first : first + NUM_AT_ONCE, :, ::stride, ::stride].float().numpy()
        _require_numbers(path, part, first)
        fields[first : first + NUM_AT_ONCE] = way.of(part)
    facts = {
        "shape": list(tensor.shape), "stride": stride, "components_swapped": way.is_swapped,
        "rows_turned": way.is_upside_down, "divergence": divergence,
        "mean": float(fields.mean(dtype=np.float64)), "deviation": float(fields.std(dtype=np.float64)),
    }  # fmt: skip
    return fields, facts


def _tensor(path: Path) -> Tensor:
    path.open("rb").close()  # an OSError of what cannot be opened stays one
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # what torch.load raises depends on where the file is broken
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"{path} must be one tensor saved by torch.save, it cannot be read: {reason}") from error
    if not isinstance(found, Tensor):
        raise DataError(f"{path} must be one tensor saved by torch.save, it holds a {type(found).__name__}")
    if found.ndim != 4 or found.shape[1] != 2 or 0 in found.shape:
        raise DataError(f"{path} must have the shape (frames, 2, rows, columns), got {tuple(found.shape)}")
    if not found.is_floating_point() or found.layout != torch.strided:
        raise DataError(f"{path} must hold plain floating-point numbers, got {found.dtype}, {found.layout}")
    if found.numel() * found.element_size() > path.stat().st_size:
        raise DataError(f"{path} must hold every number of its shape {tuple(found.shape)}, it is too small for them")
    return found


def _stride(path: Path, tensor: Tensor, size: int) -> int:
    height, width = tensor.shape[2:]
    if height % size or width < height:
        raise DataError(f"{path} has {height} x {width} pixels: data.size must divide {height}, got {size}")
    return height // size


def _reading(path: Path, tensor: Tensor, given: ReadingName | None) -> tuple[Reading, float]:
    """The way to read the file, the given one or that of least divergence, and how much that is."""
    chosen = np.linspace(0, len(tensor) - 1, min(NUM_PROBED, len(tensor))).round().astype(int)
    probed = torch.stack([tensor[int(place)] for place in chosen]).double().numpy()
    for place, frame in zip(chosen, probed, strict=True):
        _require_numbers(path, frame[None], place)
    found = {name: divergence(way.of(probed)) for name, way in READINGS.items()}
    name = min(found, key=lambda one: found[one]) if given is None else given
    if not found[name] < (np.inf if given else MOST_DIVERGENCE):
        measured = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
        raise DataError(
            f"{path} must hold velocities of an incompressible flow: however its components and rows are read, their "
            f"divergence is more than {MOST_DIVERGENCE} of their gradients ({measured}); where you know how it is to "
            "be read, prepare it by data/convection/prepare.py with --reading"
        )
    return READINGS[name], found[name]


def _require_numbers(path: Path, frames: NDArray[Any], first: int) -> None:
    if not np.isfinite(frames).all():
        raise DataError(f"{path} must hold numbers, frames {first} to {first + len(frames) - 1} have others")


def divergence(frames: NDArray[np.float64]) -> float:
    """Root mean square of du/dx + dv/dy by central differences, relative to that of both; rows go down, v up."""
    along = frames[:, 0, 1:-1, 2:] - frames[:, 0, 1:-1, :-2]
    upwards = frames[:, 1, :-2, 1:-1] - frames[:, 1, 2:, 1:-1]
    scale = (along**2).mean() + (upwards**2).mean()
    return float((((along + upwards) ** 2).mean() / scale) ** 0.5) if scale > 0 else float("inf")
