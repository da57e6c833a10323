"""The columns of prepared video clips, and how to read the frames back.

``frames`` is Ray Data's Arrow extension type for tensors whose shape differs by row: Ray Data reads it
as NumPy arrays. Plain pyarrow knows the type once ``ray.data`` is imported, and otherwise shows its
storage, a struct of ``data`` and ``shape``; :func:`frames_of` reads either.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from ray.data.extensions import ArrowVariableShapedTensorArray, ArrowVariableShapedTensorType

Frames = NDArray[np.uint8]


class ClipRow(TypedDict):
    """One clip: an annotated range of one video.

    ``frames[0]`` is frame ``first`` of the video. ``first`` and ``last`` are 0-based, inclusive, and
    clipped to the video's ``num_frames``. Where the video goes on, ``frames`` holds one frame more than
    the range, frame ``last + 1``: whoever reads the 1-based annotation as 0-based, as the published
    code does, finds that range in ``frames[1:]``.
    """

    id: str
    person: int
    action: str
    label: int
    scenario: int
    first: int
    last: int
    num_frames: int
    frames: Frames
    sha256: str


CLIP_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("person", pa.int32(), nullable=False),
        pa.field("action", pa.string(), nullable=False),
        pa.field("label", pa.int32(), nullable=False),
        pa.field("scenario", pa.int32(), nullable=False),
        pa.field("first", pa.int32(), nullable=False),
        pa.field("last", pa.int32(), nullable=False),
        pa.field("num_frames", pa.int32(), nullable=False),
        pa.field("frames", ArrowVariableShapedTensorType(pa.uint8(), 3), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
    ]
)


def clip_table(rows: Sequence[ClipRow]) -> pa.Table:
    """The rows as an Arrow table of :data:`CLIP_SCHEMA`."""
    columns = {name: [row[name] for row in rows] for name in CLIP_SCHEMA.names}  # type: ignore[literal-required]
    columns["frames"] = ArrowVariableShapedTensorArray.from_numpy(columns["frames"])
    return pa.table(columns, schema=CLIP_SCHEMA)


def frames_of(column: pa.ChunkedArray) -> list[Frames]:
    """Every clip's frames (t, h, w), without a copy, whether or not the tensor type is registered."""
    return [frames for chunk in column.chunks for frames in _frames_of_chunk(chunk)]


def fingerprint(frames: Frames) -> str:
    """The SHA-256 of the frames' bytes in (t, h, w) order."""
    return hashlib.sha256(np.ascontiguousarray(frames).data).hexdigest()


def content_hash(dataset: str, size: int, rows: Iterable[Mapping[str, Any]]) -> str:
    """A hash of what the clips are, whatever the machine, the time and the layout of the files.

    It covers the data set's name, the size and, in order, every clip's id, label, place in its video
    and frames.
    """
    digest = hashlib.sha256(f"{dataset} {size}\n".encode())
    for row in rows:
        place = f"{row['first']} {row['last']} {row['num_frames']}"
        digest.update(f"{row['id']} {row['label']} {place} {row['sha256']}\n".encode())
    return digest.hexdigest()


def _frames_of_chunk(chunk: pa.Array) -> list[Frames]:
    storage = chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk
    data, shapes = storage.field("data"), storage.field("shape").to_pylist()
    values = data.values.to_numpy(zero_copy_only=True)
    offsets = data.offsets.to_numpy()
    return [
        values[begin:end].reshape(shape) for begin, end, shape in zip(offsets[:-1], offsets[1:], shapes, strict=True)
    ]
