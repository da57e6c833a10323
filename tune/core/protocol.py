"""A study's plan in its folder: checked against the command line, saved, and loaded."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from fernn.config import unknown_name
from fernn.config.base import fitted
from fernn.models import ModelConfig, import_model, name_model
from tune.core.cell_folder import RETRAIN, CellFolder
from tune.core.choice import Domain, frozen
from tune.core.folder import UNREADABLE, Folder
from tune.core.identity import STUDY_FILE, id_in, identity_of, require_no_copy
from tune.core.study import (
    CHOSEN,
    PROTOCOL_VERSION,
    RATE,
    SCHEDULER_NAMES,
    Cell,
    Space,
    Study,
    StudyError,
    cell_of,
    key_of,
)

SOURCES = "model_sources"
"""The field of ``study.json`` with the SHA-256 of each user model's module when its cells were last planned."""
GOALS = ("objectives", "constraints")
"""Fields of a study that hold for its last command."""
STORED = (
    "demo",
    "partial",
    "data",
    "stand_in",
    "scheduler",
    "sampling",
    "space",
    "tuned",
    "proposed",
    "foreign",
    *GOALS,
)
"""Fields of a study that ``study.json`` holds under the same names."""
GROWING = ("optim.lr", "seed", "epochs")
"""Fields that a study may extend, as it may add models; all other fields are its protocol."""


def protocol(study: Study) -> dict[str, Any]:
    """The fields that all cells of a study share: each model's own fields, and all fields that are not searched."""
    shared: dict[str, Any] = {"protocol_version": PROTOCOL_VERSION}
    for cell in study.cells:
        model, tuned = cell.experiment.model.name, cell.fields(study.tuned).values()
        shared["data_hash"] = cell.data_hash
        for name, value in cell.experiment.flatten(for_record=True).items():
            if name in tuned:
                continue
            if name.startswith("model."):
                shared[name.replace("model.", f"{model}.", 1)] = value
            elif name not in study.space and name not in GROWING:
                shared[name] = value
    return json.loads(json.dumps(shared))


def check_plan(study: Study) -> None:
    """Raises StudyError where the folder holds another study's plan, or a copy of a study.

    A study can grow by models, learning rates, seeds and epochs. A changed protocol, other searched fields
    and fewer epochs are another study. The hash of data that is not prepared yet is not compared.
    """
    saved = study.folder.read_json(STUDY_FILE)
    if saved is not None:
        require_no_copy(study.folder, saved)
        _check_space(study, saved["space"])
        for name, value in protocol(study).items():
            is_known = name != "data_hash" or value
            if is_known and (begun := saved["protocol"].get(name, value)) != value:
                raise _another(study, f"was begun with {name} = {begun!r}, not {value!r}", "the changed protocol")
        if study.stops_early and (begun := _scheduler(saved)) not in ("none", study.scheduler):
            raise _another(study, f"was begun with --scheduler {begun}, not {study.scheduler}", "the other search")
        if study.cells and max_epochs(study) < saved["epochs"]:
            raise _another(study, f"trains {saved['epochs']} epochs, not {max_epochs(study)}", "the shorter training")


def _check_space(study: Study, space: Space) -> None:
    wanted, saved = ([name for name in names if name not in CHOSEN] for names in (study.space, space))
    if {*wanted} != {*saved}:
        new, old = (", ".join(names) or "models, learning rates and seeds alone" for names in (wanted, saved))
        raise _another(study, f"searches {old}, not {new}", "the other search")


def _another(study: Study, difference: str, what: str) -> StudyError:
    return StudyError(f"study {study.name!r} {difference}: give {what} another name with --study")


def max_epochs(study: Study) -> int:
    """The number of epochs of the study's longest cell, 0 where it has no cells."""
    return max((cell.experiment.epochs for cell in study.cells), default=0)


def save_study(study: Study) -> None:
    """Write the study's plan and its cells' configs into its folder; raises StudyError as :func:`check_plan` does.

    Models, learning rates, seeds and epochs that the folder already has stay in the plan.
    """
    check_plan(study)
    saved = study.folder.read_json(STUDY_FILE) or {}
    facts: dict[str, Any] = {**saved, **identity_of(study.folder, saved), "name": study.name}
    facts |= {"demo": study.demo, "partial": list(study.partial), "data": study.data}
    facts |= {"stand_in": study.stand_in} if study.stand_in else {}
    facts |= {"tuned": list(study.tuned)} if study.tuned else {}
    facts |= {name: list(goals) for name in GOALS if (goals := getattr(study, name)) or name in saved}
    facts |= {"foreign": json.loads(json.dumps(dict(study.foreign)))} if study.foreign else {}
    facts["scheduler"] = study.scheduler if study.stops_early else _scheduler(saved)
    facts["sampling"] = dict(study.sampling) or saved.get("sampling", {})
    if proposed := {**saved.get("proposed", {}), **study.proposed}:
        facts["proposed"] = json.loads(json.dumps(proposed))
    facts["epochs"] = max(max_epochs(study), saved.get("epochs", 0))
    sources = {cell.experiment.model.name: cell.model_source for cell in study.cells if cell.model_source}
    if sources := saved.get(SOURCES, {}) | sources:
        facts[SOURCES] = sources
    space = saved.get("space", {})
    values = {name: dict.fromkeys(frozen([*space.get(name, ()), *more])) for name, more in study.space.items()}
    facts["space"] = json.loads(json.dumps({name: list(choices) for name, choices in values.items()}))
    facts["protocol"] = saved.get("protocol", {}) | protocol(study)
    if facts != saved:
        study.folder.write_json(STUDY_FILE, facts)
    study.folder.each(lambda cell: study.cell_folder(cell).plan(cell.config()), study.cells)


