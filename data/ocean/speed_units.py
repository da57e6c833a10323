"""Units of velocity, as files spell them, in metres per second."""

import re

LENGTHS = {
    "mm": 1e-3, "millimeter": 1e-3, "cm": 1e-2, "centimeter": 1e-2, "dm": 0.1, "decimeter": 0.1, "m": 1.0, "meter": 1.0,
    "mtr": 1.0, "km": 1e3, "kilometer": 1e3, "nmi": 1852.0, "nautical mile": 1852.0, "ft": 0.3048, "foot": 0.3048,
    "feet": 0.3048,
}  # fmt: skip
TIMES = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0,
    "d": 86400.0, "day": 86400.0,
}  # fmt: skip
KNOT, KM_PER_HOUR = 1852 / 3600, 1 / 3.6
SPEEDS = {
    "knot": KNOT, "kt": KNOT, "kn": KNOT, "mps": 1.0, "kph": KM_PER_HOUR, "kmh": KM_PER_HOUR, "kmph": KM_PER_HOUR,
}  # fmt: skip
"""Units that are speeds by themselves."""
SPELLINGS = str.maketrans({"⁻": "-", "¹": "1", "−": "-", "–": "-", "·": " ", "⋅": " ", "_": " "})
PLURAL = re.compile(r"\b((?:centi|milli|deci|kilo)?meter|mile|second|sec|minute|min|hour|hr|day|knot|kt)s\b")
NUMBER = r"(?P<factor>[0-9.]+(?:e[+-]?[0-9]+)?)?[ *]*"
LENGTH = "(?P<length>" + "|".join(sorted(LENGTHS, key=len, reverse=True)) + ")"
TIME = "(?P<time>" + "|".join(sorted(TIMES, key=len, reverse=True)) + ")"
PATTERNS = [
    re.compile(f"{NUMBER}{LENGTH} *(?:/|per) *{TIME}(?: *(?:\\^|\\*\\*)? *1)?"),
    re.compile(f"{NUMBER}{LENGTH}[ .*]*{TIME} *(?:\\^|\\*\\*)? *[({{]? *- *1(?:\\.0*)? *[)}}]?"),
    re.compile(f"{NUMBER}(?P<speed>{'|'.join(sorted(SPEEDS, key=len, reverse=True))})"),
]


def metres_per_second(units: str) -> float | None:
    """How many m/s one of these units is, None for what is no unit of velocity; "m s-1", "cm/s" and "knots" are some.

    "ms-1" is a metre per second, as it is meant to be, not one per millisecond.
    """
    text = re.sub(r"\s+", " ", units.casefold().translate(SPELLINGS)).strip(" []()")
    text = PLURAL.sub(r"\1", text.replace("metre", "meter"))
    for pattern in PATTERNS:
        if found := pattern.fullmatch(text):
            return _value(found)
    return None


def _value(found: re.Match[str]) -> float | None:
    parts = found.groupdict()
    try:
        factor = float(parts["factor"] or 1)
    except ValueError:
        return None
    rate = SPEEDS[parts["speed"]] if "speed" in parts else LENGTHS[parts["length"]] / TIMES[parts["time"]]
    return factor * rate if factor else None
