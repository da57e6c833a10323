"""What MLflow's pages show of a study without any clicking: two saved views, and the links that open them.

MLflow keeps a saved view as a tag of the experiment: a name, times, and the state of the page as JSON. Its menu
"Views" lists them. The models' view is a table with mean ± deviation; the curves' view is a page of charts, in which
a line is a model at its chosen learning rate, the mean over the seeds of that.
"""

import json
from collections.abc import Sequence
from typing import Any

from fernn.train.metric import ACCURACY, Metric
from tune.analysis.results import ModelRow
from tune.core.study import Cell, Study
from tune.reporting.table import marks
from tune.tracking.run_tree import NODE

MODELS, CURVES = "models", "curves"
"""The views, by the name that a link has them under."""
TAG = "mlflow.sharedViewState."
"""What the tag of a saved view begins with."""
LINE = "model and learning rate"
"""The tag that says to which line a cell's curves belong."""
CHOSEN = "chosen"
"""The tag of the cells whose learning rate is the one that the table reports."""
MARKS = "marks"
"""The tag that says why a run's numbers compare with no published ones."""
COLLAPSED = (
    "best", "best/test", "best/validation", "equivariance_error/circular", "equivariance_error/own", "length", "time",
    "train", "validation", "velocity",
)  # fmt: skip
"""Beginnings of metrics' names, whose charts stand below the first ones, closed."""
BLANK = "\u00a0"
NUM_COLORS = 29
"""Of MLflow's palette."""
FIRST = "first"
"""The section of the first charts."""
LOCAL_PAGES = "http://127.0.0.1:5000"
"""Where ``mlflow ui`` answers unless it is told otherwise."""


def links(tracking_uri: str, experiment_id: str) -> dict[str, str]:
    """The address of each view."""
    pages = tracking_uri.rstrip("/") if tracking_uri.startswith("http") else LOCAL_PAGES
    return {view: f"{pages}/{route(experiment_id, view)}" for view in (MODELS, CURVES)}


def route(experiment_id: str, view: str) -> str:
    """The part of a view's address that is the same on every server."""
    mode = "&compareRunsMode=CHART" if view == CURVES else ""
    return f"#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={view}{mode}"


def line_of(study: Study, cell: Cell) -> str:
    """To which line the cell's curves belong."""
    return f"{study.model_label(cell)} · lr{cell.experiment.optim.lr:g}"


def lines(study: Study, rows: Sequence[ModelRow]) -> dict[str, str]:
    """What each line is called, the table's lines first: with blanks at the end until its color is its own.

    MLflow draws a line in a color that follows from its name, and in one of few: two names often share theirs.
    """
    found: dict[str, str] = {}
    taken: set[int] = set()
    for line in [line_of(study, cell) for cell in (*(row.best for row in rows), *study.cells)]:
        if line not in found:
            names = [line + BLANK * number for number in range(NUM_COLORS)]
            found[line] = next((name for name in names if color(name) not in taken), line)
            taken.add(color(found[line]))
    return found


def color(line: str) -> int:
    """Which of its colors MLflow 3.17 draws the line in: a Fletcher checksum of the name of its group."""
    low = high = 0
    for letter in f"tag.{LINE}.{line}":
        low = (low + ord(letter)) % 255
        high = (high + low) % 255
    return (low | high << 8) % NUM_COLORS


def spread_tag(metric: Metric) -> str:
    """The tag that has a model's test result as mean ± deviation."""
    return f"test {metric.name}"


def view_tags(study: Study, rows: Sequence[ModelRow], stamp: int) -> dict[str, str]:
    """The experiment's tags that are the views; ``stamp``: when the last cell was finished, in milliseconds."""
    mark = f" ({marks(study)})" if marks(study) else ""
    views = {
        MODELS: (f"Models, test {study.metric.title}: mean ± deviation{mark}", models_state(study), stamp + 1),
        CURVES: (f"Training curves by model{mark}", curves_state(study, rows), stamp),
    }
    return {
        f"{TAG}{view}": json.dumps({"name": name, "createdAt": when, "updatedAt": when, "state": json.dumps(state)})
        for view, (name, state, when) in views.items()
    }


