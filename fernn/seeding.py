"""Named seed streams: every random draw comes from a name, never from the order of calls."""

import hashlib
import json
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def seed_of(*names: str | int) -> int:
    """A 63-bit seed that depends on ``names`` alone.

    ``seed_of("clip-start", seed, epoch, clip_id)`` is the same number on every machine, in every
    process and in every order of calls.
    """
    return int.from_bytes(hashlib.sha256(json.dumps(names).encode()).digest()[:8], "big") >> 1


def seeds_of(*names: str | int, each: Iterable[str]) -> NDArray[np.int64]:
    """``seed_of(*names, name)`` for every name of ``each``: what they have in common is hashed once."""
    begun = hashlib.sha256(json.dumps([*names, ""]).encode()[:-3])
    written = json.dumps([*each, ""], separators=("]\n", ":"))  # JSON escapes line breaks in names
    *endings, _ = written.encode()[1:].split(b"\n")
    digests = []
    for ending in endings:
        hashed = begun.copy()
        hashed.update(ending)
        digests.append(hashed.digest()[:8])
    return (np.frombuffer(b"".join(digests), ">u8") >> 1).astype(np.int64)


def generator(*names: str | int) -> np.random.Generator:
    """A fresh NumPy generator seeded with :func:`seed_of`."""
    return np.random.Generator(np.random.PCG64(seed_of(*names)))
