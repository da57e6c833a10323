"""The hands of people on a running search: their orders, which a thread reads from the study's folder."""

import threading
from collections.abc import Callable
from typing import Self

from data.terminal import say
from fernn.train.loop import Row
from tune.core.folder import DamagedError
from tune.core.orders import Order, Orders, carry_out, note_taken, read_orders
from tune.core.study import Cell, Study
from tune.engine.workload import Control

LOOK_S = 2.0
"""Seconds between two looks at the orders."""


class Hands(Control):
    """The orders in force; use it as a context manager around a search."""

    def __init__(self, study: Study, heard: Callable[[Order], None]) -> None:
        """``heard`` is told of each order when it is taken up, on a thread of its own."""
        self.folder, self.heard = study.folder, heard
        self.study = study
        self.orders = Orders()
        self._ended, self._closing = "", threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        """Carry out the orders that were given before; the stop of an earlier search is over."""
        self.orders = read_orders(self.folder)
        carry_out(self.study, self.orders)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join(LOOK_S)

    def may_start(self, cell: Cell) -> bool:
        return not self.orders.holds(cell)

    def waits(self, cell: Cell) -> bool:
        return self.orders.stop_of(cell) is None

    def may_go_on(self, cell: Cell, row: Row) -> bool:
        return self.may_start(cell)

    @property
    def has_priorities(self) -> bool:
        return any(order.action == "prioritise" for order in self.orders.entries)

    def priority(self, cell: Cell) -> int:
        return self.orders.priority(cell)

    def ended(self) -> str:
        return self._ended

    def look(self) -> None:
        """Take up the orders that are new."""
        orders = read_orders(self.folder, self.orders)
        new = [order for order in orders.entries if order not in self.orders.entries]
        if not new:
            return
        carry_out(self.study, orders)
        self.orders = orders
        self.version += 1
        for order in new:
            if order.action == "stop" and not order.cells:
                self._ended = f"stopped {order.text.partition(', ')[2]}"
            note_taken(self.folder, order)
            self.heard(order)

    def _work(self) -> None:
        while not self._closing.wait(LOOK_S):
            try:
                self.look()
            except (OSError, DamagedError) as error:  # the next look tries again
                if isinstance(error, DamagedError):
                    say(str(error))
                    self._closing.wait(60)
