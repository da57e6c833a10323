"""A study: which cells it has, which are done, which are missing."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from types import MappingProxyType
from typing import Any

import data.registry  # noqa: F401  the configs of data sets that fernn does not know
from fernn.config import fitted
from fernn.experiment import Experiment
from fernn.train.run import task_of
from fernn.train.task import Metric
from tune.core.cell_folder import CellFolder
from tune.core.choice import Choice, Domain, field_of, last_part, num_left
from tune.core.folder import Folder

PROTOCOL_VERSION = 1
"""Increased when a change of code changes results: cells of different versions are different cells."""

RATE = "optim.lr"
CHOSEN = ("model", RATE, "seed")
"""Dimensions that every table shows; each value of any other one that is not tuned makes rows of its own."""


class StudyError(ValueError):
    """A study that cannot be planned or opened as asked."""


USER_ERRORS = (KeyError, TypeError, ValueError, OSError)
"""The errors of a wrong option or of a file that is not as it should be: StudyError, DataError and others."""


def check_study_name(name: str) -> None:
    """Raises StudyError for a name that is not the plain name of a folder."""
    if name in ("", ".", "..") or not name.isprintable() or set(name) & set("/\\#%?"):
        raise StudyError(f"--study must be a plain name without / \\ # % ? or control characters, got {name!r}")


@dataclass(frozen=True)
class Cell:
    """One point of a study: a whole experiment on one version of the data."""

    experiment: Experiment
    data_hash: str
    model_source: str = ""
    """SHA-256 of the module of a user's own model; changed code makes another cell."""

    @property
    def metric(self) -> Metric:
        """The validation metric that chooses the best epoch."""
        return task_of(self.experiment.data).metric

    def config(self) -> dict[str, Any]:
        """Everything that decides the cell's result, by name."""
        facts = {"data_hash": self.data_hash, "protocol_version": PROTOCOL_VERSION}
        facts |= {"model_source": self.model_source} if self.model_source else {}
        for part in ("model", "data"):
            revision = getattr(self.experiment, part).revision
            facts |= {f"{part}_revision": revision} if revision > 1 else {}
        return facts | {"experiment": self.experiment.flatten(for_record=True)}

    @cached_property
    def key(self) -> str:
        """Twelve hexadecimal digits; cells with equal keys have equal results."""
        return key_of(self.config())

    def point(self, dimensions: Iterable[str]) -> dict[str, Any]:
        """The cell's value of each dimension of a study's space, None where its model does not have it."""
        return {name: self._flat.get(field_of(name, self.experiment, self._flat) or "") for name in dimensions}

    def fields(self, dimensions: Iterable[str]) -> dict[str, str]:
        """The experiment's fields by dimension, of those that its model has."""
        return {name: own for name in dimensions if (own := field_of(name, self.experiment, self._flat)) is not None}

    @cached_property
    def _flat(self) -> Mapping[str, Any]:
        """The experiment's fields by dotted name, which every look at a cell asks for."""
        return self.experiment.flatten()

    @cached_property
    def name(self) -> str:
        """The unique name of the cell's folder and trial."""
        experiment = self.experiment
        return f"{experiment.model.label}_lr{experiment.optim.lr:g}_seed{experiment.seed}_{self.key}"


