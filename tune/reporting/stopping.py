"""What a scheduler saved, and at which risk."""

from dataclasses import asdict, dataclass
from typing import Any

from tune.core.study import RACE, Cell, Study
from tune.planning import halving, race


@dataclass(frozen=True)
class Saved:
    """What the scheduler of a study did not train."""

    num_choices: int
    """Choices that it stopped, over all models."""
    num_cells: int
    num_epochs: int
    """Epochs of those cells that were not trained."""
    of_epochs: int
    """Epochs of all cells of the study."""
    risk: str


def saved(study: Study) -> Saved | None:
    """What the study's scheduler saved so far, None without one; cells that a person stopped do not count."""
    if not study.stops_early:
        return None

    def epochs_left(cell: Cell) -> int | None:
        """Of a cell that the scheduler stopped, None of any other."""
        folder = study.cell_folder(cell)
        reason, by_hand = folder.stopped_early()
        return None if reason is None or by_hand else cell.experiment.epochs - len(folder.history())

    found = zip(study.cells, study.folder.each(epochs_left, study.cells), strict=True)
    left = {cell: number for cell, number in found if number is not None}
    choices = {(study.model_label(cell), study.choice(cell)) for cell in left}
    total = sum(cell.experiment.epochs for cell in study.cells)
    return Saved(len(choices), len(left), sum(left.values()), total, _risk(study))


def _risk(study: Study) -> str:
    if study.scheduler != RACE:
        return halving.RISK
    most = max(max(map(len, study.groups.values())), study.num_choices)
    allowed = race.level(most, len(study.space["seed"]))
    return (
        f"at a risk of at most {race.RISK:.0%} for each model to have excluded the best: one-sided paired t-tests "
        f"against the leader at level {allowed:.2g}, on seeds whose differences are normally distributed; choices with "
        "a diverged seed are excluded apart from that"
    )


def scheduler_sentences(study: Study) -> list[str]:
    """A sentence on the scheduler, where one was used."""
    found = saved(study)
    if found is None:
        return []
    name = "Racing" if study.scheduler == RACE else "Successive halving"
    share = found.num_epochs / found.of_epochs
    return [
        f"{name} (--scheduler {study.scheduler}) was on: it stopped {found.num_choices} {study.choices_title} early "
        f"({found.num_cells} cells) and saved {found.num_epochs} of {found.of_epochs} epochs ({share:.0%}), "
        f"{found.risk}. They were not candidates."
    ]


def saved_facts(study: Study) -> dict[str, Any] | None:
    """As :func:`saved`, by name."""
    found = saved(study)
    return None if found is None else asdict(found)
