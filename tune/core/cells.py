"""The cells of a study's plan: experiments at the points of a space, or at points that a sampler proposes."""

from collections.abc import Iterable, Mapping, Sequence

from fernn.config import unknown_name
from fernn.experiment import Experiment
from fernn.models import ModelConfig, source_hash
from tune.core.choice import points_of
from tune.core.study import EMPTY, Cell, Settings, Space


def plan_cells(
    base: Experiment,
    space: Space,
    data_hash: str,
    defaults: Settings = EMPTY,
    settings: Settings = EMPTY,
    by_model: Mapping[str, Settings] = EMPTY,
) -> tuple[Cell, ...]:
    """The cells of ``space`` around ``base``, each once; raises errors as :func:`cells_at`, :func:`check_settings`."""
    cells = cells_at(base, points_of(space), data_hash, defaults, settings, by_model)
    check_settings(cells, settings, space)
    return cells


def cells_at(
    base: Experiment,
    points: Sequence[Settings],
    data_hash: str,
    defaults: Settings = EMPTY,
    settings: Settings = EMPTY,
    by_model: Mapping[str, Settings] = EMPTY,
) -> tuple[Cell, ...]:
    """The cells at ``points``, which are values by field, around ``base``, each once.

    Each experiment takes, of the fields that it has, the ``defaults``, then its model's ``by_model``, then its point,
    then the ``settings``. Another data set or optimizer is set first, since it brings fields of its own. Raises
    KeyError, TypeError or ValueError for a value of a wrong type.
    """
    fields = {**defaults, **settings}
    parts = {name: fields[name] for name in (DATA_NAME, "optim.name") if name in fields}
    experiments = [base.override({**parts, **point}) for point in points]
    experiments = [
        with_fields(one, {**defaults, **by_model.get(one.model.name, EMPTY), **point, **settings})
        for one, point in zip(experiments, points, strict=True)
    ]
    _check_labels(experiment.model for experiment in experiments)
    cells = [Cell(experiment, data_hash, source_hash(experiment.model.name)) for experiment in experiments]
    return tuple({cell.key: cell for cell in cells}.values())


def check_settings(cells: Iterable[Cell], settings: Settings, searched: Iterable[str]) -> None:
    """Raises KeyError for a setting that no cell has a field for, and ValueError for one that is searched."""
    names = {name: None for cell in cells for name in cell.experiment.flatten()}
    for name in settings:
        if name not in names:
            raise KeyError(unknown_name(name, names, kind="field"))
        if name in searched or name == "model.name":
            raise ValueError(f"{name} is searched, so it cannot be set: use {SEARCHED_BY.get(name, '--models')}")


def _check_labels(models: Iterable[ModelConfig]) -> None:
    """Raises ValueError for two models that tables could not tell apart."""
    names: dict[str, str] = {}
    for model in models:
        if names.setdefault(model.label, model.name) != model.name:
            raise ValueError(f"models must have names of their own, got {names[model.label]} and {model.name}")


DATA_NAME = "data.name"
SEARCHED_BY = {"optim.lr": "--lrs or --lr-range", "seed": "--seeds", "data.velocity_range": "--data-velocity"}


def with_fields(experiment: Experiment, fields: Settings) -> Experiment:
    """The experiment with the values of those ``fields`` that it has."""
    own_fields = experiment.flatten()
    return experiment.override({name: value for name, value in fields.items() if name in own_fields})
