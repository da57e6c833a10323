"""What a study's folder says the study is: checked against what is asked, written down, read again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from fernn.config import unknown_name
from fernn.models import ModelConfig, import_model, name_model
from tune.core.cell_folder import CellFolder
from tune.core.folder import UNREADABLE, Folder
from tune.core.identity import STUDY_FILE, id_in, identity_of, require_no_copy
from tune.core.study import (
    CHOSEN,
    HALVING,
    PROTOCOL_VERSION,
    SCHEDULER_NAMES,
    Cell,
    Space,
    Study,
    StudyError,
    cell_of,
    key_of,
)

SOURCES = "model_sources"
"""What ``study.json`` has the modules of users' own models under, as they were when their cells were last planned."""
GROWING = ("optim.lr", "seed", "epochs")
"""What may grow inside one study, as models may; everything else is its protocol."""


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


def check_plan(study: Study) -> None:
    """Raises StudyError where the folder holds a study that this one cannot be a part of, or the copy of another.

    A study can grow by models, learning rates, seeds and epochs. A changed protocol, other searched fields
    and fewer epochs are another study. Data that is not there yet is not compared.
    """
    known = study.folder.read_json(STUDY_FILE)
    if known is not None:
        require_no_copy(study.folder, known)
        _check_space(study, known["space"])
        _check_protocol(study, known["protocol"])
        if study.cells and max_epochs(study) < known["epochs"]:
            raise _another(study, f"trains {known['epochs']} epochs, not {max_epochs(study)}", "the shorter training")


def _check_space(study: Study, space: Space) -> None:
    ours, theirs = ([name for name in one if name not in CHOSEN] for one in (study.space, space))
    if ours != theirs:
        raise _another(study, f"searches {_listed(theirs)}, not {_listed(ours)}", "the other search")


def _check_protocol(study: Study, theirs: Mapping[str, Any]) -> None:
    ours = protocol(study)
    unknown = {"data_hash"} if not ours["data_hash"] else set()
    for name in [name for name in ours if name in theirs and name not in unknown]:
        if theirs[name] != ours[name]:
            raise _another(
                study, f"was begun with {name} = {theirs[name]!r}, not {ours[name]!r}", "the changed protocol"
            )


def _listed(dimensions: list[str]) -> str:
    return ", ".join(dimensions) or "models, learning rates and seeds alone"


def _another(study: Study, difference: str, what: str) -> StudyError:
    return StudyError(f"study {study.name!r} {difference}: give {what} another name with --study")


def max_epochs(study: Study) -> int:
    """How long the study's cells are trained, 0 where it has none."""
    return max((cell.experiment.epochs for cell in study.cells), default=0)


def save_study(study: Study) -> None:
    """Write down what the study is and which cells it plans; raises StudyError as :func:`check_plan` does."""
    check_plan(study)
    known = study.folder.read_json(STUDY_FILE) or {}
    facts: dict[str, Any] = {**known, **identity_of(study.folder, known), "name": study.name}
    facts |= {"demo": study.demo, "partial": list(study.partial), "data": study.data}
    facts |= {"stand_in": study.stand_in} if study.stand_in else {}
    facts["scheduler"] = HALVING if study.halves or _scheduler(known) == HALVING else "none"
    facts["sampling"] = dict(study.sampling) or known.get("sampling", {})
    facts["epochs"] = max(max_epochs(study), known.get("epochs", 0))
    if sources := known.get(SOURCES, {}) | model_sources(study.cells):
        facts[SOURCES] = sources
    grown = facts | {
        "space": merged_space(known.get("space", {}), study.space),
        "protocol": known.get("protocol", {}) | protocol(study),
    }
    if grown != known:
        study.folder.write_json(STUDY_FILE, grown)
    study.folder.each(lambda cell: study.cell_folder(cell).plan(cell.config()), study.cells)


def model_sources(cells: Sequence[Cell]) -> dict[str, str]:
    """The SHA-256 of the module of each model of a user's own, by the model's name."""
    return {cell.experiment.model.name: cell.model_source for cell in cells if cell.model_source}


def merged_space(known: Space, more: Space) -> dict[str, list[Any]]:
    """Each dimension with the values of both, in the order in which they came."""
    return {name: list(dict.fromkeys([*known.get(name, ()), *values])) for name, values in more.items()}


def load_study(folder: Folder) -> Study:
    """The study kept in ``folder`` with all it ever planned, in the order of its space; the folder's name is its own.

    All of it is to be trained for as many epochs as the longest: a cell that was only planned for fewer is missing.
    Raises StudyError where there is none, or none that can be read.
    """
    try:
        facts = folder.read_json(STUDY_FILE)
        if facts is None:
            raise StudyError(f"{folder.root} holds no study: run its search first, or name another --storage")
        return _study(folder, facts)
    except StudyError:
        raise
    except UNREADABLE as error:
        raise StudyError(f"{folder.root}/study.json cannot be read: {error!r:.200}") from error


