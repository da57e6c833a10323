"""What was chosen in the files of currents, in lines for a reader; all of it stands in the manifest."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST_SHOWN = 6


def lines_of(details: Mapping[str, Any]) -> Iterator[str]:
    """A line for each region of a manifest's details, and one more for each gap and each assumption."""
    for name, facts in details["regions"].items():
        if "variables" in facts:  # else it was written before choices were
            yield from (f"{name}: {line}" for line in (_chosen(facts), *_remarks(facts)))


def masked_at_times(facts: Mapping[str, Any]) -> str:
    """What is land of a region that is not masked at all times, in words; empty where there is none."""
    if not (masked := facts.get("sometimes_masked")):
        return ""
    percent = 100 * masked["share"]
    share = f"{percent:.1g} %" if percent < 1 else f"{percent:.0f} %"
    return f"{share} counts as land because it is masked on some days (most on {masked['most']})"


def spelled(choice: Any) -> str:
    """A choice that a manifest has, as options."""
    if not isinstance(choice, dict) or not isinstance(choice.get("select", {}), dict):
        return "what its manifest does not say"
    depth = choice.get("depth")
    words = [] if depth is None else [f"--depth {depth:g}" if isinstance(depth, int | float) else f"--depth {depth}"]
    words += [f"--select {name}={value}" for name, value in choice.get("select", {}).items()]
    words += [f"--variables {' '.join(map(str, choice['variables']))}"] if choice.get("variables") else []
    words += [f"--temperature {choice['temperature']}"] if choice.get("temperature") else []
    return " ".join(words) or "the level nearest the surface"


def _chosen(facts: Mapping[str, Any]) -> str:
    units = " and ".join(dict.fromkeys(facts["units"]))
    selected = "".join(f", {dimension} {value}" for dimension, value in facts["selected"].items())
    (south, north), (west, east) = facts["latitudes"], facts["longitudes"]
    return (
        f"{', '.join(facts['variables'])} ({facts['kind']} in {units}), {_level(facts['level'])}{selected}, "
        f"{_span(facts)}, {south:g} to {north:g} north, {west:g} to {east:g} east, root mean square "
        f"{facts['speed']:.3g} m/s"
    )


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


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_SHOWN
    return ", ".join(names[:MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
