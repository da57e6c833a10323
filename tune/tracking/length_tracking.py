"""Length generalization on the study's runs in MLflow."""

import json
from collections.abc import Sequence
from pathlib import Path

from mlflow.entities import Metric

from tune.analysis.plotting import png
from tune.core.study import Study
from tune.measures.length_views import ModelLength, csv_text, curves, rollouts
from tune.tracking.attach import attach
from tune.tracking.mlflow_tracker import Tracker

VIEW = "length"
"""Folder of the artifacts, and what the metrics' names begin with; a metric's step is the predicted frame."""


def ship(tracker: Tracker, study: Study, models: Sequence[ModelLength]) -> int:
    """Put every cell's, every model's and the study's curves on its run; how many runs changed."""
    changed = 0
    for model in models:
        for one in model.row.chosen:
            if (curve := model.curves.get(one.cell.experiment.seed)) is not None:
                changed += _attach(tracker, study, f"cell/{one.cell.key}", curve["mean"], [model])
        changed += _attach(tracker, study, f"model/{model.row.label}", model.mean, [model])
    return changed + _attach(tracker, study, "study", [], models)


def _attach(tracker: Tracker, study: Study, node: str, mean: Sequence[float], models: Sequence[ModelLength]) -> bool:
    text = json.dumps([model.document() for model in models], indent=2) + "\n"

    def write(folder: Path) -> None:
        (folder / "length.json").write_text(text, encoding="utf-8")
        (folder / "length.csv").write_text(csv_text(models), encoding="utf-8")
        (folder / "curves.png").write_bytes(png(curves(study, models)))
        if (picture := rollouts(study, models)) is not None:
            (folder / "rollouts.png").write_bytes(png(picture))

    metrics = [Metric(f"{VIEW}/mse", value, 0, frame) for frame, value in enumerate(mean, start=1)]
    return attach(tracker, node, text, metrics, write, VIEW)
