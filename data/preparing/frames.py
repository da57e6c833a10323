"""Frames of videos as a column of Parquet files, and how to read them back.

The column has Ray Data's Arrow extension type for tensors whose shape differs by row: Ray Data reads it as NumPy
arrays. Plain pyarrow knows the type once ``ray.data`` is imported, and otherwise shows its storage, a struct of
``data`` and ``shape``; :func:`frames_of` reads either.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from ray.data.extensions import ArrowVariableShapedTensorArray, ArrowVariableShapedTensorType

Frames = NDArray[np.uint8]


def frames_type(dimensions: int) -> pa.DataType:
    """The type of the column: 3 dimensions for grey frames (t, h, w), 4 for frames in color (t, h, w, 3)."""
    return ArrowVariableShapedTensorType(pa.uint8(), dimensions)


def frames_column(found: Sequence[Frames]) -> pa.Array:
    """The frames of several clips as a column."""
    return ArrowVariableShapedTensorArray.from_numpy(list(found))


def frames_of(column: pa.ChunkedArray) -> list[Frames]:
    """Every clip's frames, without a copy, whether or not the tensor type is registered."""
    return [frames for chunk in column.chunks for frames in _frames_of_chunk(chunk)]


def fingerprint(frames: Frames) -> str:
    """The SHA-256 of the frames' bytes in the order of their axes."""
    return hashlib.sha256(np.ascontiguousarray(frames).data).hexdigest()


def _frames_of_chunk(chunk: pa.Array) -> list[Frames]:
    storage = chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk
    data, shapes = storage.field("data"), storage.field("shape").to_pylist()
    values = data.values.to_numpy(zero_copy_only=True)
    offsets = data.offsets.to_numpy()
    return [
        values[begin:end].reshape(shape) for begin, end, shape in zip(offsets[:-1], offsets[1:], shapes, strict=True)
    ]
