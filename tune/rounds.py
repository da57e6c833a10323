"""The rounds of a search: what can be trained now is trained, then it is decided what comes next."""

from collections.abc import Callable, Sequence

from data.stream import Corpus
from tune.claims import claim
from tune.growing import adopt_shorter
from tune.halving import next_segment
from tune.search import Failure, Listener, Resources, run_cells
from tune.study import Cell, Study


def run_rounds(
    study: Study,
    replan: Callable[[], Study],
    corpus: Corpus,
    resources: Resources,
    listeners: Sequence[Listener],
) -> tuple[Study, list[Failure]]:
    """Run all that is missing, and what ``replan`` adds once that is done; the study as it ends, and what failed.

    A grid takes one round. Successive halving takes one for each rung; a sampler one for each of its proposals.
    """
    failures: dict[str, Failure] = {}
    while True:
        segment = next_segment(study, failures)
        for cell in segment.stopped:
            for listener in listeners:
                listener.stopped(cell)
        if segment.cells:
            adopt_shorter(study, segment.cells)
            failed = run_cells(study, segment.cells, corpus, resources, listeners, segment.until)
            failures |= {one.cell.key: one for one in failed}
            if any(interrupted(study, cell, segment.until) for cell in segment.cells if cell.key not in failures):
                return study, list(failures.values())
        elif (grown := replan()).cells == study.cells:
            return study, list(failures.values())
        else:
            study = extend(study, grown, listeners)


def interrupted(study: Study, cell: Cell, until: int | None) -> bool:
    """Whether the cell did not come as far as it was to: Ray ends early, and says nothing, after a Ctrl-C."""
    if until is None:
        return not study.settled(cell)
    return not study.settled(cell) and len(study.cell_folder(cell).history()) < until


def extend(study: Study, grown: Study, listeners: Sequence[Listener]) -> Study:
    """Write down the cells that are new and tell of them; the grown study."""
    claim(grown)
    for cell in grown.cells:
        if cell not in study.cells:
            for listener in listeners:
                listener.proposed(cell)
    return grown
