"""Which clips are for training, validation and test: by clip, as published, or by object."""

from collections.abc import Iterable
from typing import Literal

from data.data_set import count_splits
from fernn.experiment import Split
from fernn.seeding import seed_of

By = Literal["clip", "object"]
TEST, VALIDATION = 78 / 389, 0.1
"""The published share of test clips; and, of the others, the share kept for validation, of which the published code has
none: it validates on the test clips."""


def object_of(name: str) -> str:
    """The object of a clip "object/setting/trial"."""
    return name.split("/")[0]


def split_by(names: Iterable[str], by: By) -> dict[str, Split]:
    """The split of every clip: shuffled by named seeds, then cut; objects are kept whole where split by them."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(object_of(name) if by == "object" else name, []).append(name)
    order = sorted(groups, key=lambda group: seed_of("ramp-split", by, group))
    total = sum(map(len, groups.values()))
    num_test = round(TEST * total)
    num_validation = round(VALIDATION * (total - num_test))
    found: dict[str, Split] = {}
    for group in order:
        split: Split = "test" if len(found) < num_test else "validation"
        if len(found) >= num_test + num_validation:
            split = "train"
        found |= dict.fromkeys(groups[group], split)
    return found


def count_by_split(names: Iterable[str], by: By) -> dict[str, int]:
    """How many clips each split has."""
    return count_splits(split_by(names, by).values())
