"""The rounds of a search: train the cells that are planned now, then decide which cells come next."""

from collections.abc import Callable, Collection
from dataclasses import replace

from data.terminal import say
from tune.core.protocol import save_study
from tune.core.study import Cell, Study
from tune.engine.continue_training import copy_shorter_training
from tune.engine.ray_tune import Failure, Workload, run_cells
from tune.planning.halving import next_segment
from tune.planning.resources import Resources


def run_rounds(work: Workload, replan: Callable[[], Study]) -> tuple[Study, list[Failure]]:
    """Run all missing cells, then those that ``replan`` adds, until it adds none; the last study, and the failures.

    A grid takes one round, successive halving one for each rung, a sampler one for each of its proposals.
    """
    failures: dict[str, Failure] = {}
    while True:
        study = work.study
        segment = next_segment(study, failures)
        for cell in segment.stopped:
            for callback in work.callbacks:
                callback.on_cell_stop(cell)
        if segment.cells:
            copy_shorter_training(study, segment.cells)
            failed, resources = run_with_retries(work, segment.cells, segment.until)
            work = replace(work, resources=resources)
            failures |= {failure.cell.key: failure for failure in failed}
            if was_interrupted(study, segment.cells, segment.until, failures):
                return study, list(failures.values())
        elif (grown := replan()).cells == study.cells:
            return study, list(failures.values())
        else:
            save_study(grown)
            for cell in grown.cells:
                for callback in work.callbacks if cell not in study.cells else ():
                    callback.on_cell_added(cell)
            work = replace(work, study=grown)


def run_with_retries(work: Workload, cells: list[Cell], until: int | None) -> tuple[list[Failure], Resources]:
    """Run the cells, and run those that ran out of a GPU's memory again with twice the share, up to a whole GPU.

    Returns the failures, and the resources with the shares that were needed, for later rounds.
    """
    study, resources = work.study, work.resources
    failures = run_cells(work, cells, until)
    labels = {failure.cell.key: study.model_label(failure.cell) for failure in failures}
    out_of_memory = [
        failure
        for failure in failures
        if failure.is_out_of_memory and resources.has_gpu_fraction(labels[failure.cell.key])
    ]
    if not out_of_memory or was_interrupted(study, cells, until, labels):
        return failures, resources
    wider = resources.widened(labels[failure.cell.key] for failure in out_of_memory)
    for failure in out_of_memory:
        share = wider.of(labels[failure.cell.key])[1]
        say(f"{study.label(failure.cell)}: {failure.reason}; goes on with {share:g} of a GPU")
    others = [failure for failure in failures if failure not in out_of_memory]
    again, widest = run_with_retries(replace(work, resources=wider), [failure.cell for failure in out_of_memory], until)
    return others + again, widest


def was_interrupted(study: Study, cells: list[Cell], until: int | None, failed: Collection[str]) -> bool:
    """Whether a cell outside the ``failed`` keys has not reached its end: after Ctrl-C Ray returns without an error."""
    left = [cell for cell in cells if cell.key not in failed and not study.settled(cell)]
    return any(until is None or len(study.cell_folder(cell).history()) < until for cell in left)
