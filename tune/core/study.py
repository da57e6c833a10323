"""A study: which cells it has, which are done, which are missing."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from types import MappingProxyType
from typing import Any

from fernn.config import unknown_name
from fernn.experiment import Experiment
from fernn.models import source_hash
from fernn.train.task import Metric, task_of
from tune.core.cell_folder import CellFolder
from tune.core.folder import Folder

PROTOCOL_VERSION = 1
"""Raised when a change of code changes results: cells of different versions are different cells."""

CHOSEN = ("model", "optim.lr", "seed")
"""Dimensions of a space that every table has a place for; each value of another one makes rows of its own."""


class StudyError(ValueError):
    """A study that cannot be planned or opened as asked."""


def check_study_name(name: str) -> None:
    """Raises StudyError for a name that could be anything but a folder's in the storage."""
    if name in ("", ".", "..") or not name.isprintable() or set(name) & set("/\\#%?"):
        raise StudyError(f"--study must be a plain name without / \\ # % ? or control characters, got {name!r}")


@dataclass(frozen=True)
class Cell:
    """One point of a study: a whole experiment on one version of the data."""

    experiment: Experiment
    data_hash: str
    model_source: str = ""
    """SHA-256 of the module of a user's own model: other code, another cell."""

    @property
    def metric(self) -> Metric:
        """What its epochs are chosen by."""
        return task_of(self.experiment.data).metric

    def config(self) -> dict[str, Any]:
        """Everything that decides the cell's result, by name."""
        facts = {"data_hash": self.data_hash, "protocol_version": PROTOCOL_VERSION}
        facts |= {"model_source": self.model_source} if self.model_source else {}
        return facts | {"experiment": self.experiment.flatten()}

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits: equal key, equal result."""
        return key_of(self.config())

    def point(self, dimensions: Sequence[str]) -> dict[str, Any]:
        """Where the cell stands in a search space of these dimensions."""
        flat = self.experiment.flatten()
        return {name: flat["model.name" if name == "model" else name] for name in dimensions}

    @property
    def name(self) -> str:
        """A name that reads well and is the cell's own: its folder and its trial carry it."""
        experiment = self.experiment
        return f"{experiment.model.label}_lr{experiment.optim.lr:g}_seed{experiment.seed}_{self.key}"


def key_of(config: Mapping[str, Any]) -> str:
    """The key of the cell whose :meth:`Cell.config` this is."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]


Settings = Mapping[str, Any]
"""Values of fields by dotted name."""
EMPTY: Settings = MappingProxyType({})

Space = Mapping[str, Sequence[Any]]
"""A grid: the values of each searched field; "model" takes registered names."""


def points(space: Space) -> list[dict[str, Any]]:
    """Every point of the grid once, the last dimension running fastest."""
    return [dict(zip(space, values, strict=True)) for values in product(*space.values())]


@dataclass(frozen=True)
class Study:
    """A named set of cells and the folder in which they are kept."""

    name: str
    folder: Folder
    space: Space
    cells: tuple[Cell, ...]
    demo: bool = False
    partial: tuple[str, ...] = field(default=())
    """Names of the videos that the data lacks."""
    stand_in: str = field(default="", kw_only=True)
    """What the data is where it is not the data set that it is named for, as "Fashion-MNIST, not MNIST"."""
    data: str = ""
    """Folder of the prepared data."""
    scheduler: str = "none"
    """Where it is :data:`HALVING`, a cell that was stopped counts as settled."""
    sampling: Settings = field(default_factory=dict)
    """How learning rates were proposed, empty for a grid."""
    num_to_come: int = 0
    """How many cells a sampler has still to propose."""
    code: str = ""
    """The record of the code that trains what is missing, empty where there is none: :mod:`tune.core.code_record`."""
    id: str = ""
    """What the study is known by wherever it is, see :mod:`tune.core.identity`; empty before it is claimed."""

    @property
    def halves(self) -> bool:
        """Whether successive halving stops some of its cells early."""
        return self.scheduler == HALVING

    @property
    def metric(self) -> Metric:
        """What the study's cells are chosen by."""
        return self.cells[0].metric

    def cell_folder(self, cell: Cell) -> CellFolder:
        """Where the cell is kept."""
        return CellFolder(self.folder / f"cells/{cell.name}")

    def point(self, cell: Cell) -> dict[str, Any]:
        """Where the cell stands in the study's space."""
        return cell.point(tuple(self.space))

    def cell_at(self, point: Mapping[str, Any]) -> Cell:
        """The cell at a point of the study's space."""
        return self._at[tuple(point[name] for name in self.space)]

    @cached_property
    def _at(self) -> dict[tuple[Any, ...], Cell]:
        return {tuple(self.point(cell).values()): cell for cell in self.cells}

    def settled(self, cell: Cell) -> bool:
        """Whether nothing is left to do: the cell has its result, would diverge again, or was stopped for good."""
        folder = self.cell_folder(cell)
        stopped = self.halves and folder.stopped() is not None
        return folder.done() is not None or stopped or folder.diverged()

    def diverged(self) -> list[Cell]:
        """The cells whose loss was no number any more."""
        found = self.folder.each(lambda cell: self.cell_folder(cell).diverged(), self.cells)
        return [cell for cell, is_one in zip(self.cells, found, strict=True) if is_one]

    def value(self, cell: Cell) -> float | None:
        """The best validation metric of a settled cell, its worst value for one that diverged, None for any other."""
        folder = self.cell_folder(cell)
        if folder.diverged():
            return cell.metric.worst
        rows = folder.history() if self.settled(cell) else []
        return rows[-1][f"best/{cell.metric.name}"] if rows else None

    def missing(self) -> list[Cell]:
        """The cells that are not settled, in the order of the plan."""
        found = self.folder.each(self.settled, self.cells)
        return [cell for cell, is_settled in zip(self.cells, found, strict=True) if not is_settled]

    def where(self, cell: Cell) -> dict[str, Any]:
        """The cell's values of searched fields that are neither model, learning rate nor seed."""
        return cell.point([name for name in self.space if name not in CHOSEN])

    def model_label(self, cell: Cell) -> str:
        """The cell's model, and what else is searched: "grnn" or "grnn, velocity_range 1"."""
        others = (f"{name.rpartition('.')[2]} {value}" for name, value in self.where(cell).items())
        return ", ".join([cell.experiment.model.label, *others])

    def label(self, cell: Cell) -> str:
        """The cell's name for people."""
        return f"{self.model_label(cell)} lr {cell.experiment.optim.lr:g} seed {cell.experiment.seed}"


