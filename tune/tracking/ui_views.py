"""What MLflow's pages show of a study: tags, descriptions, two saved views, and the links that open them.

MLflow keeps a saved view as a tag of the experiment: a name, times, and the state of the page as JSON. Its menu
"Views" lists them. The models' view is a table with mean ± deviation; the curves' view is a page of charts, in which
a line is a model at its choice of a learning rate, the mean over the seeds of that.
"""

import json
from collections.abc import Sequence
from typing import Any

from fernn.train.task import ACCURACY, Metric
from tune.analysis.results import ModelRow
from tune.core.choice import last_part
from tune.core.console import bullets, grid
from tune.core.study import Cell, Study
from tune.reporting.table import columns, law_breaches, mark_lines, marks, notes, row_cells, study_columns
from tune.tracking.run_tree import NODE, choice_name

MODELS, CURVES = "models", "curves"
"""The names of the views in links."""
LINE = "model and learning rate"
"""The tag with the line of a cell's curves."""
CHOSEN = "chosen"
"""The tag of the cells whose learning rate is the one that the table reports."""
MARKS = "marks"
"""The tag with the reasons why a run's numbers do not compare with published ones."""
COLLAPSED = (
    "best", "best/test", "best/validation", "equivariance_error/circular", "equivariance_error/own", "length", "time",
    "train", "validation", "velocity",
)  # fmt: skip
"""Prefixes of metrics, whose sections of charts are below the first ones and closed."""
BLANK = "\u00a0"
NUM_COLORS = 29
"""The number of colors in MLflow's palette."""
FIRST = "first"
"""The section of the first charts."""


def links(tracking_uri: str, experiment_id: str) -> dict[str, str]:
    """The address of each view; of a database in the pages that ``mlflow ui`` serves by default."""
    pages = tracking_uri.rstrip("/") if tracking_uri.startswith("http") else "http://127.0.0.1:5000"
    return {view: f"{pages}/{route(experiment_id, view)}" for view in (MODELS, CURVES)}


def route(experiment_id: str, view: str) -> str:
    """The part of a view's address that is the same on every server."""
    mode = "&compareRunsMode=CHART" if view == CURVES else ""
    return f"#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={view}{mode}"


def line_of(study: Study, cell: Cell) -> str:
    """The line of the cell's curves."""
    return f"{study.model_label(cell)} · {choice_name(study.choice(cell))}"


def lines(study: Study, rows: Sequence[ModelRow]) -> dict[str, str]:
    """The name of each line, the table's lines first, with blanks at the end that give it a color of its own.

    MLflow chooses one of few colors by the name, so that two names often share one.
    """
    named: dict[str, str] = {}
    taken: set[int] = set()
    for cell in (*(row.best for row in rows), *study.cells):
        if (line := line_of(study, cell)) not in named:
            padded = (line + BLANK * number for number in range(NUM_COLORS))
            named[line] = next((name for name in padded if color(name) not in taken), line)
            taken.add(color(named[line]))
    return named


def color(line: str) -> int:
    """The color of a line in MLflow 3.17: a Fletcher checksum of the name of its group."""
    low = high = 0
    for letter in f"tag.{LINE}.{line}":
        low = (low + ord(letter)) % 255
        high = (high + low) % 255
    return (low | high << 8) % NUM_COLORS


def view_tags(study: Study, rows: Sequence[ModelRow], stamp: int) -> dict[str, str]:
    """The experiment's tags for the views; ``stamp`` is the time of the last finished cell, in milliseconds."""
    mark = f" ({marks(study)})" if marks(study) else ""
    views = {
        MODELS: (f"Models, test {study.metric.title}: mean ± deviation{mark}", models_state(study), stamp + 1),
        CURVES: (f"Training curves by model{mark}", curves_state(study, rows), stamp),
    }
    return {
        f"mlflow.sharedViewState.{view}": json.dumps(
            {"name": name, "createdAt": when, "updatedAt": when, "state": json.dumps(state)}
        )
        for view, (name, state, when) in views.items()
    }


def models_state(study: Study) -> dict[str, Any]:
    """A table of the models' runs, the best first."""
    name = study.metric.name
    widths = {f"tags.`test {name}`": 130} | ({f"tags.`{MARKS}`": 75} if marks(study) else {})
    chosen = {name: 70 for name in ("lr", *map(last_part, study.tuned))}
    numbers = {"num_seeds": 90, **chosen, f"test/{name}_mean": 140, f"test/{name}_deviation": 160}
    widths |= {f"metrics.`{number}`": width for number, width in numbers.items()}
    return {
        "searchFilter": f"tags.`{NODE}` LIKE 'model/%'",
        **best_first(f"test/{name}_mean", study.metric),
        "selectedColumns": list(widths),
        "columnOrder": list(widths),
        "columnWidths": widths,
    }


