"""The output of a search: texts and tables for people, JSON lines for programs."""

import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table as Grid

from data.terminal import PlainConsole
from fernn.train.loop import Row
from tune.analysis.results import model_rows
from tune.commands.notifier import Notifier
from tune.commands.progress import Forecast, Progress, Rest
from tune.core.choice import last_part
from tune.core.console import disk, document_text, duration, masked, one_line, print_lines, print_table
from tune.core.orders import Order
from tune.core.status import Status
from tune.core.study import Cell, Study
from tune.engine.bill import Bill
from tune.engine.budget import Shortage
from tune.engine.cost import Cost, Pace
from tune.engine.packing import Packing, readings
from tune.engine.workload import Failures, SearchCallback
from tune.planning.budget import Limit
from tune.planning.plan import Planned
from tune.planning.resources import Place, named
from tune.reporting.table import (
    Table,
    columns,
    infeasible,
    law_breaches,
    mark_lines,
    notes,
    records,
    row_cells,
    study_columns,
)


@dataclass(frozen=True)
class Outcome:
    """The study after a search, its failures, and its views."""

    study: Study
    failures: Failures
    links: Mapping[str, str]
    """The addresses of MLflow's saved views of the study, by name."""
    behind: Sequence[str] = ()
    """A line for each view that could not be updated, with the reason."""


def describe_cost(cost: Cost | None) -> str:
    """The cost in words: ranges where trials share a GPU and were not measured side by side."""
    if cost is None:
        return "its cost is not known"
    how, hours, price = "from probed steps of each model", f"{cost.gpu_hours:.1f}", f"{cost.price or 0.0:,.2f}"
    time = duration(cost.seconds)
    if cost.least is not None:
        how += "; trials that share a GPU slow each other down, by how much --gpus-per-trial auto measures"
        time, hours = f"{duration(cost.least.seconds)} to {time}", f"{cost.least.gpu_hours:.1f} to {hours}"
        price = f"{cost.least_price or 0.0:,.2f} to {price}"
    parts = [f"about {time} with {cost.concurrency} at once ({how})"]
    parts += [f"{hours} GPU-hours"] if cost.gpu_hours else []
    parts += [f"a price of {price}"] if cost.price is not None else []
    return ", ".join([*parts, f"{disk(cost.num_bytes)} of checkpoints"])


def describe_data(planned: Planned) -> str:
    """The folder of the clips, their number, and marks such as DEMO and PARTIAL."""
    if planned.manifest is None:
        return f"not prepared yet, goes to {planned.home}: a run {planned.first}"
    return ", ".join([str(planned.home), f"{planned.manifest.num_clips} clips", *mark_lines(planned.study)])


def describe_grid(study: Study) -> str:
    """The number of values of each dimension; with a sampler, the number of cells that it will add."""
    sampled = study.sampling.get("ranges", {})
    sizes = {last_part(name): len(values) for name, values in study.space.items() if name not in sampled}
    grid = " × ".join(f"{size} {name}" for name, size in sizes.items())
    names = ", ".join(map(last_part, sampled))
    return f"{grid} × sampled {names}, {study.num_to_come} more cells to come" if sampled else grid


def describe_pages(tracking_uri: str, links: Mapping[str, str]) -> list[str]:
    """The command that opens MLflow's pages of a database, and the addresses of the saved views."""
    ui = f"{Path(sys.executable).parent}/mlflow ui --backend-store-uri {shlex.quote(tracking_uri)}"
    command = [] if tracking_uri.startswith("http") else [f"Compare the runs: {ui}"]
    return [*command, *(f"MLflow, {view}: {link}" for view, link in links.items())]


def describe_plan(planned: Planned, missing: Sequence[Cell], cost: Cost | None) -> list[str]:
    """The study, its data, the cost and the missing cells, one a line."""
    study = planned.study
    grid, num_done = describe_grid(study), len(study.cells) - len(missing)
    lines = [f"study {study.name}: {len(study.cells)} cells ({grid}), {num_done} done, {len(missing)} to run"]
    lines += [f"data: {describe_data(planned)}"]
    if study.foreign:
        lines.append(f"warm start: {num_foreign(study)} points of {study.foreign['study']}")
    if cost is not None:
        lines += [f"cost: {describe_cost(cost)}"]
        lines += [f"{named(place)}: {_share(cost, place)}{one.words()}" for place, one in cost.rooflines.items()]
    for cell in missing:
        begun = cost.pace.epochs_done.get(cell.key) if cost is not None else 0
        lines.append(f"  {study.label(cell)}" + (f", goes on from epoch {begun}" if begun else ""))
    return lines


