"""The columns of the ramp's prepared clips."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from data.physics101.decode import Frames
from data.physics101.splits import object_of
from data.preparing.frames import fingerprint, frames_column, frames_type
from data.preparing.parquet import columns

SCHEMA = columns(
    id=pa.string(), object=pa.string(), num_frames=pa.int32(), frames=frames_type(4), sha256=pa.string()
)  # fmt: skip
"""One row a video: "object/setting/trial", and every ``frame_step``-th frame of it, RGB (t, size, size, 3)."""


def clip_table(rows: Sequence[tuple[str, Frames]]) -> pa.Table:
    """Names and frames as an Arrow table of :data:`SCHEMA`."""
    names, frames = zip(*rows, strict=True)
    table = {
        "id": names,
        "object": [object_of(name) for name in names],
        "num_frames": [len(one) for one in frames],
        "frames": frames_column(frames),
        "sha256": [fingerprint(one) for one in frames],
    }
    return pa.table(table, schema=SCHEMA)


def content_hash(dataset: str, data: Any, digests: Iterable[tuple[str, str]]) -> str:
    """A hash of what the clips are, whatever the machine, the time and the layout of the files."""
    digest = hashlib.sha256(f"{dataset} {data.size} {data.frame_step}\n".encode())
    for name, sha256 in digests:
        digest.update(f"{name} {sha256}\n".encode())
    return digest.hexdigest()