def _study(folder: Folder, facts: Mapping[str, Any]) -> Study:
    for name, kind in _KINDS.items():
        if type(facts[name]) is not kind:
            raise TypeError(f"{name} must be a {kind.__name__}, got {facts[name]!r:.80}")
    space = {name: tuple(values) for name, values in facts["space"].items()}
    planned = _of_current_code(_planned(folder, facts["epochs"]), facts.get(SOURCES, {}))
    at = {tuple(cell.point(tuple(space)).values()): cell for cell in planned}
    ordered = tuple(at[values] for values in product(*space.values()) if values in at)
    study = Study(
        folder.name, folder, space, ordered, facts["demo"], tuple(map(str, facts["partial"])), facts["data"],
        _scheduler(facts), facts["sampling"], stand_in=str(facts.get("stand_in", "")), id=id_in(facts),
    )  # fmt: skip
    return replace(study, num_to_come=num_to_come(study))


def _scheduler(facts: Mapping[str, Any]) -> str:
    name = str(facts.get("scheduler", "none"))
    return SCHEDULER_NAMES.get(name, name)


_KINDS: dict[str, type] = {
    "name": str, "demo": bool, "partial": list, "data": str, "scheduler": str, "sampling": dict, "epochs": int,
    "space": dict,
}  # fmt: skip


def _planned(folder: Folder, epochs: int) -> list[Cell]:
    cells = [cell for name in folder.children("cells") if (cell := _cell(folder, name)) is not None]
    return [replace(cell, experiment=replace(cell.experiment, epochs=epochs)) for cell in cells]


def _of_current_code(cells: list[Cell], sources: Mapping[str, str]) -> list[Cell]:
    """The cells without those of a user's own model that were planned with an earlier version of its module."""
    return [
        cell for cell in cells if cell.model_source in ("", sources.get(cell.experiment.model.name, cell.model_source))
    ]


def _cell(folder: Folder, name: str) -> Cell | None:
    """The cell of that folder, None where there is no config yet; StudyError where that is not the folder's own."""
    try:
        config = CellFolder(folder / f"cells/{name}").config()
        if config is None:
            return None
        if not name.endswith(f"_{key_of(config)}"):
            raise ValueError("it is not as it was written")
        return cell_of(config)
    except UNREADABLE as error:
        reason = f"{folder.root}/cells/{name}/config.json cannot be read: {error!r:.200}"
        raise StudyError(f"{reason}; delete the cell's folder, and run the search again to train it anew") from error


def num_to_come(study: Study) -> int:
    """How many cells a sampler has still to propose until each model has tried its learning rates."""
    if not study.sampling:
        return 0
    low, high = study.sampling["lr_range"]
    rates: dict[str, set[float]] = {}
    for cell in study.cells:
        mine, rate = rates.setdefault(study.model_label(cell), set()), cell.experiment.optim.lr
        mine |= {rate} if low <= rate <= high else set()
    left = sum(max(0, study.sampling["num_samples"] - len(mine)) for mine in rates.values())
    return left * len(study.space["seed"])


ModelName = str | type[ModelConfig]
"""A registered name, "package.module:ConfigClass", or such a class itself."""


def import_models(models: Iterable[ModelName], *storages: str) -> None:
    """Bring in those of the models that are a user's own; none from a folder in which studies are kept.

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


def own_models(study: Study) -> list[str]:
    """The names of the models in the study that are a user's own."""
    models = [cell.experiment.model for cell in study.cells]
    return list(dict.fromkeys(model.name for model in models if model.is_own))


def find_study(study: str | PathLike[str], storage: str = "studies", models: Sequence[ModelName] = ()) -> Study:
    """The study of that name in ``storage``, or in that folder; raises StudyError with the nearest name.

    ``models`` names those of the user's own that are to be more than their stored values.
    """
    name = fspath(study)
    import_models(models, storage, *([name] if "/" in name else []))
    known = known_studies(storage)
    if name in known:
        return load_study((Folder(storage) / name).as_root())
    if "/" in name or not known:
        return load_study(Folder(name) if "/" in name else (Folder(storage) / name).as_root())
    raise StudyError(f"{unknown_name(name, known, kind='study')} (in {storage})")


def known_studies(storage: str) -> list[str]:
    """The names of the studies in ``storage``."""
    home = Folder(storage)
    return [name for name in home.children("") if (home / name).as_root().has(STUDY_FILE)]
