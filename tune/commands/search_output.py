"""The output of a search: texts and tables for people, JSON lines for programs."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table as Grid

from data.terminal import PlainConsole
from fernn.train.loop import Row
from tune.analysis.results import model_rows
from tune.commands.progress import Progress
from tune.core.console import disk, document_text, duration, masked, one_line, print_lines, print_table
from tune.core.status import Status
from tune.core.study import Cell, Study
from tune.engine.cost import Cost, Pace
from tune.engine.packing import Packing, readings
from tune.engine.ray_tune import Failures, SearchCallback
from tune.planning.plan import Planned
from tune.reporting.table import Table, columns, law_breaches, mark_lines, notes, records, row_cells


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
    """The cost in words."""
    if cost is None:
        return "nothing to run"
    parts = [f"about {duration(cost.seconds)} with {cost.concurrency} at once (from probed steps of each model)"]
    parts += [f"{cost.gpu_hours:.1f} GPU-hours"] if cost.gpu_hours else []
    parts += [f"a price of {cost.price:,.2f}"] if cost.price is not None else []
    return ", ".join([*parts, f"{disk(cost.num_bytes)} of checkpoints"])


def describe_data(planned: Planned) -> str:
    """The folder of the clips, their number, and marks such as DEMO and PARTIAL."""
    if planned.manifest is None:
        return f"not prepared yet, goes to {planned.home}: a run {planned.first}"
    return ", ".join([str(planned.home), f"{planned.manifest.num_clips} clips", *mark_lines(planned.study)])


def describe_grid(study: Study) -> str:
    """The number of values of each dimension; with a sampler, the number of cells that it will add."""
    sizes = {name: len(values) for name, values in study.space.items() if name != "optim.lr" or not study.sampling}
    grid = " × ".join(f"{size} {name.rpartition('.')[2]}" for name, size in sizes.items())
    return f"{grid} × sampled lr, {study.num_to_come} more cells to come" if study.sampling else grid


def describe_pages(tracking_uri: str, links: Mapping[str, str]) -> list[str]:
    """The command that opens MLflow's pages of a database, and the addresses of the saved views."""
    ui = f"{Path(sys.executable).parent}/mlflow ui --backend-store-uri {shlex.quote(tracking_uri)}"
    command = [] if tracking_uri.startswith("http") else [f"Compare the runs: {ui}"]
    return [*command, *(f"MLflow, {view}: {link}" for view, link in links.items())]


class TextOutput:
    """The output for people, on standard error: a live table on a terminal, plain lines elsewhere."""

    def __init__(self, given: Console | None = None) -> None:
        self.console = given or PlainConsole(stderr=True)

    def refused(self, error: Exception) -> int:
        """Show why the command cannot run; its exit code 2."""
        self._say(f"error: {one_line(error)}")
        return 2

    def interrupted(self) -> int:
        """Show that the command was stopped before its search began; its exit code 130."""
        self._say("stopped: run the same command again to go on")
        return 130

    def warned(self, text: str) -> None:
        """Show a warning."""
        self._say(f"warning: {text}")

    def planned(self, planned: Planned, cost: Cost | None) -> None:
        """Show the study, its data, the missing cells and their cost."""
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
        """Show the readings of trials side by side, and which are chosen."""
        columns = ("model", "trials", "CPUs each", "GPUs each", "clips/s in all", "memory", "")
        grid = Grid(*columns, title="trials side by side, measured", title_justify="left")
        for line in readings(packing):
            mark = "chosen" if line["chosen"] else ""
            numbers = (str(line["trials"]), f"{line['cpus']:g}", f"{line['gpus']:g}", f"{line['clips_per_second']:.1f}")
            grid.add_row(line["model"], *numbers, f"{line['memory']:.0%}", mark)
        self.console.print(grid)

    def progress(self, study: Study, cells: list[Cell], pace: Pace) -> Progress:
        """A context in which the progress of the cells is shown."""
        return Progress(study, cells, self.console, pace)

    def results(self, study: Study, tracking_uri: str, links: Mapping[str, str]) -> None:
        """Show the study's table and the addresses of MLflow's pages, on standard output."""
        rows = model_rows(study)
        if not rows:
            return self._say("no cell is finished yet")
        print_table(study.name, columns(study.metric), map(row_cells, rows))
        print_lines([*notes(study), *law_breaches(rows), *describe_pages(tracking_uri, links)])

    def left(self, outcome: Outcome) -> int:
        """Show failures, missing cells and views that are behind; the exit code, 1 where there are any, else 0."""
        study, num_left = outcome.study, len(outcome.study.missing())
        for cell, reason in outcome.failures.items():
            self._say(f"{study.label(cell)} failed: {reason}")
        for line in outcome.behind:
            self._say(line)
        if num_left:
            self._say(f"{num_left} of {len(study.cells)} cells have no result: run the same command again to go on")
        return 1 if num_left or outcome.behind else 0

    def _say(self, line: str) -> None:
        self.console.print(masked(line), markup=False, highlight=False, soft_wrap=True)


class EventOutput(SearchCallback):
    """The output for programs: one JSON object a line, with the name of its event. See :class:`TextOutput`."""

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
        study = planned.study
        facts: dict[str, Any] = {"study": study.name, "folder": study.folder.root, "data": str(planned.home)}
        facts |= {"demo": study.demo, "stand_in": study.stand_in or None, "partial": list(study.partial)}
        facts |= {"num_cells": len(study.cells), "num_to_come": study.num_to_come}
        facts |= {"first": planned.first} if planned.first else {}
        if cost is not None:
            facts |= {"seconds": cost.seconds, "gpu_hours": cost.gpu_hours, "price": cost.price}
            facts["num_bytes"] = cost.num_bytes
        self._tell("plan", **facts, to_run=[cell.name for cell in study.missing()])

    def packed(self, packing: Packing) -> None:
        self._tell("packing", readings=readings(packing))

    def progress(self, study: Study, cells: list[Cell], pace: Pace) -> AbstractContextManager["EventOutput"]:
        return nullcontext(self)

    def on_epoch(self, cell: Cell, row: Row) -> None:
        numbers = {name: value for name, value in row.items() if "/" in name}
        self._tell("epoch", cell=cell.name, epoch=row["epoch"], metrics=numbers)

    def on_status(self, cell: Cell, status: Status) -> None:
        words: dict[Status, str] = {"running": "started", "resting": "rested", "waiting": "proposed"}
        self._tell(words.get(status, status), cell=cell.name)

    def results(self, study: Study, tracking_uri: str, links: Mapping[str, str]) -> None:
        rows = model_rows(study)
        table, remarks = records(Table.of(study)) if rows else [], [*notes(study), *law_breaches(rows)]
        self._tell("table", rows=table, notes=remarks, tracking_uri=tracking_uri, views=dict(links))

    def left(self, outcome: Outcome) -> int:
        missing = outcome.study.missing()
        failed = {cell.name: reason for cell, reason in outcome.failures.items()}
        behind = "; ".join(outcome.behind) or None
        self._tell("end", failed=failed, missing=[cell.name for cell in missing], tracking_behind=behind)
        return 1 if missing or behind is not None else 0

    def _tell(self, event: str, **facts: Any) -> None:
        print(document_text({"event": event} | facts), file=self.out, flush=True)


SearchOutput = TextOutput | EventOutput
