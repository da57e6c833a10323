"""The quality of predicted frames on the study's runs in MLflow."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mlflow.entities import Metric

from tune.analysis.plotting import png
from tune.core.study import Study
from tune.measures.frame_quality import view_of
from tune.measures.frame_quality_views import ModelQuality, maps_figure, quality_figure, steps_figure
from tune.tracking.attach import attach
from tune.tracking.mlflow_tracker import Tracker


def ship(tracker: Tracker, study: Study, models: Sequence[ModelQuality]) -> int:
    """Put every cell's, every model's and the study's numbers and pictures on its run; how many runs changed.

    The models are all measured in one way.
    """
    changed = 0
    for label in dict.fromkeys(model.row.label for model in models):
        mine = [model for model in models if model.row.label == label]
        for document in mine[0].found:
            changed += _attach(
                tracker, study, f"cell/{document['subject']['key']}", [one.of_seed(document) for one in mine]
            )
        changed += _attach(tracker, study, f"model/{label}", mine)
    return changed + _attach(tracker, study, "study", models)


def _attach(tracker: Tracker, study: Study, node: str, models: Sequence[ModelQuality]) -> bool:
    text = json.dumps([model.document() for model in models], indent=2) + "\n"
    steps = [model for model in models if model.num_steps]

    def write(folder: Path) -> None:
        (folder / "quality.json").write_text(text, encoding="utf-8")
        (folder / "quality.png").write_bytes(png(quality_figure(study, models)))
        if steps:
            (folder / "inner-steps.png").write_bytes(png(steps_figure(study, models)))
        if node != "study" and steps and steps[0].maps:
            (folder / "grad-cam.png").write_bytes(png(maps_figure(study, steps[0])))

    shown = [] if node == "study" else [metric for model in models for metric in _metrics(model)]
    return attach(tracker, node, text, shown, write, view_of(models[0].way))


def _metrics(model: ModelQuality) -> list[Metric]:
    """Each metric by predicted frame, and each loss by number of inner steps."""
    kind = f"{view_of(model.way)}/{'tailored/' if model.chooses and model.tailored else ''}"
    named = {name: (model.by_frame(name)[0], 1) for name in model.titles()}
    named |= {f"{loss}_loss": (model.by_steps(loss)[0], 0) for loss in ("inner", "outer") if model.num_steps}
    return [
        Metric(f"{kind}{name}", float(value), 0, place)
        for name, (values, first) in named.items()
        for place, value in enumerate(values, start=first)
        if np.isfinite(value)
    ]
