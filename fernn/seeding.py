"""Named seed streams: every random draw comes from a name, never from the order of calls."""

import hashlib
import json
from collections.abc import Iterable

import numpy as np


def seed_of(*names: str | int) -> int:
    """A 63-bit seed that depends on ``names`` alone.

    ``seed_of("clip-start", seed, epoch, clip_id)`` is the same number on every machine, in every
    process and in every order of calls.
    """
    return _seed(json.dumps(names))


def seeds_of(*names: str | int, each: Iterable[str]) -> list[int]:
    """``seed_of(*names, last)`` for each last name, at half the time."""
    start = json.dumps(names)[:-1]
    return [_seed(f"{start}, {json.dumps(last)}]") for last in each]


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*names: str | int) -> np.random.Generator:
    """A fresh NumPy generator seeded with :func:`seed_of`."""
    return np.random.Generator(np.random.PCG64(seed_of(*names)))
