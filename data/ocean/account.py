"""What was chosen in the files of currents, in lines for a reader; all of it stands in the manifest."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST_SHOWN = 6


def lines_of(details: Mapping[str, Any]) -> Iterator[str]:
    """A line for each region of a manifest's details, and one more for each gap and each assumption."""
    for name, facts in details["regions"].items():
        if "variables" not in facts:
            continue  # written before choices were
        names, units = ", ".join(facts["variables"]), " and ".join(dict.fromkeys(facts["units"]))
        chosen = "".join(f", {dimension} {value}" for dimension, value in facts["selected"].items())
        yield (
            f"{name}: {names} ({facts['kind']} in {units}), {_level(facts['level'])}{chosen}, {_span(facts)}, "
            f"{_places(facts)}, root mean square {facts['speed']:.3g} m/s"
        )
        yield from (f"{name}: {line}" for line in _remarks(facts))


def masked_at_times(facts: Mapping[str, Any]) -> str:
    """What is land of a region that is not masked at all times, in words; empty where there is none."""
    found = facts.get("sometimes_masked")
    if not found:
        return ""
    share = f"{100 * found['share']:.1g} %" if found["share"] < 0.01 else f"{100 * found['share']:.0f} %"
    return f"{share} counts as land because it is masked on some days (most on {found['most']})"


def spelled(choice: Any) -> str:
    """A choice that a manifest has, as options."""
    if not isinstance(choice, dict) or not isinstance(choice.get("select", {}), dict):
        return "what its manifest does not say"
    depth = choice.get("depth")
    words = [] if depth is None else [f"--depth {depth:g}" if isinstance(depth, int | float) else f"--depth {depth}"]
    words += [f"--select {name}={value}" for name, value in choice.get("select", {}).items()]
    words += [f"--variables {' '.join(map(str, choice['variables']))}"] if choice.get("variables") else []
    return " ".join(words) or "the level nearest the surface"


def _level(level: Mapping[str, Any] | None) -> str:
    if level is None:
        return "no levels"
    where = f"{level['name']} {level['value']:g}"
    where += "" if level["depth"] is None else f" ({level['depth']:g} m deep)"
    return where if level["of"] == 1 else f"{where} of {level['of']} levels"


def _span(facts: Mapping[str, Any]) -> str:
    number, calendar = facts["frames"], facts["calendar"]
    apart = "" if number == 1 else f", {facts['step']} apart"
    kind = {"standard": "", "none": ", without units of time"}.get(calendar, f", calendar {calendar}")
    return f"{facts['first']} to {facts['last']} ({number} frames{apart}{kind})"


def _places(facts: Mapping[str, Any]) -> str:
    south, north = facts["latitudes"]
    west, east = facts["longitudes"]
    return f"{south:g} to {north:g} north, {west:g} to {east:g} east"


def _remarks(facts: Mapping[str, Any]) -> Iterator[str]:
    if facts["gaps"]:
        yield f"no file has {_listed(facts['gaps'])}; no window spans a gap"
    if facts["masked"]:
        yield f"more than half is masked on {_listed(facts['masked'])}, which count as gaps; no window spans one"
    if words := masked_at_times(facts):
        yield words
    if facts["doubled"]:
        yield f"{facts['doubled']} times stand in two places, with equal currents: taken once"
    if facts.get("outside"):
        yield f"{facts['outside']} values outside of valid_min, valid_max or valid_range count as missing"
    if facts["passed_over"]:
        yield f"not read: {_listed(facts['passed_over'])}; --variables U V reads others"
    if facts["columns_left_out"]:
        yield f"columns that stand twice, 360 degrees apart, and are taken once: {facts['columns_left_out']}"


def _listed(found: Sequence[str]) -> str:
    more = len(found) - MOST_SHOWN
    return ", ".join(found[:MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