def load_study(folder: Folder) -> Study:
    """The study in ``folder`` with every cell it ever planned, in the order of its space, named like the folder.

    Every cell has the longest cell's number of epochs; a cell that was planned only with fewer is missing.
    Raises StudyError where there is no study, or its files cannot be read.
    """
    try:
        facts = folder.read_json(STUDY_FILE)
        if facts is None:
            raise StudyError(f"{folder.root} holds no study: run its search first, or name another --storage")
        return _study_of(folder, facts)
    except StudyError:
        raise
    except UNREADABLE as error:
        raise StudyError(f"{folder.root}/study.json cannot be read: {error!r:.200}") from error


def _study_of(folder: Folder, facts: Mapping[str, Any]) -> Study:
    later: dict[str, Any] = {"stand_in": "", "proposed": {}, "foreign": {}, **{name: [] for name in ("tuned", *GOALS)}}
    stored = {**later, **facts, "scheduler": _scheduler(facts)}
    types = {entry.name: entry.type for entry in fields(Study)}
    plan = {name: fitted(name, stored[name], types[name]) for name in STORED}
    plan["sampling"] = _sampling(plan["sampling"])
    space = {name: frozen(list(values)) for name, values in plan["space"].items()}
    planned = _planned_cells(folder, fitted("epochs", facts["epochs"], int), facts.get(SOURCES, {}))
    by_point = {tuple(cell.point(space).values()): cell for cell in planned if in_space(cell, space)}
    cells = tuple(sorted(by_point.values(), key=partial(place_in, space)))
    return Study(folder.name, folder, cells=cells, id=id_in(facts), **{**plan, "space": space})


def in_space(cell: Cell, space: Space) -> bool:
    """Whether the space has the cell's value of each dimension that its model has."""
    return all(value in space[name] for name, value in cell.point(cell.fields(space)).items())


def place_in(space: Space, cell: Cell) -> tuple[int, ...]:
    """What sorts cells by the order of the space's values, the first dimension first."""
    own = cell.fields(space)
    return tuple(space[name].index(value) if name in own else -1 for name, value in cell.point(space).items())


def _scheduler(facts: Mapping[str, Any]) -> str:
    name = str(facts.get("scheduler", "none"))
    return SCHEDULER_NAMES.get(name, name)


def _sampling(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A sampler's facts; those of version 0.1 had the learning rate's range alone."""
    ranges = {RATE: {"log": facts["lr_range"]}} if "lr_range" in facts else facts.get("ranges", {})
    for domain in ranges.values():
        Domain.of(domain)
    return {name: value for name, value in facts.items() if name != "lr_range"} | ({"ranges": ranges} if facts else {})


def _planned_cells(folder: Folder, epochs: int, sources: Mapping[str, str]) -> list[Cell]:
    """The cells with a config, without those of a user's model that were planned with an earlier version of it."""
    cells = [cell for name in folder.children("cells") if (cell := _planned_cell(folder, name)) is not None]
    return [
        cell if cell.experiment.epochs == epochs else replace(cell, experiment=replace(cell.experiment, epochs=epochs))
        for cell in cells
        if cell.model_source in ("", sources.get(cell.experiment.model.name, cell.model_source))
    ]


def _planned_cell(folder: Folder, name: str) -> Cell | None:
    """The cell of that folder, None where it has no config yet; raises StudyError for another cell's config."""
    try:
        config = CellFolder(folder / f"cells/{name}").config()
        if config is None:
            return None
        if not name.endswith(f"_{key_of(config)}"):
            raise ValueError("it is not as it was written")
        return cell_of(config)
    except UNREADABLE as error:
        reason = f"{folder.root}/cells/{name}/config.json cannot be read: {error!r:.200}"
        raise StudyError(f"{reason}; {RETRAIN}") from error


ModelName = str | type[ModelConfig]
"""A registered name, "package.module:ConfigClass", or such a class itself."""


def import_models(models: Iterable[ModelName], *storages: str) -> None:
    """Import the users' own models among the names; none from a folder in which studies are kept.

    Raises ValueError for a name that leads to no model.
    """
    folders = [Path(folder.root) for storage in storages if (folder := Folder(storage)).is_local]
    for model in models:
        if isinstance(model, type):
            if model.__module__ == "__main__":
                raise ValueError(f"model {model.__qualname__} must be in a module, as the one that was trained is")
            name_model(f"{model.__module__}:{model.__qualname__}", model)
        elif ":" in model:
            import_model(model, folders)


def find_study(study: str | PathLike[str], storage: str = "studies", models: Sequence[ModelName] = ()) -> Study:
    """The study of that name in ``storage``, or in that folder; raises StudyError with the nearest name.

    ``models`` names the user's own models to import; models that are not named are known by their stored values only.
    """
    name = fspath(study)
    import_models(models, storage, *([name] if "/" in name else []))
    names = known_studies(storage)
    if "/" in name and name not in names:
        return load_study(Folder(name))
    if names and name not in names:
        raise StudyError(f"{unknown_name(name, names, kind='study')} (in {storage})")
    return load_study((Folder(storage) / name).as_root())


def known_studies(storage: str) -> list[str]:
    """The names of the studies in ``storage``."""
    home = Folder(storage)
    return [name for name in home.children("") if (home / name).as_root().has(STUDY_FILE)]