def models_state(study: Study) -> dict[str, Any]:
    """A table of the models' runs, the best first."""
    name = study.metric.name
    widths = {f"tags.`{spread_tag(study.metric)}`": 130} | ({f"tags.`{MARKS}`": 75} if marks(study) else {})
    numbers = {"num_seeds": 90, "lr": 70, f"test/{name}_mean": 140, f"test/{name}_deviation": 160}
    widths |= {f"metrics.`{one}`": width for one, width in numbers.items()}
    return {
        "searchFilter": f"tags.`{NODE}` LIKE 'model/%'",
        **best_first(f"test/{name}_mean", study.metric),
        "selectedColumns": list(widths),
        "columnOrder": list(widths),
        "columnWidths": widths,
    }


def best_first(name: str, metric: Metric) -> dict[str, Any]:
    """The order of the runs; as it is not that of their creation, it brings no runs from above them in."""
    return {"orderByKey": f"metrics.`{name}`", "orderByAsc": not metric.higher_is_better}


def curves_state(study: Study, rows: Sequence[ModelRow]) -> dict[str, Any]:
    """Charts with a line for each row of the table; before there is one, for each model and learning rate."""
    named = lines(study, rows)
    names = [named[line_of(study, row.best)] for row in rows] or list(named.values())
    closed = [{"uuid": one, "name": one, "display": False, "isReordered": False} for one in COLLAPSED]
    return {
        "searchFilter": f"tags.`{CHOSEN}` = 'True'" if rows else f"tags.`{NODE}` LIKE 'cell/%'",
        **best_first(f"best/test/{study.metric.name}", study.metric),
        "groupBy": {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": LINE}]},
        "groupsExpanded": {f"tag.{LINE}.{name}": False for name in names},
        "useGroupedValuesInCharts": True,
        "runsHiddenMode": "SHOW_ALL",
        "runListHidden": True,  # the charts' legends name the lines
        "selectedColumns": [f"metrics.`best/test/{study.metric.name}`"],
        "isAccordionReordered": True,  # else sections stand in the order of their names
        "compareRunSections": [
            {"uuid": FIRST, "name": section_name(study), "display": True, "isReordered": False, "columns": 2},
            *closed,
        ],
        "compareRunCharts": charts(study),
    }


def section_name(study: Study) -> str:
    """What stands above the first charts."""
    return " · ".join(filter(None, [marks(study), "mean over seeds, band: min to max"]))


def charts(study: Study) -> list[dict[str, Any]]:
    """The first charts: the metric on validation clips by epoch, its test value at the best epoch, the loss by epoch.

    MLflow's page of runs gives each the metric's name for a title.
    """
    name, scale = study.metric.name, "linear" if study.metric == ACCURACY else "log"
    return [line_chart(f"validation/{name}", scale), chart("BAR", f"best/test/{name}"), line_chart("train/loss", scale)]


def line_chart(metric: str, scale: str) -> dict[str, Any]:
    """A metric by epoch."""
    axes = {"scaleType": scale, "xAxisScaleType": "linear", "xAxisKey": "step", "yAxisKey": "metric"}
    rest = {"selectedXAxisMetricKey": "", "yAxisExpressions": [], "range": {}, "lineSmoothness": 0}
    own = {"useGlobalXaxisKey": False, "useGlobalLineSmoothing": False, "ignoreOutliers": False, "displayPoints": True}
    return chart("LINE", metric) | axes | rest | own


def chart(kind: str, metric: str) -> dict[str, Any]:
    """What every chart says."""
    place = {"metricSectionId": FIRST, "deleted": False, "isGenerated": False, "runsCountToCompare": 20}
    return {"uuid": metric, "type": kind, "metricKey": metric} | place
