"""Work with studies: list, show, compare, export them, free disk space, fork a copy; pause and stop their searches."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import tyro
from rich.prompt import Confirm

from data.terminal import begin, say
from tune.commands.ordering import order
from tune.commands.search import refuse
from tune.core.cell_folder import BEFORE, LAST
from tune.core.console import print_document, print_table
from tune.core.driver import driver_lock
from tune.core.identity import fork
from tune.core.protocol import find_study
from tune.core.study import USER_ERRORS, Study
from tune.reporting.compare import print_comparison
from tune.reporting.export import export
from tune.reporting.overview import print_list, print_study


@dataclass(frozen=True, kw_only=True)
class StorageOptions:
    """The options of every subcommand."""

    storage: str = "studies"
    """Folder or bucket in which studies are kept."""
    json: bool = False
    """Print one JSON document instead of text."""


@dataclass(frozen=True, kw_only=True)
class StudyOptions(StorageOptions):
    """The options of a subcommand for one study."""

    study: Annotated[str, tyro.conf.Positional]
    """Name of the study, or its folder."""

    def find(self) -> Study:
        """The study; raises StudyError where there is none."""
        return find_study(self.study, self.storage)


@dataclass(frozen=True, kw_only=True)
class List(StorageOptions):
    """Every study in a storage: cells done, marks, whether a driver works on it, its last result, its size."""

    def run(self) -> None:
        print_list(self.storage, self.json)


@dataclass(frozen=True, kw_only=True)
class Show(StudyOptions):
    """One study: its plan, the table of its models, and the status of each cell; also while its search runs."""

    def run(self) -> None:
        print_study(self.find(), self.json)


@dataclass(frozen=True, kw_only=True)
class Compare(StorageOptions):
    """The models of studies side by side, and the fields in which the studies differ."""

    studies: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="STUDY [STUDY ...]")]
    """Names of the studies, or their folders."""

    def run(self) -> None:
        print_comparison([find_study(name, self.storage) for name in self.studies], self.json)


@dataclass(frozen=True, kw_only=True)
class Export(StudyOptions):
    """Every cell's metrics by epoch, and every cell's result, as Parquet and CSV, with study.json."""

    out: Annotated[str, tyro.conf.arg(metavar="DIR|FILE.zip")]
    """Folder for the files, or one archive for all of them."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Replace files of an earlier export."""

    def run(self) -> None:
        study = self.find()
        files = export(study, self.out, self.overwrite)
        if self.json:
            return print_document({"study": study.name, "files": files})
        say(f"study {study.name}: wrote {', '.join(files)}")


@dataclass(frozen=True, kw_only=True)
class Collect(StudyOptions):
    """Delete the checkpoints of finished cells from which training would continue; the best checkpoints stay.

    The command first shows what it would delete. Later training with more epochs then starts at the first epoch.
    """

    yes: bool = False
    """Delete without asking; without it and without a terminal nothing is deleted."""

    def run(self) -> None:
        study = self.find()
        with driver_lock(study.folder):
            finished = [cell.folder for cell in study.stored_cells() if cell.done() is not None]
            sizes = {folder.name: size for folder in finished if (size := sum(map(folder.size, DELETABLE)))}
            if not self.json:
                show_deletable(study, sizes)
            may_ask = not self.json and sys.stdin.isatty()
            is_wanted = bool(sizes) and (self.yes or (may_ask and Confirm.ask("Delete it?", default=False)))
            for file in (f"cells/{cell}/{name}" for cell in sizes for name in DELETABLE):
                if is_wanted and study.folder.has(file):
                    study.folder.delete(file)
        if self.json:
            print_document({"study": study.name, "num_bytes": sizes, "deleted": is_wanted})
        elif sizes:
            say("deleted" if is_wanted else "nothing deleted: --yes deletes it")


DELETABLE = (LAST, BEFORE)
"""The last epoch's checkpoint and that of the epoch before, which only longer training needs."""


def show_deletable(study: Study, sizes: Mapping[str, int]) -> None:
    """Print the bytes that can be deleted, for each cell and in total."""
    if not sizes:
        return say(f"study {study.name} keeps nothing of its finished cells but their best checkpoints")
    rows = [(name, f"{size / 1e6:.2f}") for name, size in [*sizes.items(), ("in all", sum(sizes.values()))]]
    print_table(f"{study.name}: checkpoints to go on from, of finished cells", ("cell", "MB"), rows, right=("MB",))


@dataclass(frozen=True, kw_only=True)
class Fork(StudyOptions):
    """Make a copied study independent: training can then continue both in it and in the original."""

    def run(self) -> None:
        study = self.find()
        with driver_lock(study.folder):
            original = fork(study.folder)
        if self.json:
            return print_document({"study": study.name, "folder": study.folder.root, "original": original or None})
        suffix = f", no longer a copy of {original}" if original else ""
        say(f"study {study.name} in {study.folder.root} is a study of its own{suffix}")


@dataclass(frozen=True, kw_only=True)
class CellsOptions(StudyOptions):
    """The options of an order to a search."""

    cells: Annotated[str, tyro.conf.arg(metavar="PATTERN", help_behavior_hint="(default: all)")] = ""
    """Names of cells as a shell pattern, as in 'fernn-v2_*' or '*_seed3_*', or a cell's key."""


@dataclass(frozen=True, kw_only=True)
class Pause(CellsOptions):
    """Let a search train no cell, or none of these, until they are resumed; a begun epoch is trained to its end."""

    def run(self) -> None:
        order(self.find(), "pause", self.cells, self.json)


@dataclass(frozen=True, kw_only=True)
class Resume(CellsOptions):
    """Take back what was paused, and which cells were stopped."""

    def run(self) -> None:
        order(self.find(), "resume", self.cells, self.json)


@dataclass(frozen=True, kw_only=True)
class Stop(CellsOptions):
    """End the search that runs, as Ctrl-C does. With --cells: train these no further, and let the others go on."""

    def run(self) -> None:
        order(self.find(), "stop", self.cells, self.json)


@dataclass(frozen=True, kw_only=True)
class Prioritise(StudyOptions):
    """Let a search start these cells before all others; no result changes."""

    cells: Annotated[str, tyro.conf.arg(metavar="PATTERN")]
    """Names of cells as a shell pattern, or a cell's key."""

    def run(self) -> None:
        order(self.find(), "prioritise", self.cells, self.json)


def main() -> int:
    """Run the subcommand on the command line; 0, or 2 where it cannot run."""
    commands: dict[str, Callable[..., Any]] = {"list": List, "show": Show, "compare": Compare}
    commands |= {"export": Export, "gc": Collect, "fork": Fork}
    commands |= {"pause": Pause, "resume": Resume, "stop": Stop, "prioritise": Prioritise}
    try:
        begin()
        tyro.extras.subcommand_cli_from_dict(commands, description=__doc__).run()
    except USER_ERRORS as error:
        return refuse(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
