"""Budgets of a study's searches: time, GPU-hours, a price, or a moment by which the search ends."""

import math
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import tyro

from tune.core.console import duration
from tune.planning.ledger import Spent


def _unlimited(metavar: str) -> Any:
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="(default: no limit)")


@dataclass(frozen=True)
class Budgets:
    """What the study's searches may take in all, also those before. The search stops before it would exceed a budget,
    with code 3 where cells are left; run it again with more to go on."""

    stop_after: Annotated[str | None, _unlimited("TIME")] = None
    """Time of the study's searches, as 6h, 90m, 2d12h or 45s."""
    max_gpu_hours: Annotated[float | None, _unlimited("HOURS")] = None
    """Hours times the share of a GPU that each trial holds."""
    max_price: Annotated[float | None, _unlimited("PRICE")] = None
    """Price of the GPU-hours; needs --price-per-gpu-hour."""
    deadline: Annotated[str | None, _unlimited("MOMENT")] = None
    """When this search has to end, as 2027-01-03T08:00: local time, unless it has an offset as +01:00 at its end."""


Unit = Literal["seconds", "moment", "gpu_hours", "price"]
DURATION = re.compile("".join(rf"(?:(\d+(?:\.\d+)?){unit})?" for unit in "dhms"))
SECONDS = (86400, 3600, 60, 1)


@dataclass(frozen=True)
class Limit:
    """One budget."""

    option: str
    """As it was given: --stop-after 6h."""
    unit: Unit
    most: float
    """Seconds, seconds since 1970, GPU-hours, or a price."""
    price_per_gpu_hour: float = 0.0

    def taken_by(self, seconds: float, gpu_hours: float) -> float:
        """How much of the budget that takes."""
        return {"gpu_hours": gpu_hours, "price": gpu_hours * self.price_per_gpu_hour}.get(self.unit, seconds)

    def left(self, spent: Spent, now: float) -> float:
        """How much of the budget is left at ``now``, in seconds since 1970, after that was spent."""
        return self.most - {
            "seconds": spent.seconds, "moment": now, "gpu_hours": spent.gpu_hours, "price": spent.price,
        }[self.unit]  # fmt: skip

    def words(self, amount: float) -> str:
        """An amount of the budget in words."""
        texts = {"gpu_hours": f"{amount:.2f} GPU-hours", "price": f"a price of {amount:,.2f}"}
        return texts.get(self.unit) or duration(max(0.0, amount))


def limits_of(budgets: Budgets, price_per_gpu_hour: float | None) -> tuple[Limit, ...]:
    """The budgets that were given; raises ValueError in one line for a bad value."""
    return tuple(_limits(budgets, price_per_gpu_hour))


def _limits(budgets: Budgets, price_per_gpu_hour: float | None) -> Iterator[Limit]:
    if (text := budgets.stop_after) is not None:
        yield Limit(f"--stop-after {text}", "seconds", seconds_in(text))
    for name, amount in (("--max-gpu-hours", budgets.max_gpu_hours), ("--max-price", budgets.max_price)):
        if amount is not None and not 0 < amount < math.inf:
            raise ValueError(f"{name} must be above 0, got {amount:g}: leave it out for no limit")
    if (hours := budgets.max_gpu_hours) is not None:
        yield Limit(f"--max-gpu-hours {hours:g}", "gpu_hours", hours)
    if (price := budgets.max_price) is not None:
        if price_per_gpu_hour is None or not 0 < price_per_gpu_hour < math.inf:
            raise ValueError(
                f"--max-price {price:g} needs what an hour of a GPU costs, above 0: add --price-per-gpu-hour PRICE"
            )
        yield Limit(f"--max-price {price:g}", "price", price, price_per_gpu_hour)
    if (text := budgets.deadline) is not None:
        yield Limit(f"--deadline {text}", "moment", moment_in(text))


def seconds_in(text: str) -> float:
    """The seconds of a time as 2d12h, 6h, 90m or 45s; raises ValueError."""
    found = DURATION.fullmatch(text)
    seconds = sum(float(part or 0) * unit for part, unit in zip(found.groups(), SECONDS, strict=True)) if found else 0.0
    if not 0 < seconds < math.inf:
        raise ValueError(f"--stop-after must be a time above 0 as 6h, 90m, 2d12h or 45s, got {text!r}")
    return seconds


def moment_in(text: str) -> float:
    """A moment as 2027-01-03T08:00 in seconds since 1970; local time unless it has an offset. Raises ValueError."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"--deadline must be a day and time as 2027-01-03T08:00 or 2027-01-03T08:00+01:00, got {text!r}"
        ) from error


def used_up(limits: Sequence[Limit], spent: Spent, now: float | None = None) -> str:
    """Why no search can begin, with the way out, where nothing is left of one of the budgets; else an empty text."""
    now = time.time() if now is None else now
    for limit in limits:
        if limit.left(spent, now) > 0:
            continue
        if limit.unit == "moment":
            return f"{limit.option} is past: give a later one, or leave it out"
        taken = limit.words(limit.most - limit.left(spent, now))
        return f"nothing is left of {limit.option}: the study's searches took {taken}; give more, or leave it out"
    return ""
