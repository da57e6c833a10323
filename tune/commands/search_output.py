"""How a search speaks: texts and tables for people, JSON lines for programs."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.table import Table as Grid

from data.terminal import console
from fernn.train.loop import Row
from tune.analysis.results import model_rows
from tune.commands.progress import Progress
from tune.core.console import all_masked, disk, duration, masked, one_line, tables
from tune.core.study import Cell, Study
from tune.engine.cost import Cost
from tune.engine.pace import Pace
from tune.engine.packing import Packing, readings
from tune.engine.ray_tune import Failure, Listener
from tune.planning.plan import Planned
from tune.reporting.table import STAND_IN, Table, absent, columns, law_breaches, notes, records, row_cells


@dataclass(frozen=True)
class Outcome:
    """What became of a study's command."""

    study: Study
    failures: list[Failure]
    links: Mapping[str, str]
    """The addresses of MLflow's views of the study."""
    behind: Sequence[str] = ()
    """Which view could not be brought up to date, and why, a line each."""


class SearchOutput(Protocol):
    """Tells a user what a search does."""

    def refused(self, error: Exception) -> int:
        """The command cannot run, and why, in one line; 2."""

    def interrupted(self) -> int:
        """The command was stopped before its search began; 130."""

    def warned(self, text: str) -> None:
        """What the user should know before it starts."""

    def planned(self, planned: Planned, cost: Cost | None) -> None:
        """What the study holds, what is done, what will run and what that costs."""

    def packed(self, packing: Packing) -> None:
        """How many trials share a GPU or a machine, as measured."""

    def progress(self, study: Study, cells: list[Cell], pace: Pace) -> AbstractContextManager[Listener]:
        """Follows the cells while they run."""

    def results(self, study: Study, tracking_uri: str, links: Mapping[str, str]) -> None:
        """The table, and where MLflow shows it."""

    def left(self, outcome: Outcome) -> int:
        """What has no result, why, and the way out; 1 where there is any, else 0."""


def describe_cost(cost: Cost | None) -> str:
    """Time and disk in words."""
    if cost is None:
        return "nothing to run"
    parts = [f"about {duration(cost.seconds)} with {cost.concurrency} at once (from probed steps of each model)"]
    parts += [f"{cost.gpu_hours:.1f} GPU-hours"] if cost.gpu_hours else []
    parts += [f"a price of {cost.price:,.2f}"] if cost.price is not None else []
    return ", ".join([*parts, f"{disk(cost.num_bytes)} of checkpoints"])


def describe_data(planned: Planned) -> str:
    """Where the clips are, how many, and what is wrong with them."""
    study, manifest = planned.study, planned.manifest
    if manifest is None:
        return f"not prepared yet, goes to {planned.home}: a run {planned.first}"
    demo = f", DEMO: {study.cells[0].experiment.data.demo_note}" if study.demo else ""
    lacking = f", PARTIAL: {absent(study.partial)}" if study.partial else ""
    other = f", {STAND_IN}: {study.stand_in}" if study.stand_in else ""
    return f"{planned.home}, {manifest.num_clips} clips{demo}{other}{lacking}"


def describe_grid(study: Study) -> str:
    """How many values each dimension has; with a sampler, how many cells it will add."""
    sizes = {name: len(values) for name, values in study.space.items() if name != "optim.lr" or not study.sampling}
    grid = " × ".join(f"{size} {name.rpartition('.')[2]}" for name, size in sizes.items())
    return f"{grid} × sampled lr, {study.num_to_come} more cells to come" if study.sampling else grid


def describe_pages(tracking_uri: str, links: Mapping[str, str]) -> list[str]:
    """How to open MLflow's pages, and what to look at there; a server is open already."""
    ui = f"{Path(sys.executable).parent}/mlflow ui --backend-store-uri {shlex.quote(tracking_uri)}"
    how = [] if tracking_uri.startswith("http") else [f"Compare the runs: {ui}"]
    return [*how, *(f"MLflow, {view}: {link}" for view, link in links.items())]


