"""The rounds of a search: what can be trained now is trained, then it is decided what comes next."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from data.progress import say
from tune.core.protocol import save_study
from tune.core.study import Cell, Study
from tune.engine.continue_training import copy_shorter_training
from tune.engine.ray_tune import Failure, SearchCallback, Workload, run_cells
from tune.planning.halving import next_segment
from tune.planning.resources import Resources


def run_rounds(work: Workload, replan: Callable[[], Study]) -> tuple[Study, list[Failure]]:
    """Run all that is missing, and what ``replan`` adds once that is done; the study as it ends, and what failed.

    A grid takes one round. Successive halving takes one for each rung; a sampler one for each of its proposals.
    """
    failures: dict[str, Failure] = {}
    while True:
        study = work.study
        segment = next_segment(study, failures)
        for cell in segment.stopped:
            for listener in work.listeners:
                listener.on_cell_stop(cell)
        if segment.cells:
            copy_shorter_training(study, segment.cells)
            failed, resources = run_with_room(work, segment.cells, segment.until)
            work = replace(work, resources=resources)
            failures |= {one.cell.key: one for one in failed}
            if any(interrupted(study, cell, segment.until) for cell in segment.cells if cell.key not in failures):
                return study, list(failures.values())
        elif (grown := replan()).cells == study.cells:
            return study, list(failures.values())
        else:
            work = replace(work, study=extend(study, grown, work.listeners))


def run_with_room(work: Workload, cells: list[Cell], until: int | None) -> tuple[list[Failure], Resources]:
    """Run the cells; those that run out of a GPU's memory once more, with twice the share, as long as there is more.

    Also says what trials hold in the end: later rounds begin with that.
    """
    study, resources = work.study, work.resources
    failed = run_cells(work, cells, until)
    labels = {one.cell.key: study.model_label(one.cell) for one in failed if one.is_cramped}
    cramped = [one for one in failed if one.is_cramped and resources.can_widen(labels[one.cell.key])]
    ended = {one.cell.key for one in failed}
    if not cramped or any(interrupted(study, cell, until) for cell in cells if cell.key not in ended):
        return failed, resources
    wider = resources.widened(labels[one.cell.key] for one in cramped)
    for one in cramped:
        share = wider.of(labels[one.cell.key])[1]
        say(f"{study.label(one.cell)}: {one.reason}; goes on with {share:g} of a GPU")
    others = [one for one in failed if one not in cramped]
    again, widest = run_with_room(replace(work, resources=wider), [one.cell for one in cramped], until)
    return others + again, widest


def interrupted(study: Study, cell: Cell, until: int | None) -> bool:
    """Whether the cell did not come as far as it was to: Ray ends early, and says nothing, after a Ctrl-C."""
    if until is None:
        return not study.settled(cell)
    return not study.settled(cell) and len(study.cell_folder(cell).history()) < until


def extend(study: Study, grown: Study, listeners: Sequence[SearchCallback]) -> Study:
    """Write down the cells that are new and tell of them; the grown study."""
    save_study(grown)
    for cell in grown.cells:
        if cell not in study.cells:
            for listener in listeners:
                listener.on_cell_added(cell)
    return grown
