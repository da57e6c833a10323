"""Velocity generalization as tables and pictures, and on the study's runs in MLflow."""

import csv
import hashlib
import io
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from mlflow.entities import Metric

from fernn.generalization import RANGES, VelocityAccuracy, velocities_of
from tune.pictures import PARTIAL, Curve, demo_mark, png, velocity_curves, velocity_heatmap
from tune.selection import mean_and_deviation
from tune.study import Cell, Study
from tune.tracking import Tracker
from tune.velocity import Measured

VIEW = "velocity"
"""Folder of the artifacts, and what the metrics' names begin with."""
METRICS_PER_BATCH = 500
Table = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class ModelVelocity:
    """What is measured of one row of the study's table: cells that differ by seed alone."""

    study: Study
    label: str
    """The model, and what else tells its rows apart (see tune/results.py)."""
    seeds: Sequence[Measured]

    @property
    def cell(self) -> Cell:
        """The first of the cells."""
        return self.seeds[0].cell

    @property
    def model(self) -> str:
        return self.cell.experiment.model.name

    @property
    def lr(self) -> float:
        return self.cell.experiment.optim.lr

    @property
    def training_range(self) -> int:
        return self.cell.experiment.data.velocity_range

    @cached_property
    def statistics(self) -> dict[str, tuple[float, float | None]]:
        """Mean and sample standard deviation over seeds by name."""
        by_name = [seed.found.by_name() for seed in self.seeds]
        return {name: mean_and_deviation([seed[name] for seed in by_name]) for name in by_name[0]}

    def document(self) -> dict[str, Any]:
        """All of it, for a reader that is a program."""
        return {
            **facts(self.study, self.cell),
            "label": self.label,
            "n": len(self.seeds),
            "seeds": [seed.cell.experiment.seed for seed in self.seeds],
            "num_clips": self.seeds[0].record["num_clips"],
            "accuracy": {name: {"mean": mean, "deviation": sd} for name, (mean, sd) in self.statistics.items()},
        }

    def text(self) -> tuple[str, ...]:
        """The row in a table: model, learning rate, n, accuracy on V_0, V_1, V_2."""
        pairs = [self.statistics[f"V{k}"] for k in RANGES]
        spread = [f"{mean:.3f}" + ("" if sd is None else f" ± {sd:.3f}") for mean, sd in pairs]
        return (self.label, f"{self.lr:g}", str(len(self.seeds)), *spread)

    def curve(self) -> Curve:
        """The model's line in the study's picture."""
        means, deviations = zip(*(self.statistics[f"V{k}"] for k in RANGES), strict=True)
        return Curve(means, deviations, len(self.seeds))


def facts(study: Study, cell: Cell) -> dict[str, Any]:
    """What the numbers are of."""
    experiment = cell.experiment
    return {
        "study": study.name, "model": experiment.model.name, "lr": experiment.optim.lr,
        "training_range": experiment.data.velocity_range, "protocol": experiment.data.protocol,
        "demo": study.demo, "partial": bool(study.partial),
    }  # fmt: skip


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
        table = [("name", "vy", "vx", "accuracy"), *rows(found.radius, {n: (a,) for n, a in by_name.items()})]
        title = f"{study.label(cell)}: {seed.record['num_clips']} test clips"
        write_files(folder, text, table, "heatmap", heatmap(study, cell, found, title))

    return attach(tracker, f"cell/{cell.key}", text, named(by_name), write)


def ship_model(tracker: Tracker, model: ModelVelocity) -> bool:
    """The means over the model's seeds: numbers, table and heat-map."""
    statistics, text, n = model.statistics, as_json(model.document()), len(model.seeds)

    def write(folder: Path) -> None:
        mean = VelocityAccuracy.mean([seed.found for seed in model.seeds])
        columns = ("name", "vy", "vx", "mean", "deviation", "n")
        table = [columns, *rows(mean.radius, {name: (*pair, n) for name, pair in statistics.items()})]
        title = f"{model.label} lr {model.lr:g}: mean over {n} seed{'s' * (n > 1)}"
        write_files(folder, text, table, "heatmap", heatmap(model.study, model.cell, mean, title))

    means = {name: mean for name, (mean, _) in statistics.items()}
    return attach(tracker, f"model/{model.label}", text, named(means), write)