def num_foreign(study: Study) -> int:
    """The number of another study's points that the sampler knew from the beginning."""
    return sum(map(len, study.foreign["points"].values()))


def _share(cost: Cost, place: Place) -> str:
    """What a trial holds there, where kinds of GPU are told apart."""
    return f"trials hold {cost.shares[place]:g} of a GPU; " if place[1] else ""


def plan_facts(planned: Planned, cost: Cost | None) -> dict[str, Any]:
    """The study, its data and the cost as JSON values."""
    study = planned.study
    facts: dict[str, Any] = {"study": study.name, "folder": study.folder.root, "data": str(planned.home)}
    facts |= {"demo": study.demo, "stand_in": study.stand_in or None, "partial": list(study.partial)}
    facts |= {"num_cells": len(study.cells), "num_to_come": study.num_to_come}
    facts |= {"first": planned.first} if planned.first else {}
    if study.foreign:
        facts["warm_start"] = {"study": study.foreign["study"], "num_points": num_foreign(study)}
    if cost is not None:
        facts |= {"seconds": cost.seconds, "gpu_hours": cost.gpu_hours, "price": cost.price}
        least = cost.least or Bill(cost.seconds, cost.gpu_hours)
        facts |= {"least_seconds": least.seconds, "least_gpu_hours": least.gpu_hours}
        facts["least_price"] = cost.price if cost.least is None else cost.least_price
        facts["num_bytes"] = cost.num_bytes
        facts["models"] = [
            {"model": place[0], "kind": place[1] or None, "gpus": cost.shares.get(place)} | roofline.facts()
            for place, roofline in cost.rooflines.items()
        ]
    return facts


