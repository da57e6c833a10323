"""What of a model's cells may be trained now, by the study's scheduler."""

from collections.abc import Collection

from tune.core.study import HALVING, Cell, Study
from tune.planning.halving import halving_segment
from tune.planning.race import race_segment
from tune.planning.segment import Contest, Segment


def next_segment(study: Study, label: str, failed: Collection[Cell] = ()) -> Segment:
    """The steps of the model of that label that no decision can undo; cells that lose are stopped.

    After a failure that is no divergence a scheduler gives no step: the cell has no value yet, and a later search tries
    it again.
    """
    if not study.stops_early:
        cells = [cell for seeds in study.groups[label].values() for cell in seeds]
        left = study.folder.each(lambda cell: cell not in failed and not study.settled(cell), cells)
        return Segment([(cell, None) for cell, is_left in zip(cells, left, strict=True) if is_left])
    contest = Contest.of(study, label)
    if any(one.cell in failed and not one.diverged for seeds in contest.groups.values() for one in seeds):
        return contest.segment()
    return halving_segment(contest) if study.scheduler == HALVING else race_segment(contest)
