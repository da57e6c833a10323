"""What is done with a study beside searching: ``python tune/study.py``."""

import json
import sys
from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.console import Console
from rich.prompt import Confirm
from rich.table import Table

from data.progress import say
from tune.command import USER_ERRORS, refuse
from tune.lock import driver_lock
from tune.progress import tables
from tune.retention import Freeable, freeable
from tune.reuse import find_study
from tune.study import Study


@dataclass(frozen=True)
class Collect:
    """Delete the checkpoints of finished cells from which training would go on; the best ones stay.

    What would be deleted is shown first. More epochs than the study has then begin with the first epoch.
    """

    study: Annotated[str, tyro.conf.Positional]
    """Name of the study."""
    storage: str = "studies"
    """Folder or bucket in which studies are kept."""
    yes: bool = False
    """Delete without asking; without it and without a terminal nothing is deleted."""
    json: bool = False
    """Print what there is, and whether it was deleted, as JSON."""


def main() -> int:
    """Do what the command line says; 0, or 2 for a command that cannot run."""
    options: Collect = tyro.extras.subcommand_cli_from_dict({"gc": Collect}, description=__doc__)
    try:
        study = find_study(options.study, options.storage)
        with driver_lock(study.folder):
            return collect(study, options)
    except USER_ERRORS as error:
        return refuse(error, Console(stderr=True))


def collect(study: Study, options: Collect) -> int:
    """Show what can be freed, then free it if that is wanted."""
    found = freeable(study)
    if not options.json:
        show(study, found)
    wanted = bool(found) and (options.yes or asked(options))
    if wanted:
        for one in found:
            one.free()
    if options.json:
        cells = {one.folder.name: one.num_bytes for one in found}
        print(json.dumps({"study": study.name, "num_bytes": cells, "deleted": wanted}, indent=2))
    elif found:
        say("deleted" if wanted else "nothing deleted: --yes deletes it")
    return 0


def asked(options: Collect) -> bool:
    """Whether somebody at a terminal says yes."""
    return not options.json and sys.stdin.isatty() and Confirm.ask("Delete it?", default=False)


def show(study: Study, found: list[Freeable]) -> None:
    """What can be freed, cell by cell."""
    if not found:
        return say(f"study {study.name} keeps nothing of its finished cells but their best checkpoints")
    grid = Table(title=f"{study.name}: checkpoints to go on from, of finished cells", title_justify="left")
    grid.add_column("cell")
    grid.add_column("MB", justify="right")
    for one in found:
        grid.add_row(one.folder.name, f"{one.num_bytes / 1e6:.2f}")
    grid.add_section()
    grid.add_row("in all", f"{sum(one.num_bytes for one in found) / 1e6:.2f}")
    tables().print(grid)
