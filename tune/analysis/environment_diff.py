"""What is not as it was when a cell was trained: the likely reasons for other numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from tune.core.code_record import FIRST_USED

Facts = Mapping[str, Any]
ELSEWHERE = ("host", "held", "cores", "memory_bytes")
"""Facts of a machine that change no number."""


def machine_changes(then: Facts, now: Facts) -> list[str]:
    """In what another machine, or the same one later, differs."""
    names = [name for name in now if name not in ELSEWHERE]
    found = [
        f"{name}: {then[name]} then, {now[name]} now" for name in names if name in then and then[name] != now[name]
    ]
    unknown = [name for name in names if name not in then]
    return found + [f"not recorded then: {', '.join(unknown)}"] * bool(unknown)


def code_changes(names: Sequence[str], records: Mapping[str, Facts], now: Facts) -> list[str]:
    """In what the code and the distributions of now differ from those by which a cell was trained."""
    if not names:
        return ["the code was not recorded then"]
    return [change for name in dict.fromkeys(names) for change in _changes(name, records.get(name), now)]


def _changes(name: str, then: Facts | None, now: Facts) -> list[str]:
    if then is None:
        return [f"code {name or '(unnamed)'} was not recorded then"]
    skipped = ("command", "diff", "distributions", FIRST_USED)
    fields = [field for field in now if field not in skipped and then.get(field) != now[field]]
    found = [f"code {name}, {field}: {then.get(field)} then, {now[field]} now" for field in fields]
    ours, theirs = now["distributions"], then["distributions"]
    changed = [one for one in {**theirs, **ours} if ours.get(one) != theirs.get(one)]
    versions = [f"{one} {theirs.get(one, 'absent')} then, {ours.get(one, 'absent')} now" for one in changed]
    return found + [f"code {name}, distributions: {'; '.join(versions)}"] * bool(changed)
