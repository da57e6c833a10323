"""The columns of the ramp's prepared clips, and which are for training, validation and test.

They are split by clip, as published, or by object, when they are read.
"""

from collections.abc import Iterable
from typing import Literal

import pyarrow as pa

from data.data_set import count_splits
from data.preparing.frames import frames_type
from data.preparing.parquet import columns
from fernn.experiment import Split
from fernn.seeding import seed_of

By = Literal["clip", "object"]
TEST, VALIDATION = 78 / 389, 0.1
"""The published share of test clips; and, of the others, the share kept for validation, of which the published code has
none: it validates on the test clips."""
SCHEMA = columns(
    id=pa.string(), object=pa.string(), num_frames=pa.int32(), frames=frames_type(4), sha256=pa.string()
)  # fmt: skip
"""One row a video: "object/setting/trial", and every ``frame_step``-th frame of it, RGB (t, size, size, 3)."""


def object_of(name: str) -> str:
    """The object of a clip "object/setting/trial"."""
    return name.split("/")[0]


def split_by(names: Iterable[str], by: By) -> dict[str, Split]:
    """The split of every clip: shuffled by named seeds, then cut; objects are kept whole where split by them."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(object_of(name) if by == "object" else name, []).append(name)
    total = sum(map(len, groups.values()))
    num_test = round(TEST * total)
    num_held_out = num_test + round(VALIDATION * (total - num_test))
    splits: dict[str, Split] = {}
    for group in sorted(groups, key=lambda group: seed_of("ramp-split", by, group)):
        is_test, is_held_out = len(splits) < num_test, len(splits) < num_held_out
        splits |= dict.fromkeys(groups[group], "test" if is_test else "validation" if is_held_out else "train")
    return splits


def count_by_split(names: Iterable[str], by: By) -> dict[str, int]:
    """How many clips each split has."""
    return count_splits(split_by(names, by).values())