def plan_cells(
    base: Experiment, space: Space, data_hash: str, defaults: Settings = EMPTY, settings: Settings = EMPTY
) -> tuple[Cell, ...]:
    """The cells of ``space`` around ``base``, each once.

    Both ``defaults`` and, over them, ``settings`` go over every experiment that has the field; another data set
    comes first, with fields and models of its own. Raises KeyError, TypeError or ValueError for a value that does not
    fit, and for a setting that no experiment of the space has.
    """
    fields = {**defaults, **settings}
    named = {DATA_NAME: fields[DATA_NAME]} if DATA_NAME in fields else {}
    experiments = [base.override({**named, **point}) for point in points(space)]
    known = {name: None for experiment in experiments for name in experiment.flatten()}
    for name in settings:
        if name not in known:
            raise KeyError(unknown_name(name, known, kind="field"))
        if name in space or name == "model.name":
            raise ValueError(f"{name} is searched, so it cannot be set: use {SEARCHED_BY.get(name, '--models')}")
    cells = [make_cell(with_fields(experiment, fields), data_hash) for experiment in experiments]
    check_labels(cells)
    return tuple({cell.key: cell for cell in cells}.values())


def make_cell(experiment: Experiment, data_hash: str) -> Cell:
    """The experiment on the data, with what its model's code is now."""
    return Cell(experiment, data_hash, source_hash(experiment.model.name))


def check_labels(cells: Sequence[Cell]) -> None:
    """Raises ValueError for two models that tables could not tell apart."""
    names: dict[str, str] = {}
    for model in (cell.experiment.model for cell in cells):
        if names.setdefault(model.label, model.name) != model.name:
            raise ValueError(f"models must have names of their own, got {names[model.label]} and {model.name}")


DATA_NAME = "data.name"
SEARCHED_BY = {"optim.lr": "--lrs or --lr-range", "seed": "--seeds", "data.velocity_range": "--data-velocity"}


def with_fields(experiment: Experiment, fields: Settings) -> Experiment:
    """The experiment with those of the ``fields`` that it has: models differ in theirs."""
    known = experiment.flatten()
    return experiment.override({name: value for name, value in fields.items() if name in known})


def cell_of(config: Mapping[str, Any]) -> Cell:
    """The cell that wrote ``config`` as its :meth:`Cell.config`; nothing is imported."""
    source = config.get("model_source", "")
    if not isinstance(source, str):
        raise TypeError(f"model_source must be a text, got {source!r:.80}")
    return Cell(Experiment.stored(config["experiment"], source), config["data_hash"], source)


RATE = "optim.lr"
HALVING = "halving"
"""The scheduler that stops learning rates early, synchronously: a rung is decided when all have reached it."""
SCHEDULER_NAMES = {"asha": HALVING}
"""Other words by which a scheduler is known, on the command line and in studies of version 0.1."""
