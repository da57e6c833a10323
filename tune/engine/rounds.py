"""The rounds of a search: train the cells that are planned now, then decide which cells come next.

A cell with more epochs than an earlier one of the same training continues from that one's end.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from data.terminal import say
from tune.core.cell_folder import CellFolder
from tune.core.protocol import save_study
from tune.core.study import Cell, Study
from tune.engine.ray_tune import Failures, Workload, run_cells
from tune.planning.halving import next_segment
from tune.planning.resources import Resources, describe_shares


def run_rounds(work: Workload, replan: Callable[[], Study]) -> tuple[Study, Failures]:
    """Run all missing cells, then those that ``replan`` adds, until it adds none; the last study, and the failures.

    A grid takes one round, successive halving one for each rung, a sampler one for each of its proposals.
    """
    failures: Failures = {}
    while True:
        study = work.study
        segment = next_segment(study, failures)
        for cell, callback in product(segment.stopped, work.callbacks):
            callback.on_status(cell, "stopped")
        if segment.cells:
            copy_shorter_training(study, segment.cells)
            failed, resources = run_with_retries(work, segment.cells, segment.until)
            work = replace(work, resources=resources)
            failures |= failed
            if was_interrupted(study, segment.cells, segment.until, failures):
                return study, failures
        elif (grown := replan()).cells == study.cells:
            return study, failures
        else:
            save_study(grown)
            added = [cell for cell in grown.cells if cell not in study.cells]
            for cell, callback in product(added, work.callbacks):
                callback.on_status(cell, "waiting")
            work = replace(work, study=grown)


def run_with_retries(work: Workload, cells: list[Cell], until: int | None) -> tuple[Failures, Resources]:
    """Run the cells, and run those that ran out of a GPU's memory again with twice the share, up to a whole GPU.

    The share is that of the kind of GPU which was too small; after a whole GPU other kinds are left.
    Returns the failures, and the resources with the shares that were needed, for later rounds.
    """
    study, failures = work.study, run_cells(work, cells, until)
    retried = [cell for cell, reason in failures.items() if work.may_need_more_memory(cell, reason)]
    if not retried or was_interrupted(study, cells, until, failures):
        return failures, work.resources
    wider = work.resources.widened([work.place(cell) for cell in retried])
    for cell in retried:
        shares = describe_shares(wider.of(study.model_label(cell)))
        say(f"{study.label(cell)}: {failures.pop(cell)}; goes on with {shares}")
    again, widest = run_with_retries(replace(work, resources=wider), retried, until)
    return failures | again, widest


def was_interrupted(study: Study, cells: list[Cell], until: int | None, failed: Collection[Cell]) -> bool:
    """Whether a cell that has not ``failed`` has not reached its end: after Ctrl-C Ray returns without an error."""
    left = [cell for cell in cells if cell not in failed and not study.settled(cell)]
    return any(until is None or len(study.cell_folder(cell).history()) < until for cell in left)


def copy_shorter_training(study: Study, cells: Sequence[Cell]) -> None:
    """Copy the longest shorter cell's training into each cell that has no checkpoint yet."""
    for cell, shorter in shorter_training(study, cells):
        folder = study.cell_folder(cell)
        if shorter is not None and not folder.has_checkpoint():
            folder.copy_training(shorter)


def epochs_done(study: Study, cells: Sequence[Cell]) -> dict[str, int]:
    """By key: the number of epochs each cell can skip, from its own checkpoint or a shorter cell's."""
    epochs = {}
    for cell, shorter in shorter_training(study, cells):
        rows = study.cell_folder(cell).resumable().rows
        epochs[cell.key] = len(rows or (shorter.resumable().rows if shorter is not None else []))
    return epochs


def shorter_training(study: Study, cells: Sequence[Cell]) -> list[tuple[Cell, CellFolder | None]]:
    """Each cell, and the folder of the same training with fewer epochs: the longest that has a checkpoint, if any."""
    lengths: dict[str, dict[int, CellFolder]] = {}
    for folder in study.stored_cells():
        if (config := folder.config()) is not None:
            lengths.setdefault(_without_epochs(config), {})[config["experiment"]["epochs"]] = folder

    def longest(cell: Cell) -> CellFolder | None:
        by_length = sorted(lengths.get(_without_epochs(cell.config()), {}).items(), reverse=True)
        shorter = (folder for epochs, folder in by_length if epochs < cell.experiment.epochs)
        return next((folder for folder in shorter if folder.has_checkpoint()), None)

    return [(cell, longest(cell)) for cell in cells]


def _without_epochs(config: Mapping[str, Any]) -> str:
    experiment = {name: value for name, value in config["experiment"].items() if name != "epochs"}
    return json.dumps({**config, "experiment": experiment}, sort_keys=True)
