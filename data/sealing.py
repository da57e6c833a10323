"""Facts that carry their own checksum, by which a flipped byte is noticed."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

CHECKSUM = "crc32"


def checksum(value: Any) -> int:
    """CRC-32 of a JSON value, which finds every flipped byte."""
    return zlib.crc32(json.dumps(value).encode())


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with their checksum."""
    return {**facts, CHECKSUM: checksum(facts)}


def unsealed(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts without their checksum; raises KeyError where that is missing, ValueError where it is of others."""
    if facts.pop(CHECKSUM) != checksum(facts):
        raise ValueError("the checksum is of other facts")
    return facts
