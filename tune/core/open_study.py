"""Models of a user's own, which the user names on the command line or in code; see :mod:`fernn.models.own`."""

from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from pathlib import Path

from fernn.config import unknown_name
from fernn.models import ModelConfig, import_model, name_model
from tune.core.folder import Folder
from tune.core.identity import STUDY_FILE
from tune.core.protocol import load_study
from tune.core.study import Study, StudyError

ModelName = str | type[ModelConfig]
"""A registered name, "package.module:ConfigClass", or such a class itself."""


def name_models(models: Iterable[ModelName], *storages: str) -> None:
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
    name_models(models, storage, *([name] if "/" in name else []))
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
