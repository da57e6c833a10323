"""What is done with studies beside searching: list, show, compare and export them, free what they no longer need."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from data.progress import say
from data.terminal import console, subcommand_of
from tune.commands.retention import collect
from tune.commands.search import USER_ERRORS, refuse
from tune.core.console import print_document
from tune.core.driver import driver_lock
from tune.core.identity import fork
from tune.core.protocol import find_study
from tune.reporting.compare import print_comparison
from tune.reporting.export import export
from tune.reporting.listing import print_list
from tune.reporting.overview import print_study

Name = Annotated[str, tyro.conf.Positional]
Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


@dataclass(frozen=True)
class List:
    """Every study in a storage: cells done, marks, whether a driver works on it, its last result, its size."""

    storage: str = "studies"
    """Folder or bucket in which studies are kept."""
    json: Flag = False
    """Print one JSON document instead of a table."""


@dataclass(frozen=True)
class Show:
    """One study: what it is, the table of its models, and how far each cell is; also while its search runs."""

    study: Name
    """Name of the study, or its folder."""
    storage: str = "studies"
    """Folder or bucket in which studies are kept."""
    json: Flag = False
    """Print one JSON document instead of tables."""


@dataclass(frozen=True)
class Compare:
    """The models of studies side by side, and the fields in which the studies differ."""

    studies: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="STUDY [STUDY ...]")]
    """Names of the studies, or their folders."""
    storage: str = "studies"
    """Folder or bucket in which studies are kept."""
    json: Flag = False
    """Print one JSON document instead of a table."""


@dataclass(frozen=True)
class Export:
    """Every cell's metrics by epoch, and every cell's result, as Parquet and CSV, with study.json."""

    study: Name
    """Name of the study, or its folder."""
    out: Annotated[str, tyro.conf.arg(metavar="DIR|FILE.zip")]
    """Folder for the files, or one archive for all of them."""
    storage: str = "studies"
    """Folder or bucket in which studies are kept."""
    overwrite: Flag = False
    """Replace files of an earlier export."""
    json: Flag = False
    """Print what was written as one JSON document."""


@dataclass(frozen=True)
class Collect:
    """Delete the checkpoints of finished cells from which training would go on; the best ones stay.

    What would be deleted is shown first. More epochs than the study has then begin with the first epoch.
    """

    study: Name
    """Name of the study."""
    storage: str = "studies"
    """Folder or bucket in which studies are kept."""
    yes: bool = False
    """Delete without asking; without it and without a terminal nothing is deleted."""
    json: bool = False
    """Print what there is, and whether it was deleted, as JSON."""


@dataclass(frozen=True)
class Fork:
    """Make a study that was copied a study of its own: both it and the original can then be gone on with."""

    study: Name
    """The copy's folder, or its name in the storage."""
    storage: str = "studies"
    """Folder or bucket in which studies are kept."""
    json: Flag = False
    """Print the study and its original as one JSON document."""


def main() -> int:
    """Do what the command line says; 0, or 2 for a command that cannot run."""
    commands: dict[str, Callable[..., Any]] = {
        "list": List,
        "show": Show,
        "compare": Compare,
        "export": Export,
        "gc": Collect,
        "fork": Fork,
    }
    options: Any = subcommand_of(commands, __doc__)
    try:
        DOES[type(options)](options)
    except USER_ERRORS as error:
        return refuse(error, console(stderr=True))
    return 0


def _list(options: List) -> None:
    print_list(options.storage, options.json)


def _show(options: Show) -> None:
    print_study(find_study(options.study, options.storage), options.json)


def _compare(options: Compare) -> None:
    print_comparison([find_study(name, options.storage) for name in options.studies], options.json)


def _export(options: Export) -> None:
    study = find_study(options.study, options.storage)
    files = export(study, options.out, options.overwrite)
    if options.json:
        return print_document({"study": study.name, "files": files})
    say(f"study {study.name}: wrote {', '.join(files)}")


def _collect(options: Collect) -> None:
    study = find_study(options.study, options.storage)
    with driver_lock(study.folder):
        collect(study, options.yes, options.json)


def _fork(options: Fork) -> None:
    study = find_study(options.study, options.storage)
    with driver_lock(study.folder):
        original = fork(study.folder)
    if options.json:
        return print_document({"study": study.name, "folder": study.folder.root, "original": original or None})
    said = f", no longer a copy of {original}" if original else ""
    say(f"study {study.name} in {study.folder.root} is a study of its own{said}")


DOES: dict[type, Callable[[Any], None]] = {
    List: _list, Show: _show, Compare: _compare, Export: _export, Collect: _collect, Fork: _fork,
}  # fmt: skip