def ship_study(tracker: Tracker, models: Sequence[ModelVelocity]) -> bool:
    """All models' accuracies on V_0, V_1, V_2: table and curves."""
    text = as_json([model.document() for model in models])

    def write(folder: Path) -> None:
        columns = ("model", "lr", "velocities", "mean", "deviation", "n")
        table = [columns, *(row for model in models for row in drawn_rows(model))]
        write_files(folder, text, table, "curves", curves(models))

    return attach(tracker, "study", text, [], write)


def drawn_rows(model: ModelVelocity) -> Table:
    """A row for each V_k."""
    n = len(model.seeds)
    return [(model.label, model.lr, f"V{k}", *model.statistics[f"V{k}"], n) for k in RANGES]


def rows(radius: int, values: Mapping[str, Sequence[Any]]) -> Table:
    """A row for each V_k and each velocity: its name, vy and vx where it has them, and its values."""
    places = [("", "")] * len(RANGES) + [(vy, vx) for vy, vx in velocities_of(radius)]
    return [(name, *place, *line) for place, (name, line) in zip(places, values.items(), strict=True)]


def heatmap(study: Study, cell: Cell, found: VelocityAccuracy, title: str) -> Figure:
    """The heat-map with a title that says what it is of."""
    trained = cell.experiment.data.velocity_range
    lines = [title, f"trained on $V_{{{trained}}}$ (red box)", *marks(study)]
    return velocity_heatmap(found, trained, "\n".join(lines))


def curves(models: Sequence[ModelVelocity]) -> Figure:
    """The study's picture, after Figure 5 of the paper: a panel for each range that models were trained on."""
    study = models[0].study
    panels: dict[str, dict[str, Curve]] = {}
    for model in sorted(models, key=lambda one: one.training_range):
        panel = panels.setdefault(f"trained on $V_{{{model.training_range}}}$", {})
        panel[model.model] = model.curve()
    lines = [f"{study.name}; bars: sample standard deviation over seeds", *marks(study)]
    return velocity_curves(panels, "\n".join(lines))


def marks(study: Study) -> list[str]:
    """What must stand on every picture of data that compares with no published numbers."""
    demo = demo_mark(study.cells[0].experiment.data)
    return [text for text, applies in ((demo, study.demo), (PARTIAL, bool(study.partial))) if applies]


def as_json(document: Any) -> str:
    """The document as a file's text."""
    return json.dumps(document, indent=2) + "\n"


def write_files(folder: Path, text: str, table: Table, name: str, figure: Figure) -> None:
    """``velocity.json``, ``velocity.csv`` and the picture."""
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows(table)
    (folder / "velocity.json").write_text(text, encoding="utf-8")
    (folder / "velocity.csv").write_text(sink.getvalue(), encoding="utf-8")
    (folder / f"{name}.png").write_bytes(png(figure))


def named(values: Mapping[str, float]) -> list[Metric]:
    """The values as metrics VIEW/NAME."""
    return [Metric(f"{VIEW}/{name}", value, 0, 0) for name, value in values.items()]


def attach(
    tracker: Tracker,
    node: str,
    content: str,
    metrics: Sequence[Metric],
    write: Callable[[Path], None],
    view: str = VIEW,
) -> bool:
    """Put the files that ``write`` makes into the node's run's folder ``view``, and its ``metrics``; whether it did.

    It does not where the run shows this ``content`` already: a tag holds the digest of what was put there.
    """
    run, tag, digest = tracker.run(node), f"fernn.{view}", hashlib.sha256(content.encode()).hexdigest()
    if run.data.tags.get(tag) == digest:
        return False
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch))
        tracker.client.log_artifacts(run.info.run_id, scratch, view)
    now, known = int(time.time() * 1000), run.data.metrics
    fresh = [Metric(m.key, m.value, now, m.step) for m in metrics if m.step or known.get(m.key) != m.value]
    for first in range(0, len(fresh), METRICS_PER_BATCH):
        tracker.client.log_batch(run.info.run_id, metrics=fresh[first : first + METRICS_PER_BATCH])
    tracker.client.set_tag(run.info.run_id, tag, digest)
    return True
