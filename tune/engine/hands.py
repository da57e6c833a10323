"""The hands of people on a running search: their orders, which a thread reads from the study's folder."""

import threading
from collections.abc import Callable
from functools import cache
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
        self.study, self.heard, self.since = study, heard, since
        self._follow(Orders())
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
        return not self._holds(cell)

    def waits(self, cell: Cell) -> bool:
        return self.orders.stop_of(cell) is None

    def may_go_on(self, cell: Cell, row: Row) -> bool:
        return self.may_start(cell)

    @property
    def has_priorities(self) -> bool:
        return any(order.action == "prioritise" for order in self.orders.entries)

    def priority(self, cell: Cell) -> int:
        return self._priority(cell)

    def grown(self, study: Study) -> None:
        self.study = study
        carry_out(study, self.orders)

    def ended(self) -> str:
        return self._ended

    def look(self) -> None:
        """Take up the orders that are new."""
        orders, folder = read_orders(self.study.folder, self.orders), self.study.folder
        known = {order.id for order in self.orders.entries}
        new = [order for order in orders.entries if order.id not in known]
        if not new:
            return
        for order in new:
            if order.action == "stop" and not order.cells and order.at >= self.since:
                self._ended = f"stopped {order.text.partition(', ')[2]}"
        carry_out(self.study, orders)
        self._follow(orders)
        self.version += 1
        for order in new:
            if taken_at(folder, order) is None:
                note_taken(folder, order)
                self.heard(order)

    def _follow(self, orders: Orders) -> None:
        """Let these orders hold; what they say of a cell is looked up once."""
        self.orders, self._holds, self._priority = orders, cache(orders.holds), cache(orders.priority)

    def _work(self) -> None:
        while not self._closing.wait(LOOK_S):
            try:
                self.look()
            except OSError:  # the bucket does not answer: the next look tries again
                continue
            except Exception as error:  # an order that cannot be read must not end the search, and is said
                say(f"warning: an order to the search is not taken up: {error}")
                self._closing.wait(60)
