"""Orders that people give to a search: files in the study's folder, written from any machine that sees the storage.

An order is one file. So two people need no lock, and a bucket serves as a folder does. What holds follows from all
orders in the order of their time: the last one that names a cell counts. A driver notes when it took an order up.
"""

import getpass
import socket
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from tune.core.folder import Folder
from tune.core.study import Cell, Study, StudyError

ORDERS = "orders"
"""The folder of a study's orders."""
TAKEN = ".taken.json"
ORDER = ".order.json"
Action = Literal["pause", "resume", "stop", "prioritise"]
DELETE_IT = "delete it, and give the order again"


@dataclass(frozen=True)
class Order:
    """One order: what is to be done, with which cells, on whose word and when."""

    id: str
    action: Action
    cells: str
    """A pattern of names of cells, as in a shell; empty for the whole study."""
    who: str
    """User and host."""
    at: float
    """Seconds since 1970."""

    def names(self, cell: Cell) -> bool:
        """Whether the order is for the cell."""
        return not self.cells or self.cells == cell.key or fnmatchcase(cell.name, self.cells)

    @property
    def text(self) -> str:
        """The order in words: "pause grnn_*, by me@here"."""
        return f"{self.action} {self.cells or 'the whole study'}, by {self.who}"


@dataclass(frozen=True)
class Orders:
    """All orders of a study, the earliest first."""

    entries: Sequence[Order] = ()

    def pause_of(self, cell: Cell) -> Order | None:
        """The order by which the cell is paused now, None where it is not."""
        return self._last(cell, "pause", "resume")

    def stop_of(self, cell: Cell) -> Order | None:
        """The order by which the cell is stopped; the stop of a whole study ends one search and no cell."""
        order = self._last(cell, "stop", "resume")
        return order if order is not None and order.cells else None

    def holds(self, cell: Cell) -> bool:
        """Whether the cell is paused or stopped."""
        return self.pause_of(cell) is not None or self.stop_of(cell) is not None

    def priority(self, cell: Cell) -> int:
        """How early the cell starts: 0 where no order names it, the latest order's is the highest."""
        places = (place for place, order in enumerate(self.entries, start=1) if order.action == "prioritise")
        return max((place for place in places if self.entries[place - 1].names(cell)), default=0)

    def _last(self, cell: Cell, action: Action, against: Action) -> Order | None:
        ours = [one for one in self.entries if one.action in (action, against) and one.names(cell)]
        ours = [one for one in ours if one.action != "stop" or one.cells]
        return ours[-1] if ours and ours[-1].action == action else None


def read_orders(folder: Folder, known: Orders | None = None) -> Orders:
    """The study's orders; those that are ``known`` are not read again. Raises DamagedError."""
    entries = {order.id: order for order in (known.entries if known else ())}
    names = [name for name in folder.children(ORDERS) if name.endswith(ORDER)]
    new = [name for name in names if name.removesuffix(ORDER) not in entries]
    read = folder.each(lambda name: _order(folder, name), new)
    return Orders(sorted([*entries.values(), *read], key=lambda order: order.id))


def _order(folder: Folder, name: str) -> Order:
    facts: dict[str, Any] = folder.read_sealed(
        f"{ORDERS}/{name}", DELETE_IT, "action", "cells", "who", "at", always_sealed=True
    ) or {}  # fmt: skip
    if facts["action"] not in get_args(Action):
        raise folder.damaged(f"{ORDERS}/{name}", DELETE_IT, f"the action {facts['action']!r:.40} is unknown")
    values = {key: str(facts[key]) for key in ("action", "cells", "who")}
    return Order(name.removesuffix(ORDER), at=float(facts["at"]), **values)  # type: ignore[arg-type]


def give_order(study: Study, action: Action, cells: str = "") -> Order:
    """Write the order into the study's folder; raises StudyError for a pattern that names no cell."""
    earlier = [order.at for order in read_orders(study.folder).entries]
    now = max([time.time(), *(at + 1e-3 for at in earlier)])  # clocks of machines differ, and the last order counts
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    order = Order(f"{int(now * 1e6):017d}-{uuid.uuid4().hex[:8]}", action, cells, who, now)
    if cells and not any(map(order.names, study.cells)):
        examples = ", ".join(cell.name for cell in study.cells[:2])
        raise StudyError(f"--cells must name cells of the study as a shell pattern, {cells!r} names none: {examples}")
    facts = {"action": action, "cells": cells, "who": who, "at": now}
    study.folder.write_sealed(f"{ORDERS}/{order.id}{ORDER}", facts)
    return order


def require_search(study: Study, action: Action, cells: str, driver: Mapping[str, Any] | None) -> None:
    """Raises StudyError for an order to end a search where no driver works on the study."""
    if action == "stop" and not cells and driver is None:
        raise StudyError(f"no driver works on study {study.name!r}: there is no search to stop")


def note_taken(folder: Folder, order: Order) -> None:
    """Note that a driver has taken the order up now."""
    folder.write_sealed(f"{ORDERS}/{order.id}{TAKEN}", {"at": time.time(), "host": socket.gethostname()})


def taken_at(folder: Folder, order: Order) -> float | None:
    """When a driver took the order up, in seconds since 1970; None where none did yet."""
    facts = folder.read_sealed(f"{ORDERS}/{order.id}{TAKEN}", DELETE_IT, "at")
    return None if facts is None else float(facts["at"])


def carry_out(study: Study, orders: Orders) -> list[Cell]:
    """Write the stops of single cells into their folders, and delete those that were taken back; the changed cells."""

    def change(cell: Cell) -> bool:
        folder, order = study.cell_folder(cell), orders.stop_of(cell)
        stopped, by_hand = folder.stopped_early()
        if order is not None and stopped is None and not folder.diverged() and folder.done() is None:
            folder.stop(f"by {order.who}", by_hand=True)
        elif order is None and by_hand:
            folder.resume()
        else:
            return False
        return True

    relevant = [order for order in orders.entries if order.action in ("stop", "resume")]
    cells = [cell for cell in study.cells if any(order.names(cell) for order in relevant)]
    return [cell for cell, changed in zip(cells, study.folder.each(change, cells), strict=True) if changed]
