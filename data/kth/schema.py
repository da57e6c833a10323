"""The columns of KTH's prepared clips."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import pyarrow as pa

from data.preparing.frames import Frames, frames_column, frames_type
from data.preparing.parquet import columns


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


SCHEMA = columns(
    id=pa.string(), person=pa.int32(), action=pa.string(), label=pa.int32(), scenario=pa.int32(), first=pa.int32(),
    last=pa.int32(), num_frames=pa.int32(), frames=frames_type(3), sha256=pa.string(),
)  # fmt: skip
"""One row a clip, see :class:`ClipRow`."""


def clip_table(rows: Sequence[ClipRow]) -> pa.Table:
    """The rows as an Arrow table of :data:`SCHEMA`."""
    table = {name: [row[name] for row in rows] for name in SCHEMA.names}  # type: ignore[literal-required]
    return pa.table(table | {"frames": frames_column(table["frames"])}, schema=SCHEMA)


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