class TextOutput:
    """For people: a live table on a terminal, plain lines elsewhere."""

    def __init__(self, given: Console | None = None) -> None:
        self.console = given or console(stderr=True)

    def refused(self, error: Exception) -> int:
        self._say(f"error: {one_line(error)}")
        return 2

    def interrupted(self) -> int:
        self._say("stopped: run the same command again to go on")
        return 130

    def warned(self, text: str) -> None:
        self._say(f"warning: {text}")

    def planned(self, planned: Planned, cost: Cost | None) -> None:
        study, missing = planned.study, planned.study.missing()
        grid, done = describe_grid(study), len(study.cells) - len(missing)
        self._say(f"study {study.name}: {len(study.cells)} cells ({grid}), {done} done, {len(missing)} to run")
        self._say(f"data: {describe_data(planned)}")
        if cost is not None:
            self._say(f"cost: {describe_cost(cost)}")
        for cell in missing:
            begun = cost.pace.epochs_done.get(cell.key) if cost is not None else 0
            self._say(f"  {study.label(cell)}" + (f", goes on from epoch {begun}" if begun else ""))

    def packed(self, packing: Packing) -> None:
        grid = Grid(title="trials side by side, measured", title_justify="left")
        for column in ("model", "trials", "CPUs each", "GPUs each", "clips/s in all", "memory", ""):
            grid.add_column(column)
        for line in readings(packing):
            mark = "chosen" if line["chosen"] else ""
            numbers = (str(line["trials"]), f"{line['cpus']:g}", f"{line['gpus']:g}", f"{line['clips_per_second']:.1f}")
            grid.add_row(line["model"], *numbers, f"{line['memory']:.0%}", mark)
        self.console.print(grid)

    def progress(self, study: Study, cells: list[Cell], pace: Pace) -> AbstractContextManager[Listener]:
        return Progress(study, cells, self.console, pace)

    def results(self, study: Study, tracking_uri: str, links: Mapping[str, str]) -> None:
        rows, out = model_rows(study), tables()
        if not rows:
            return self._say("no cell is finished yet")
        grid = Grid(title=study.name, title_justify="left")
        for column in columns(study.metric):
            grid.add_column(column, overflow="fold")
        for row in rows:
            grid.add_row(*row_cells(row))
        out.print(grid)
        lines = [*notes(study), *law_breaches(rows), *describe_pages(tracking_uri, links)]
        out.print(masked("\n".join(lines)), markup=False, highlight=False, soft_wrap=True)

    def left(self, outcome: Outcome) -> int:
        study, num_left = outcome.study, len(outcome.study.missing())
        for failed in outcome.failures:
            self._say(f"{study.label(failed.cell)} failed: {failed.reason}")
        for line in outcome.behind:
            self._say(line)
        if num_left:
            self._say(f"{num_left} of {len(study.cells)} cells have no result: run the same command again to go on")
        return 1 if num_left or outcome.behind else 0

    def _say(self, line: str) -> None:
        self.console.print(masked(line), markup=False, highlight=False, soft_wrap=True)


class EventOutput:
    """For programs: one JSON object a line, each with the name of its event."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def refused(self, error: Exception) -> int:
        self._tell("refused", reason=one_line(error))
        return 2

    def interrupted(self) -> int:
        self._tell("interrupted")
        return 130

    def warned(self, text: str) -> None:
        self._tell("warning", text=text)

    def planned(self, planned: Planned, cost: Cost | None) -> None:
        study, missing = planned.study, planned.study.missing()
        facts = {"study": study.name, "folder": study.folder.root, "data": str(planned.home), "demo": study.demo}
        facts |= {
            "stand_in": study.stand_in or None,
            "partial": list(study.partial),
            "num_cells": len(study.cells),
            "num_to_come": study.num_to_come,
        }
        expected: dict[str, Any] = {"first": planned.first} if planned.first else {}
        if cost is not None:
            expected |= {"seconds": cost.seconds, "gpu_hours": cost.gpu_hours, "price": cost.price}
            expected["num_bytes"] = cost.num_bytes
        self._tell("plan", **facts, **expected, to_run=[cell.name for cell in missing])

    def packed(self, packing: Packing) -> None:
        self._tell("packing", readings=readings(packing))

    def progress(self, study: Study, cells: list[Cell], pace: Pace) -> AbstractContextManager[Listener]:
        return nullcontext(self)

    def started(self, cell: Cell) -> None:
        self._tell("started", cell=cell.name)

    def reported(self, cell: Cell, row: Row) -> None:
        numbers = {name: value if isfinite(value) else None for name, value in row.items() if "/" in name}
        self._tell("epoch", cell=cell.name, epoch=row["epoch"], metrics=numbers)

    def lost(self, cell: Cell) -> None:
        self._tell("lost", cell=cell.name)

    def rested(self, cell: Cell) -> None:
        self._tell("rested", cell=cell.name)

    def stopped(self, cell: Cell) -> None:
        self._tell("stopped", cell=cell.name)

    def ended(self, cell: Cell, failed: bool) -> None:
        self._tell("failed" if failed else "done", cell=cell.name)

    def proposed(self, cell: Cell) -> None:
        self._tell("proposed", cell=cell.name)

    def results(self, study: Study, tracking_uri: str, links: Mapping[str, str]) -> None:
        found = model_rows(study)
        rows, said = records(Table.of(study)) if found else [], [*notes(study), *law_breaches(found)]
        self._tell("table", rows=rows, notes=said, tracking_uri=tracking_uri, views=dict(links))

    def left(self, outcome: Outcome) -> int:
        missing = outcome.study.missing()
        failed = {one.cell.name: one.reason for one in outcome.failures}
        behind = "; ".join(outcome.behind) or None
        self._tell("end", failed=failed, missing=[cell.name for cell in missing], tracking_behind=behind)
        return 1 if missing or behind is not None else 0

    def _tell(self, event: str, **facts: Any) -> None:
        content: Mapping[str, Any] = {"event": event} | facts
        print(json.dumps(all_masked(content), allow_nan=False), file=self.out, flush=True)
