"""Models of a user's own, which the user names on the command line or in code; see :mod:`fernn.models.own`."""

from collections.abc import Iterable
from pathlib import Path

from fernn.models import ModelConfig, import_model, name_model
from tune.core.folder import Folder
from tune.core.study import Study

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