def best_first(name: str, metric: Metric) -> dict[str, Any]:
    """The order of the runs. MLflow adds parent runs only where the order is that of creation."""
    return {"orderByKey": f"metrics.`{name}`", "orderByAsc": not metric.higher_is_better}


def curves_state(study: Study, rows: Sequence[ModelRow]) -> dict[str, Any]:
    """Charts with a line for each row of the table, or where there is no row yet, for each model and learning rate.

    They show the metric on validation clips by epoch, its test value at the best epoch, and the loss by epoch. MLflow's
    page titles each with the metric's name.
    """
    named, name, scale = lines(study, rows), study.metric.name, "linear" if study.metric == ACCURACY else "log"
    shown = [named[line_of(study, row.best)] for row in rows] or list(named.values())
    title = " · ".join(filter(None, [marks(study), "mean over seeds, band: min to max"]))
    section = {"uuid": FIRST, "name": title, "display": True, "isReordered": False, "columns": 2}
    closed = [{"uuid": group, "name": group, "display": False, "isReordered": False} for group in COLLAPSED]
    curve, test, loss = f"validation/{name}", f"best/test/{name}", "train/loss"
    return {
        "searchFilter": f"tags.`{CHOSEN}` = 'True'" if rows else f"tags.`{NODE}` LIKE 'cell/%'",
        **best_first(test, study.metric),
        "groupBy": {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": LINE}]},
        "groupsExpanded": {f"tag.{LINE}.{line}": False for line in shown},
        "useGroupedValuesInCharts": True,
        "runsHiddenMode": "SHOW_ALL",
        "runListHidden": True,  # the charts' legends name the lines
        "selectedColumns": [f"metrics.`{test}`"],
        "isAccordionReordered": True,  # else sections stand in the order of their names
        "compareRunSections": [section, *closed],
        "compareRunCharts": [line_chart(curve, scale), chart("BAR", test), line_chart(loss, scale)],
    }


def line_chart(metric: str, scale: str) -> dict[str, Any]:
    """A metric by epoch."""
    axes = {"scaleType": scale, "xAxisScaleType": "linear", "xAxisKey": "step", "yAxisKey": "metric"}
    rest = {"selectedXAxisMetricKey": "", "yAxisExpressions": [], "range": {}, "lineSmoothness": 0}
    own = {"useGlobalXaxisKey": False, "useGlobalLineSmoothing": False, "ignoreOutliers": False, "displayPoints": True}
    return chart("LINE", metric) | axes | rest | own


def chart(kind: str, metric: str) -> dict[str, Any]:
    """The settings that every chart has."""
    place = {"metricSectionId": FIRST, "deleted": False, "isGenerated": False, "runsCountToCompare": 20}
    return {"uuid": metric, "type": kind, "metricKey": metric} | place


def mark_tags(study: Study) -> dict[str, str]:
    """The tags of every run with the marks of the study."""
    tags = {"fernn.demo": str(study.demo), "fernn.partial": str(bool(study.partial))}
    tags |= {"fernn.stand_in": study.stand_in} if study.stand_in else {}
    lines = mark_lines(study)
    return tags | ({MARKS: "; ".join(lines)} if lines else {})


def study_note(study: Study, rows: Sequence[ModelRow], experiment_id: str) -> str:
    """The experiment's description: marks, the searched fields, links to its views, the table and its remarks."""
    models, curves = (route(experiment_id, view) for view in (MODELS, CURVES))
    sizes = ", ".join(f"{len(values)} × {name}" for name, values in study.space.items())
    chosen = study_columns(study)
    num_done = len(study.cells) - len(study.missing())
    parts = [
        *(f"**{mark}**" for mark in mark_lines(study)),
        f"Study `{study.name}`: {sizes}; {num_done} of {len(study.cells)} cells are done.",
        f"[Table of the models, mean ± deviation]({models}) · [Training curves by model]({curves})",
        grid(columns(study.metric, chosen), [row_cells(row, chosen) for row in rows]) if rows else "",
        bullets([*notes(study), *law_breaches(rows)]),
    ]
    return "\n\n".join(filter(None, parts))


def model_note(study: Study, row: ModelRow) -> str:
    """The description of a model's run, and of the model in the registry."""
    return "\n\n".join([*(f"**{mark}**" for mark in mark_lines(study)), row.sentence()])
