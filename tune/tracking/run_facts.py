"""A study and its cells as MLflow's tags, data sets, parameters, metrics and descriptions."""

import json
from collections.abc import Sequence

from mlflow.entities import Dataset, Metric, Param

from fernn.train.loop import Row
from tune.analysis.report_table import bullets, grid
from tune.analysis.results import ModelRow
from tune.core.console import masked
from tune.core.study import Cell, Study
from tune.reporting.table import columns, law_breaches, mark_lines, notes, row_cells
from tune.tracking.ui_views import CURVES, MARKS, MODELS, route


def mark_tags(study: Study) -> dict[str, str]:
    """The tags of every run with the marks of the study."""
    tags = {"fernn.demo": str(study.demo), "fernn.partial": str(bool(study.partial))}
    tags |= {"fernn.stand_in": study.stand_in} if study.stand_in else {}
    lines = mark_lines(study)
    return tags | ({MARKS: "; ".join(lines)} if lines else {})


def dataset(study: Study, cell: Cell) -> Dataset:
    """MLflow's entry of the data set: its name, the beginning of its hash, and its place."""
    source = json.dumps({"uri": masked(study.data)})
    return Dataset(cell.experiment.data.name, cell.data_hash[:12], "local", source)


def params(cell: Cell) -> list[Param]:
    """Every field of the experiment, and everything else that decides the result."""
    config = cell.config()
    flat = config.pop("experiment") | config | {"key": cell.key}
    return [Param(name, value if isinstance(value, str) else json.dumps(value)) for name, value in flat.items()]


def metrics(row: Row) -> list[Metric]:
    """A row as MLflow's metrics: the epoch is the step, the row's own time the timestamp."""
    step, stamp = int(row["epoch"]), int(row["time/recorded_at"] * 1000)
    return [
        Metric(name, value, stamp, step) for name, value in row.items() if name not in ("epoch", "time/recorded_at")
    ]


def study_note(study: Study, rows: Sequence[ModelRow], experiment_id: str) -> str:
    """The experiment's description: marks, the searched fields, links to its views, the table and its remarks."""
    models, curves = (route(experiment_id, view) for view in (MODELS, CURVES))
    parts = [
        *(f"**{mark}**" for mark in mark_lines(study)),
        searched(study),
        f"[Table of the models, mean ± deviation]({models}) · [Training curves by model]({curves})",
        grid(columns(study.metric), [row_cells(row) for row in rows]) if rows else "",
        bullets([*notes(study), *law_breaches(rows)]),
    ]
    return "\n\n".join(filter(None, parts))


def searched(study: Study) -> str:
    """The searched fields and the number of finished cells, in a sentence."""
    sizes = ", ".join(f"{len(values)} × {name}" for name, values in study.space.items())
    done = len(study.cells) - len(study.missing())
    return f"Study `{study.name}`: {sizes}; {done} of {len(study.cells)} cells are done."


def model_note(study: Study, row: ModelRow) -> str:
    """The description of a model's run, and of the model in the registry."""
    return "\n\n".join([*(f"**{mark}**" for mark in mark_lines(study)), row.sentence()])
