"""Bytes that somebody has tampered with: what parsers of untrusted files are tried on."""

import contextlib
import os
import resource

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

MOST_MEMORY = 700 * 2**20
"""Bytes that no file of a few kilobytes may make a parser take."""

NAMES = [
    "canary:Config", "studies.s.canary:Config", "s.canary:Config", "canary", "os:system", "../canary", "/etc/passwd",
    "../../x", "file:///etc/passwd", "s3://key:secret@bucket/x?endpoint_override=127.0.0.1:1", "sqlite:////tmp/x.db",
]  # fmt: skip
"""Names of what can be imported, of files elsewhere and of servers."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
"""Any small JSON value."""


ALL_CASES = "ALL_CASES"
"""The environment variable that ``make soak`` sets."""
SHARE = 5


def tried(examples):
    """A fifth of so many cases, or all: the same every time, and none may take longer than five seconds."""
    examples = examples if ALL_CASES in os.environ else examples // SHARE
    health = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples, deadline=5000, derandomize=True, suppress_health_check=health, database=None)


@st.composite
def mutations(draw, contents):
    """One of the ``contents``, cut, flipped, overwritten, doubled or swapped in a few places."""
    content = bytearray(draw(st.sampled_from(contents)))
    for _ in range(draw(st.integers(1, 4))):
        where = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([1, 2, 4, 8, 64]))
        match draw(st.integers(0, 4)):
            case 0 if where < len(content):
                content[where] ^= 1 << draw(st.integers(0, 7))
            case 1:
                content[where : where + length] = draw(st.binary(min_size=length, max_size=length))
            case 2:
                del content[where:]
            case 3:
                content[where:where] = content[max(0, where - length) : where] * draw(st.integers(1, 5))
            case _:
                content[where : where + length] = draw(
                    st.sampled_from([b"\xff" * length, b"\0" * length, b"9" * length])
                )
    return bytes(content)


@contextlib.contextmanager
def bounded_memory():
    """AssertionError where this process takes much more memory than before."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    yield
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert after - before < MOST_MEMORY, f"{(after - before) / 1e6:.0f} MB"
