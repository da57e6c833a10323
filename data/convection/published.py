"""The published fields of convection, ``rbc_data.pt``: one tensor (2000, 2, 256, 1792), read without running code.

The same numbers may stand in other forms of file (:mod:`data.convection.arrays`) and layouts
(:mod:`data.convection.layout`). Every fourth pixel is taken along each axis, as the released script takes it; all are
checked. The 7 GB are mapped, not loaded, but in files of torch's older format.

Which component is which, and whether the first row is on top, the file does not say, and turning vectors needs it. It
is measured, unless it is given: the flow has no divergence, so of the four ways to read it the one with the least is
right, up to a mirror that convection is symmetric under. The released script reads all files alike.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.convection.arrays import read_arrays
from data.convection.layout import Velocities, velocities_in
from data.errors import DataError
from data.fields.schema import Frames

PUBLISHED = (2000, 2, 256, 1792)
MOST_DIVERGENCE = 0.3
"""Of a velocity field, relative to its gradients: read wrongly it has 0.5 to 1.4."""
NUM_PROBED = 5
"""Frames by which the ways to read the file are compared."""
NUM_AT_ONCE = 50
"""Frames that are read at once."""


ReadingName = Literal["uv", "uv-upside-down", "vu", "vu-upside-down"]
READINGS: dict[ReadingName, tuple[bool, bool]] = {
    "uv": (False, False), "uv-upside-down": (False, True), "vu": (True, False), "vu-upside-down": (True, True),
}  # fmt: skip
"""Whether the first component is the upward one, and whether the first row is at the bottom."""


def read_published(
    path: Path, size: int, reading: ReadingName | None = None, *, component_axis: int | None = None,
    scratch: Path | None = None,
) -> tuple[Frames, dict[str, Any]]:  # fmt: skip
    """The fields (t, 2, size, w) with every so many pixels taken that the layer is ``size`` high, and facts on them.

    Archives are unpacked into ``scratch`` for as long as they are read, without it beside the file. Raises DataError,
    which names the file and the rule, for anything else than velocities of an incompressible flow; where the reading is
    given, divergence is no reason.
    """
    with read_arrays(path, scratch or path.with_name(f".{path.name}.unpacked")) as (content, most_bytes):
        velocities = velocities_in(path, content, most_bytes, component_axis)
        stride = _stride(path, velocities, size)
        fields = _taken(path, velocities, stride)
        reading, divergence = _reading(path, velocities, reading)
    is_swapped, is_upside_down = READINGS[reading]
    fields = np.ascontiguousarray(_read_as(reading, fields))
    facts = {
        "shape": list(velocities.shape), "layout": velocities.layout, "stride": stride,
        "components_swapped": is_swapped, "rows_turned": is_upside_down, "divergence": divergence,
        "mean": float(fields.mean(dtype=np.float64)), "deviation": float(fields.std(dtype=np.float64)),
    }  # fmt: skip
    return fields, facts


def _stride(path: Path, velocities: Velocities, size: int) -> int:
    height, width = velocities.shape[2:]
    if width < height:
        raise DataError(
            f"{path} has {height} x {width} pixels ({velocities.layout}): a layer is at least as wide as high, rows "
            "must stand before columns"
        )
    if height % size:
        raise DataError(f"{path} has {height} x {width} pixels: data.size must divide {height}, got {size}")
    return height // size


def _taken(path: Path, velocities: Velocities, stride: int) -> Frames:
    """Every so many pixels of all frames; DataError names the first frame with what is no number, and how many."""
    num_frames, _, height, width = velocities.shape
    fields = np.empty((num_frames, 2, height // stride, -(-width // stride)), np.float32)
    broken: list[int] = []
    for first in range(0, num_frames, NUM_AT_ONCE):
        part = velocities.frames(first, min(first + NUM_AT_ONCE, num_frames))
        broken += [first + int(place) for place in np.flatnonzero(~np.isfinite(part).all(axis=(1, 2, 3)))]
        fields[first : first + NUM_AT_ONCE] = part[:, :, ::stride, ::stride]
    if broken:
        raise DataError(
            f"{path} must hold finite numbers: NaN or infinity is in {len(broken)} of its {num_frames} frames, first "
            f"in frame {broken[0]} (counted from 0)"
        )
    return fields


def _read_as(reading: ReadingName, frames: NDArray[Any]) -> NDArray[Any]:
    """Frames (t, 2, h, w) as (sideways, upwards), the first row on top."""
    is_swapped, is_upside_down = READINGS[reading]
    frames = frames[:, ::-1] if is_swapped else frames
    return frames[:, :, ::-1] if is_upside_down else frames


def _reading(path: Path, velocities: Velocities, given: ReadingName | None) -> tuple[ReadingName, float]:
    """The way to read the file, the given one or that of least divergence, and how much that is."""
    chosen = np.linspace(0, velocities.shape[0] - 1, min(NUM_PROBED, velocities.shape[0])).round().astype(int).tolist()
    probed = np.concatenate([velocities.frames(place, place + 1) for place in chosen]).astype(np.float64)
    if (probed == probed[:, :, :1, :1]).all():
        values = " and ".join(f"{value:g}" for value in probed[0, :, 0, 0])
        raise DataError(
            f"{path} must hold velocities of an incompressible flow, they are the same everywhere ({values} in frame 0)"
        )
    measures = {name: divergence(_read_as(name, probed)) for name in READINGS}
    reading = min(measures, key=lambda name: measures[name]) if given is None else given
    if not measures[reading] < (np.inf if given else MOST_DIVERGENCE):
        measured = ", ".join(f"{name} {value:.2f}" for name, value in measures.items())
        raise DataError(
            f"{path} must hold velocities of an incompressible flow: however its components and rows are read, their "
            f"divergence is more than {MOST_DIVERGENCE} of their gradients ({measured}); where you know how it is to "
            "be read, prepare it by data/convection/prepare.py with --reading"
        )
    return reading, measures[reading]


def divergence(frames: NDArray[np.float64]) -> float:
    """Root mean square of du/dx + dv/dy by central differences, relative to that of both; rows go down, v up."""
    along = frames[:, 0, 1:-1, 2:] - frames[:, 0, 1:-1, :-2]
    upwards = frames[:, 1, :-2, 1:-1] - frames[:, 1, 2:, 1:-1]
    scale = (along**2).mean() + (upwards**2).mean()
    return float((((along + upwards) ** 2).mean() / scale) ** 0.5) if scale > 0 else float("inf")
