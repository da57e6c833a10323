"""Pieces of Markdown."""

from collections.abc import Sequence

UNKNOWN = "not recorded"
"""What stands where an earlier version did not write something down."""


def bullets(sentences: Sequence[str]) -> str:
    """A list, one sentence a line."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def fenced(lines: Sequence[str]) -> str:
    """Commands as they are typed."""
    return "\n".join(["```", *lines, "```"])


def grid(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    drawn = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in drawn)
