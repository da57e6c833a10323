"""The hands of people on a running search: their orders, which a thread reads from the study's folder."""

import threading
from collections.abc import Callable
from typing import Self

from data.terminal import say
from fernn.train.loop import Row
from tune.core.orders import Order, Orders, carry_out, note_taken, read_orders, taken_at
from tune.core.study import Cell, Study
from tune.engine.workload import Control

LOOK_S = 2.0
"""Seconds between two looks at the orders."""


class Hands(Control):
    """The orders in force; use it as a context manager around a search."""

    def __init__(self, study: Study, heard: Callable[[Order], None], since: float) -> None:
        """``heard`` is told of each order that is taken up, on a thread of its own.

        ``since``: when this driver began, in seconds since 1970; the stop of a whole study that was given before was
        for an earlier search.
        """
        self.study, self.folder, self.heard, self.since = study, study.folder, heard, since
        self.orders = Orders()
        self._held: dict[Cell, bool] = {}
        self._priorities: dict[Cell, int] = {}
        self._ended, self._closing = "", threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        """Take up the orders that were given before."""
        self.look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join(LOOK_S)

    def may_start(self, cell: Cell) -> bool:
        if not self.orders.entries:
            return True
        held = self._held  # an order that is taken up meanwhile makes another one
        if cell not in held:
            held[cell] = self.orders.holds(cell)
        return not held[cell]

    def waits(self, cell: Cell) -> bool:
        return self.orders.stop_of(cell) is None

    def may_go_on(self, cell: Cell, row: Row) -> bool:
        return self.may_start(cell)

    @property
    def has_priorities(self) -> bool:
        return any(order.action == "prioritise" for order in self.orders.entries)

    def priority(self, cell: Cell) -> int:
        known = self._priorities
        if cell not in known:
            known[cell] = self.orders.priority(cell)
        return known[cell]

    def grown(self, study: Study) -> None:
        self.study = study
        carry_out(study, self.orders)

    def ended(self) -> str:
        return self._ended

    def look(self) -> None:
        """Take up the orders that are new."""
        orders = read_orders(self.folder, self.orders)
        known = {order.id for order in self.orders.entries}
        new = [order for order in orders.entries if order.id not in known]
        if not new:
            return
        for order in new:
            if order.action == "stop" and not order.cells and order.at >= self.since:
                self._ended = f"stopped {order.text.partition(', ')[2]}"
        carry_out(self.study, orders)
        self.orders, self._held, self._priorities = orders, {}, {}
        self.version += 1
        for order in new:
            if taken_at(self.folder, order) is None:
                note_taken(self.folder, order)
                self.heard(order)

    def _work(self) -> None:
        while not self._closing.wait(LOOK_S):
            try:
                self.look()
            except OSError:  # the bucket does not answer: the next look tries again
                continue
            except Exception as error:  # an order that cannot be read must not end the search, and is said
                say(f"warning: an order to the search is not taken up: {error}")
                self._closing.wait(60)