class SearchOutput(SearchCallback):
    """The output of a search: for programs one JSON object a line in ``events``, where that is given; else for people.

    People read on standard error a live table on a terminal and plain lines elsewhere, and the results on standard
    output.
    """

    def __init__(self, events: TextIO | None = None, given: Console | None = None) -> None:
        self.events, self.console = events, given or PlainConsole(stderr=True)
        self.forecast: Forecast | None = None
        self.rest: Rest | None = None
        """What a budget has left undone."""
        self.notifier = Notifier(None, math.inf)
        self._table: list[dict[str, str]] = []

    def refused(self, error: Exception) -> int:
        """Show why the command cannot run; its exit code 2."""
        reason = one_line(error)
        self._tell("refused", [f"error: {reason}"], reason=reason)
        return 2

    def interrupted(self) -> int:
        """Show that the command was stopped before its search began; its exit code 130."""
        self._tell("interrupted", ["stopped: run the same command again to go on"])
        return 130

    def warned(self, text: str) -> None:
        """Show a warning."""
        self._tell("warning", [f"warning: {text}"], text=text)

    def planned(self, planned: Planned, cost: Cost | None, over: Sequence[Shortage] = ()) -> None:
        """Show the study, its data, the missing cells, their cost, and the budgets that it exceeds."""
        missing = planned.study.missing()
        lines, facts = describe_plan(planned, missing, cost), plan_facts(planned, cost)
        lines += [shortage.line() for shortage in over]
        facts["over_budget"] = [shortage.facts() for shortage in over]
        self._tell("plan", lines, **facts, to_run=[cell.name for cell in missing])

    def started(self, planned: Planned, cost: Cost | None, over: Sequence[Shortage]) -> None:
        """Tell people elsewhere that training starts, and what it costs."""
        number = len(planned.study.missing())
        lines = [f"{number} cells to train", describe_cost(cost), *(shortage.line() for shortage in over)]
        self.notifier.started(planned.study, lines, **plan_facts(planned, cost), num_to_run=number)

    def close_notices(self) -> None:
        """Wait a few seconds for messages that are not delivered yet; a warning where any could not be."""
        if line := self.notifier.close():
            self.warned(line)

    def packed(self, packing: Packing) -> None:
        """Show the readings of trials side by side, and which are chosen."""
        if self.events is not None:
            return self._tell("packing", readings=readings(packing))
        columns = ("model", "trials", "CPUs each", "GPUs each", "clips/s in all", "memory", "")
        grid = Grid(*columns, title="trials side by side, measured", title_justify="left")
        for line in readings(packing):
            mark = "chosen" if line["chosen"] else ""
            numbers = (str(line["trials"]), f"{line['cpus']:g}", f"{line['gpus']:g}", f"{line['clips_per_second']:.1f}")
            grid.add_row(named((line["model"], line["kind"] or "")), *numbers, f"{line['memory']:.0%}", mark)
        self.console.print(grid)

    def progress(self, study: Study, cells: list[Cell], pace: Pace) -> AbstractContextManager[SearchCallback]:
        """A context in which the progress of the cells is shown."""
        if self.events is None:
            self.forecast = shown = Progress(study, cells, self.console, pace)
            return shown
        self.forecast = Forecast(study, cells, pace)
        return nullcontext(self)

    def budget_reached(self, limit: Limit | None, cost: Cost | None) -> None:
        """Keep for the end which budget was reached, if one was, and what is left now."""
        self.rest = self.forecast.rest(limit.option, cost) if limit and self.forecast else None
        if self.rest:
            self.notifier.reached(self.rest.line(), **asdict(self.rest))

    def on_epoch(self, cell: Cell, row: Row) -> None:
        left: dict[str, Any] = {}
        if self.forecast is not None:
            self.forecast.on_epoch(cell, row)
            left = {"seconds_left": self.forecast.seconds_left(), "gpu_hours_left": self.forecast.gpu_hours_left()}
        numbers = {name: value for name, value in row.items() if "/" in name}
        self._tell("epoch", cell=cell.name, epoch=row["epoch"], metrics=numbers, **left)

    def on_status(self, cell: Cell, status: Status) -> None:
        words: dict[Status, str] = {"running": "started", "resting": "rested", "waiting": "proposed"}
        word = words.get(status, status)
        if self.forecast is not None:
            word = "resumed" if status == "waiting" and cell.key in self.forecast.states else word
            self.forecast.on_status(cell, status)
        self._tell(word, cell=cell.name)

    def ordered(self, order: Order) -> None:
        """Show an order that the search has taken up."""
        facts = {"action": order.action, "cells": order.cells or None, "who": order.who, "given_at": order.at}
        self._tell("order", [f"order taken up: {order.text}"], **facts)

    def results(self, study: Study, tracking_uri: str, links: Mapping[str, str]) -> None:
        """Show the study's table and the addresses of MLflow's pages."""
        rows, chosen = model_rows(study), study_columns(study)
        names = columns(study.metric, chosen)
        self._table = [dict(zip(names, row_cells(row, chosen), strict=True)) for row in rows]
        remarks = [*notes(study), *infeasible(study, rows), *law_breaches(rows)]
        if self.events is not None:
            table = records(Table.of(study)) if rows else []
            self._tell("table", rows=table, notes=remarks, tracking_uri=tracking_uri, views=dict(links))
        elif rows:
            print_table(study.name, names, (row_cells(row, chosen) for row in rows))
            print_lines([*remarks, *describe_pages(tracking_uri, links)])
        else:
            self._tell("", ["no cell is finished yet"])

    def left(self, outcome: Outcome) -> int:
        """Show failures, missing cells and views that are behind; the exit code.

        3 where cells are missing because of a budget, 1 where they are for another reason or a view is behind, else 0.
        """
        study, missing = outcome.study, [cell.name for cell in outcome.study.missing()]
        rest = self.rest if missing or study.num_to_come else None
        lines = [f"{study.label(cell)} failed: {reason}" for cell, reason in outcome.failures.items()]
        how = "run the same command again to go on" if rest is None else f"{rest.line()}; give more to go on"
        to_come = study.num_to_come
        left = f"{len(missing)} of {len(study.cells)} cells have no result"
        left += f", {to_come} more are to be proposed: {how}" if to_come else f": {how}"
        lines += [*outcome.behind, *([left] if missing or to_come else [])]
        failed = {cell.name: reason for cell, reason in outcome.failures.items()}
        facts = {"failed": failed, "missing": missing, "tracking_behind": "; ".join(outcome.behind) or None}
        facts["budget"] = asdict(rest) if rest else None
        code = 3 if rest else 1 if missing or to_come or outcome.behind else 0
        table = [", ".join(f"{name} {value}" for name, value in row.items()) for row in self._table]
        self.notifier.ended([*table, *lines], table=self._table, code=code, **facts)
        self.close_notices()
        self._tell("end", lines, **facts)
        return code

    def _tell(self, event: str, lines: Sequence[str] = (), **facts: Any) -> None:
        """Print the event with its facts for programs, or its lines for people."""
        if self.events is not None:
            print(document_text({"event": event} | facts), file=self.events, flush=True)
            return
        if lines:  # at once, since a notebook frames each print
            self.console.print(masked("\n".join(lines)), markup=False, highlight=False, soft_wrap=True)
