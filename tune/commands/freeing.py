"""Checkpoints that a study no longer needs, shown and deleted: ``python tune/study.py gc NAME``."""

import json
import sys

from rich.prompt import Confirm
from rich.table import Table

from data.progress import say
from tune.commands.progress import tables
from tune.commands.retention import Freeable, freeable
from tune.core.study import Study


def collect(study: Study, yes: bool, as_json: bool) -> None:
    """Show what can be freed, then free it if that is wanted."""
    found = freeable(study)
    if not as_json:
        show(study, found)
    wanted = bool(found) and (yes or (not as_json and asked()))
    if wanted:
        for one in found:
            one.free()
    if as_json:
        cells = {one.folder.name: one.num_bytes for one in found}
        print(json.dumps({"study": study.name, "num_bytes": cells, "deleted": wanted}, indent=2))
    elif found:
        say("deleted" if wanted else "nothing deleted: --yes deletes it")


def asked() -> bool:
    """Whether somebody at a terminal says yes."""
    return sys.stdin.isatty() and Confirm.ask("Delete it?", default=False)


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
