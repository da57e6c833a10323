"""How machine and code differ from those that trained a cell: the likely reasons for different numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from tune.core.code_record import FIRST_USED

Record = Mapping[str, Any]
IRRELEVANT = ("host", "held", "cores", "memory_bytes")
"""Properties of a machine that change no number."""


def machine_changes(then: Record, now: Record) -> list[str]:
    """How another machine, or the same one later, differs."""
    names = [name for name in now if name not in IRRELEVANT]
    changed = [name for name in names if name in then and then[name] != now[name]]
    unknown = [name for name in names if name not in then]
    changes = [f"{name}: {then[name]} then, {now[name]} now" for name in changed]
    return changes + [f"not recorded then: {', '.join(unknown)}"] * bool(unknown)


def code_changes(names: Sequence[str], records: Mapping[str, Record], now: Record) -> list[str]:
    """How the current code and distributions differ from those that trained a cell."""
    if not names:
        return ["the code was not recorded then"]
    return [change for name in dict.fromkeys(names) for change in _changes(name, records.get(name), now)]


def _changes(name: str, then: Record | None, now: Record) -> list[str]:
    if then is None:
        return [f"code {name or '(unnamed)'} was not recorded then"]
    skipped = ("command", "diff", "distributions", FIRST_USED)
    fields = [field for field in now if field not in skipped and then.get(field) != now[field]]
    changes = [f"code {name}, {field}: {then.get(field)} then, {now[field]} now" for field in fields]
    ours, theirs = now["distributions"], then["distributions"]
    changed = [package for package in {**theirs, **ours} if ours.get(package) != theirs.get(package)]
    versions = [f"{each} {theirs.get(each, 'absent')} then, {ours.get(each, 'absent')} now" for each in changed]
    return changes + [f"code {name}, distributions: {'; '.join(versions)}"] * bool(changed)
