"""A study: which cells it has, which are done, which are missing."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Any

from fernn.config import unknown_name
from fernn.experiment import Experiment
from tune.store import CellFolder, Folder

PROTOCOL_VERSION = 1
"""Raised when a change of code changes results: cells of different versions are different cells."""

CHOSEN = ("model", "optim.lr", "seed")
"""Dimensions of a space that every table has a place for; each value of another one makes rows of its own."""

GROWING = ("optim.lr", "seed", "epochs")
"""What may grow inside one study, as models may; everything else is its protocol."""


class StudyError(ValueError):
    """A study that cannot be planned or opened as asked."""


@dataclass(frozen=True)
class Cell:
    """One point of a study: a whole experiment on one version of the data."""

    experiment: Experiment
    data_hash: str

    def config(self) -> dict[str, Any]:
        """Everything that decides the cell's result, by name."""
        facts = {"data_hash": self.data_hash, "protocol_version": PROTOCOL_VERSION}
        return facts | {"experiment": self.experiment.flatten()}

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits: equal key, equal result."""
        text = json.dumps(self.config(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def point(self, dimensions: Sequence[str]) -> dict[str, Any]:
        """Where the cell stands in a search space of these dimensions."""
        flat = self.experiment.flatten()
        return {name: flat["model.name" if name == "model" else name] for name in dimensions}

    @property
    def name(self) -> str:
        """A name that reads well and is the cell's own: its folder and its trial carry it."""
        experiment = self.experiment
        return f"{experiment.model.label}_lr{experiment.optim.lr:g}_seed{experiment.seed}_{self.key}"


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
    data: str = ""
    """Folder of the prepared data."""
    scheduler: str = "none"
    """Where it is "asha", a cell that was stopped counts as settled."""
    sampling: Settings = field(default_factory=dict)
    """How learning rates were proposed, empty for a grid."""
    num_to_come: int = 0
    """How many cells a sampler has still to propose."""

    def cell_folder(self, cell: Cell) -> CellFolder:
        """Where the cell is kept."""
        return CellFolder(self.folder / f"cells/{cell.name}")

    def point(self, cell: Cell) -> dict[str, Any]:
        """Where the cell stands in the study's space."""
        return cell.point(tuple(self.space))

    def cell_at(self, point: Mapping[str, Any]) -> Cell:
        """The cell at a point of the study's space."""
        return next(cell for cell in self.cells if self.point(cell) == dict(point))

    def settled(self, cell: Cell) -> bool:
        """Whether nothing is left to do: the cell has its result, or was stopped early and is to stay so."""
        folder = self.cell_folder(cell)
        return folder.done() is not None or (self.scheduler == "asha" and folder.stopped() is not None)

    def missing(self) -> list[Cell]:
        """The cells that are not settled, in the order of the plan."""
        return [cell for cell in self.cells if not self.settled(cell)]

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

    Both ``defaults`` and, over them, ``settings`` go over every experiment that has the field. Raises
    KeyError, TypeError or ValueError for a value that does not fit, and for a setting that no
    experiment of the space has.
    """
    experiments = [base.override(point) for point in points(space)]
    known = {name: None for experiment in experiments for name in experiment.flatten()}
    for name in settings:
        if name not in known:
            raise KeyError(unknown_name(name, known, kind="field"))
        if name in space or name == "model.name":
            raise ValueError(
                f"{name} is searched, so it cannot be set: give its values with --models, --lrs or --seeds"
            )
    fields = {**defaults, **settings}
    cells = [Cell(with_fields(experiment, fields), data_hash) for experiment in experiments]
    return tuple({cell.key: cell for cell in cells}.values())


def with_fields(experiment: Experiment, fields: Settings) -> Experiment:
    """The experiment with those of the ``fields`` that it has: models differ in theirs."""
    known = experiment.flatten()
    return experiment.override({name: value for name, value in fields.items() if name in known})


def protocol(study: Study) -> dict[str, Any]:
    """What all cells of a study share, by field: each model's own fields, and all that is not searched."""
    shared: dict[str, Any] = {"protocol_version": PROTOCOL_VERSION}
    for cell in study.cells:
        model = cell.experiment.model.name
        shared["data_hash"] = cell.data_hash
        for name, value in cell.experiment.flatten().items():
            if name.startswith("model."):
                shared[name.replace("model.", f"{model}.", 1)] = value
            elif name not in study.space and name not in GROWING:
                shared[name] = value
    return json.loads(json.dumps(shared))


def claim(study: Study) -> None:
    """Write down what the study is and which cells it plans; raises StudyError for another protocol.

    A study can grow by models, learning rates, seeds and epochs; a changed protocol is another study.
    """
    ours, known = protocol(study), study.folder.read_json("study.json") or {}
    theirs = known.get("protocol", {})
    changed = [name for name in ours if name in theirs and theirs[name] != ours[name]]
    if changed:
        name = changed[0]
        raise StudyError(
            f"study {study.name!r} was begun with {name} = {theirs[name]!r}, not {ours[name]!r}: "
            f"give the changed protocol another name with --study"
        )
    facts = {"name": study.name, "demo": study.demo, "partial": list(study.partial), "data": study.data}
    facts["scheduler"] = "asha" if "asha" in (study.scheduler, known.get("scheduler")) else "none"
    facts["sampling"] = dict(study.sampling) or known.get("sampling", {})
    grown = facts | {"space": grow(known.get("space", {}), study.space), "protocol": theirs | ours}
    if grown != known:
        study.folder.write_json("study.json", grown)
    for cell in study.cells:
        study.cell_folder(cell).plan(cell.config())


def grow(known: Space, more: Space) -> dict[str, list[Any]]:
    """Each dimension with the values of both, in the order in which they came."""
    return {name: list(dict.fromkeys([*known.get(name, ()), *values])) for name, values in more.items()}


def load_study(folder: Folder) -> Study:
    """The study kept in ``folder`` with all it ever planned, in the order of its space.

    Where a point is planned for several numbers of epochs, the finished cell with the most of them counts.
    """
    facts = folder.read_json("study.json")
    if facts is None:
        raise StudyError(f"{folder.root} holds no study: run its search first, or name another --storage")
    configs = [CellFolder(folder / f"cells/{name}").config() for name in folder.children("cells")]
    known = [cell_of(config) for config in configs if config is not None]
    cells = sorted(known, key=lambda cell: (is_done(folder, cell), cell.experiment.epochs))
    space = {name: tuple(values) for name, values in facts["space"].items()}
    at = {tuple(cell.point(tuple(space)).values()): cell for cell in cells}
    ordered = tuple(at[values] for values in product(*space.values()) if values in at)
    return Study(
        facts["name"], folder, space, ordered, facts["demo"], tuple(facts["partial"]), facts["data"],
        facts["scheduler"], facts["sampling"],
    )  # fmt: skip


def is_done(folder: Folder, cell: Cell) -> bool:
    """Whether the study in ``folder`` has the cell's result."""
    return CellFolder(folder / f"cells/{cell.name}").done() is not None


def cell_of(config: Mapping[str, Any]) -> Cell:
    """The cell that wrote ``config`` as its :meth:`Cell.config`."""
    return Cell(Experiment().override(config["experiment"]), config["data_hash"])