def key_of(facts: Any) -> str:
    """Twelve hexadecimal digits for JSON facts: the key of the cell whose :meth:`Cell.config` they are."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


Settings = Mapping[str, Any]
"""Values of fields by dotted name."""
EMPTY: Settings = MappingProxyType({})

Space = Mapping[str, Sequence[Any]]
"""A grid: the values of each searched field; "model" takes registered names."""


@dataclass(frozen=True)
class Study:
    """A named set of cells and their folder."""

    name: str
    folder: Folder
    space: Space
    cells: tuple[Cell, ...]
    demo: bool = False
    partial: tuple[str, ...] = field(default=())
    """Names of the videos that the data lacks."""
    stand_in: str = field(default="", kw_only=True)
    """What the data is instead of the data set it is named for, as "Fashion-MNIST, not MNIST"; empty otherwise."""
    data: str = ""
    """Folder or URL of the prepared data."""
    scheduler: str = "none"
    """"none", or :data:`HALVING` or :data:`RACE`, with which a stopped cell counts as settled."""
    sampling: Settings = field(default_factory=dict)
    """The sampler's facts, empty for a grid."""
    code: str = ""
    """The id of the code record that trains missing cells, see :mod:`tune.core.code_record`; empty without one."""
    tuned: tuple[str, ...] = ()
    """Searched fields beside the learning rate of which validation chooses a value, as dimensions of the space."""
    foreign: Settings = field(default_factory=dict)
    """The points of another study with which the sampler began, see :mod:`tune.planning.warm_start`."""
    objectives: tuple[str, ...] = ()
    """What choices are compared by beside or instead of the metric, see :mod:`tune.analysis.objectives`."""
    constraints: tuple[str, ...] = ()
    """What a choice must meet, as "law_error<=1e-3"."""
    proposed: Settings = field(default_factory=dict)
    """By a model's label: the choices that the sampler has proposed, in their order, each as values by dimension."""
    id: str = ""
    """The id that the study keeps wherever it moves, see :mod:`tune.core.identity`; empty before it is saved."""

    @property
    def stops_early(self) -> bool:
        """Whether a scheduler stops some of its cells early."""
        return self.scheduler != "none"

    @property
    def num_choices(self) -> int:
        """How many choices a sampler tries for each model; 0 for a grid."""
        return int(self.sampling.get("num_samples", 0))

    @property
    def choices_title(self) -> str:
        """What validation chooses among, in words."""
        return "choices" if self.tuned else "learning rates"

    @cached_property
    def num_to_come(self) -> int:
        """How many cells the sampler has still to propose until each model has tried all its choices."""
        wanted = self.sampling.get("num_samples", 0)
        left = sum(num_left(wanted, self.domains(next(iter(choices))), choices) for choices in self.groups.values())
        return left * len(self.space["seed"]) if wanted else 0

    def domains(self, choice: Choice) -> dict[str, Domain]:
        """What the sampler may choose for each of the choice's fields; empty without a sampler."""
        ranges = self.sampling.get("ranges", EMPTY)
        return {name: Domain.of(ranges[name]) for name, _ in choice.values if name in ranges}

    @property
    def metric(self) -> Metric:
        """The validation metric that all cells of the study share."""
        return self.cells[0].metric

    def cell_folder(self, cell: Cell) -> CellFolder:
        """The cell's folder."""
        return CellFolder(self.folder / f"cells/{cell.name}")

    def stored_cells(self) -> list[CellFolder]:
        """Every cell's folder in the study's folder, also those of cells with fewer epochs, by name."""
        return [CellFolder(self.folder / f"cells/{name}") for name in self.folder.children("cells")]

    def settled(self, cell: Cell) -> bool:
        """Whether nothing is left to do: the cell has its result, diverged, or was stopped."""
        folder = self.cell_folder(cell)
        return folder.done() is not None or folder.diverged() or self.stop_of(folder) is not None

    def stop_of(self, folder: CellFolder) -> str | None:
        """Why the cell is not trained further, None where it is: a scheduler's stop counts only under a scheduler."""
        reason, by_hand = folder.stopped_early()
        return reason if self.stops_early or by_hand else None

    def diverged(self) -> list[Cell]:
        """The cells whose loss was not finite."""
        return [*compress(self.cells, self.folder.each(lambda cell: self.cell_folder(cell).diverged(), self.cells))]

    def missing(self) -> list[Cell]:
        """The cells that are not settled, in the order of the plan."""
        return [*compress(self.cells, self.folder.each(lambda cell: not self.settled(cell), self.cells))]

    def value(self, cell: Cell) -> float | None:
        """The best validation metric of a settled cell, the worst value of a diverged cell, None for any other."""
        folder = self.cell_folder(cell)
        if folder.diverged():
            return cell.metric.worst
        rows = folder.history() if self.settled(cell) else []
        return rows[-1][f"best/{cell.metric.name}"] if rows else None

    def where(self, cell: Cell) -> dict[str, Any]:
        """The cell's values of searched fields that make rows of their own."""
        return cell.point([name for name in self.space if name not in (*CHOSEN, *self.tuned)])

    def choice(self, cell: Cell) -> Choice:
        """The cell's values of the fields that validation chooses: the learning rate, and those that are tuned."""
        names = cell.fields((RATE, *self.tuned))
        return Choice(tuple(cell.point(names).items()))

    @cached_property
    def groups(self) -> Mapping[str, Mapping[Choice, Sequence[Cell]]]:
        """By a model's label and a choice: the cells, one for each seed, in the order of the plan."""
        models: dict[str, dict[Choice, list[Cell]]] = {}
        for cell in self.cells:
            models.setdefault(self.model_label(cell), {}).setdefault(self.choice(cell), []).append(cell)
        return models

    def model_label(self, cell: Cell) -> str:
        """The cell's model and its values of :meth:`where`: "grnn" or "grnn, velocity_range 1"."""
        others = (f"{last_part(name)} {value}" for name, value in self.where(cell).items())
        return ", ".join([cell.experiment.model.label, *others])

    def label(self, cell: Cell) -> str:
        """The cell's name for people."""
        return f"{self.model_label(cell)} {self.choice(cell).text} seed {cell.experiment.seed}"


def cell_of(config: Mapping[str, Any]) -> Cell:
    """The cell with that :meth:`Cell.config`; imports no code of a user's model. Raises TypeError for a bad source."""
    source = fitted("model_source", config.get("model_source", ""), str)
    return Cell(Experiment.stored(config["experiment"], source), config["data_hash"], source)


HALVING = "halving"
"""The scheduler that stops choices early, synchronously: a rung is decided when all of a model have reached it."""
RACE = "race"
"""The scheduler that gives a choice no further seeds once its seeds so far exclude it."""
SCHEDULER_NAMES = {"asha": HALVING}
"""Older names of a scheduler, on the command line and in studies of version 0.1."""
