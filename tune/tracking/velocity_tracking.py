"""Velocity generalization on the study's runs in MLflow."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow.entities import Metric

from fernn.generalization import VelocityReadings
from tune.core.study import Study
from tune.measures.velocity import Measured
from tune.measures.velocity_views import (
    ModelVelocity,
    as_json,
    curve_rows,
    curves,
    facts,
    picture,
    picture_name,
    rows,
    write_files,
)
from tune.tracking.attach import attach
from tune.tracking.mlflow_tracker import Tracker

VIEW = "velocity"
"""Folder of the artifacts, and what the metrics' names begin with."""


def ship(tracker: Tracker, models: Sequence[ModelVelocity]) -> int:
    """Put every cell's, every model's and the study's view on its run; how many runs changed."""
    changed = 0
    for model in models:
        changed += sum(ship_cell(tracker, model.study, seed) for seed in model.seeds)
        changed += ship_model(tracker, model)
    return changed + ship_study(tracker, models)


def ship_cell(tracker: Tracker, study: Study, seed: Measured) -> bool:
    """The cell's own numbers, table and heat-map."""
    cell, found = seed.cell, seed.found
    by_name, text = found.by_name(), as_json({**facts(study, cell), **seed.record})

    def write(folder: Path) -> None:
        columns = ("name", *found.grid.axes, cell.metric.name)
        table = [columns, *rows(found.grid, {name: (value,) for name, value in by_name.items()})]
        title = f"{study.label(cell)}: {seed.record['num_clips']} test clips"
        write_files(folder, text, table, picture_name(found.grid), picture(study, cell, found, title))

    return attach(tracker, f"cell/{cell.key}", text, named(by_name), write, VIEW)


def ship_model(tracker: Tracker, model: ModelVelocity) -> bool:
    """The means over the model's seeds: numbers, table and heat-map."""
    statistics, text, n = model.statistics, as_json(model.document()), len(model.seeds)

    def write(folder: Path) -> None:
        mean = VelocityReadings.mean([seed.found for seed in model.seeds])
        columns = ("name", *mean.grid.axes, "mean", "deviation", "n")
        table = [columns, *rows(mean.grid, {name: (*pair, n) for name, pair in statistics.items()})]
        title = f"{model.label} lr {model.lr:g}: mean over {n} seed{'s' * (n > 1)}"
        write_files(folder, text, table, picture_name(mean.grid), picture(model.study, model.cell, mean, title))

    means = {name: mean for name, (mean, _) in statistics.items()}
    return attach(tracker, f"model/{model.label}", text, named(means), write, VIEW)


def ship_study(tracker: Tracker, models: Sequence[ModelVelocity]) -> bool:
    """All models' table and curves."""
    text = as_json([model.document() for model in models])

    def write(folder: Path) -> None:
        columns = ("model", "lr", "velocities", "mean", "deviation", "n")
        table = [columns, *(row for model in models for row in curve_rows(model))]
        write_files(folder, text, table, "curves", curves(models))

    return attach(tracker, "study", text, [], write, VIEW)


def named(values: Mapping[str, float]) -> list[Metric]:
    """The values as metrics VIEW/NAME."""
    return [Metric(f"{VIEW}/{name}", value, 0, 0) for name, value in values.items()]
