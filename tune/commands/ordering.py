"""Orders to a running search: given, waited for until its driver takes them up, and told."""

import time
from typing import Any

from data.terminal import say
from tune.core.console import print_document
from tune.core.driver import driver_lock, driver_of, process_text
from tune.core.orders import Action, Order, carry_out, give_order, read_orders, require_search, taken_at
from tune.core.study import Study

PATIENCE_S, LOOK_S = 12.0, 0.25
"""Seconds to wait for a driver, which looks for orders every two."""


def order(study: Study, action: Action, cells: str, as_json: bool) -> None:
    """Give the order, and tell what became of it; raises StudyError where there is nothing to stop."""
    driver = driver_of(study.folder)
    require_search(study, action, cells, driver)
    given = give_order(study, action, cells)
    seconds = None if driver is None else _waited(study, given)
    if driver is None:
        with driver_lock(study.folder):
            carry_out(study, read_orders(study.folder))
    if as_json:
        facts: dict[str, Any] = {"study": study.name, "action": action, "cells": cells or None, "who": given.who}
        return print_document({**facts, "driver": driver, "taken_up_after_seconds": seconds})
    what, driver_text = f"study {study.name}: {given.text}", process_text(driver)
    if driver is None:
        say(f"{what}; no driver works on it: its next search does so from the start")
    elif seconds is None:
        say(f"{what}; {driver_text} has not taken it up in {PATIENCE_S:.0f} s: it prepares its search, or hangs")
    else:
        say(f"{what}; taken up after {seconds:.1f} s by {driver_text}{AFTER[action]}")


AFTER: dict[Action, str] = {
    "pause": "; cells that are being trained end their epoch first",
    "resume": "",
    "stop": "; its checkpoints stay, the same command goes on",
    "prioritise": "",
}


def _waited(study: Study, given: Order) -> float | None:
    """Seconds until a driver took the order up, None where none did while this process waited."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if (at := taken_at(study.folder, given)) is not None:
            return max(0.0, at - given.at)
        time.sleep(LOOK_S)
    return None
