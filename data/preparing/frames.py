"""Clips as rows of Parquet files, their frames as a column of them, and how to read those back.

The column has Ray Data's Arrow extension type for tensors whose shape differs by row: Ray Data reads it as NumPy
arrays. Plain pyarrow knows the type once ``ray.data`` is imported, and otherwise shows its storage, a struct of
``data`` and ``shape``; :func:`frames_of` reads either.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from ray.data.extensions import ArrowVariableShapedTensorArray, ArrowVariableShapedTensorType

from data.manifest import DataFile
from data.preparing.parquet import write_file

Frames = NDArray[np.uint8]
ClipRow = Mapping[str, Any]
"""A value for each column of a table of clips, its frames as an array."""


def frames_type(dimensions: int) -> pa.DataType:
    """The type of the column: 3 dimensions for grey frames (t, h, w), 4 for frames in color (t, h, w, 3)."""
    return ArrowVariableShapedTensorType(pa.uint8(), dimensions)


def clip_table(schema: pa.Schema, rows: Sequence[ClipRow]) -> pa.Table:
    """The rows as an Arrow table with the columns of the schema."""
    table = {name: [row[name] for row in rows] for name in schema.names}
    return pa.table(table | {"frames": ArrowVariableShapedTensorArray.from_numpy(table["frames"])}, schema=schema)


def write_clips(
    folder: Path, schema: pa.Schema, rows: Iterable[ClipRow], rows_per_file: int, **how: Any
) -> tuple[list[DataFile], list[dict[str, Any]]]:
    """Write the rows as Parquet files in ``folder``; returns the files, and the rows without frames."""
    files: list[DataFile] = []
    summary: list[dict[str, Any]] = []
    rows = iter(rows)
    while batch := list(islice(rows, rows_per_file)):
        path = folder / f"clips-{len(files):05d}.parquet"
        files.append(write_file(path, schema, [clip_table(schema, batch)], use_dictionary=False, **how))
        summary += [{name: row[name] for name in schema.names if name != "frames"} for row in batch]
    return files, summary


def frames_of(column: pa.ChunkedArray) -> list[Frames]:
    """Every clip's frames, without a copy, whether or not the tensor type is registered."""
    frames: list[Frames] = []
    for chunk in column.chunks:
        storage = chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk
        data, shapes = storage.field("data"), storage.field("shape").to_pylist()
        values, offsets = data.values.to_numpy(zero_copy_only=True), data.offsets.to_numpy()
        clips = zip(offsets[:-1], offsets[1:], shapes, strict=True)
        frames += [values[begin:end].reshape(shape) for begin, end, shape in clips]
    return frames


def content_hash(title: str, rows: Iterable[ClipRow], names: Sequence[str]) -> str:
    """A hash of the title and of the columns ``names`` in order, whatever the machine and the layout of the files."""
    lines = [title, *(" ".join(str(row[name]) for name in names) for row in rows)]
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def fingerprint(frames: Frames) -> str:
    """The SHA-256 of the frames' bytes in the order of their axes."""
    return hashlib.sha256(np.ascontiguousarray(frames).data).hexdigest()
