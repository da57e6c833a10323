"""Tables of scores: velocity fields and videos, beside what is published of them."""

from collections.abc import Sequence
from dataclasses import replace

from fernn.flows.field_symmetries import SHIFTS
from fernn.train.fields import DOMAIN
from tune.analysis.literature import RANGE
from tune.analysis.results import TITLES, Curves, Fields, field_scores, frame_curves
from tune.analysis.statistics import mean_and_deviation
from tune.core.console import ReportTable, Row
from tune.reporting.table import Table

SETS = {
    "": "later in time", f"{DOMAIN}_": "other tiles", "um_": "uniform motion", "mag_": "magnitude", "rot_": "rotation",
    "scale_": "scale",
}  # fmt: skip
"""Test sets by the prefix of their metrics."""
assert {name.rstrip("_") for name in SETS} == {"", DOMAIN, *SHIFTS}


def field_tables(table: Table) -> list[ReportTable]:
    """The tables of a study of velocity fields, empty for other studies."""
    fields = field_scores(table.study, table.rows)
    return [shifts_table(fields, "rmse"), shifts_table(fields, "ese"), *literature_tables(table)] if fields else []


def shifts_table(fields: Fields, metric: str) -> ReportTable:
    """RMSE or ESE of every model on every test set, mean ± deviation over seeds."""
    values = {label: [seed.metrics() for seed in scores] for label, scores in fields.items()}
    names = {name for seeds in values.values() for seed in seeds for name in seed}
    sets = {prefix: title for prefix, title in SETS.items() if f"{prefix}{metric}" in names}
    rows = [
        (label, *(_spread([seed[f"{prefix}{metric}"] for seed in seeds]) for prefix in sets))
        for label, seeds in values.items()
    ]
    title = "Test RMSE, as it is and shifted" if metric == "rmse" else "Energy spectrum error, as it is and shifted"
    remark = (
        "Mean ± sample standard deviation over seeds, at the learning rate chosen on validation. Every shift is of the "
        "windows later in time, with parameters from named seeds, the same for all models: uniform motion up to two "
        "standard deviations of the training frames for each component, magnitude from 0 to 2, quarter turns, scale "
        "from 1 to 5. Other tiles: regions of which there is no training window."
    )
    return ReportTable(metric, title, ("model", *sets.values()), rows, [remark])


def _spread(values: Sequence[float]) -> str:
    mean, deviation = mean_and_deviation(values)
    return f"{mean:.3g}" + ("" if deviation is None else f" ± {deviation:.2g}")


def video_tables(table: Table) -> list[ReportTable]:
    """The tables of a study that predicts videos, empty for other studies."""
    curves = frame_curves(table.study, table.rows)
    return [scores_table(curves), frames_table(curves), *literature_tables(table)] if curves else []


def scores_table(curves: Curves) -> ReportTable:
    """Every score on the test clips, mean and sample standard deviation over the chosen learning rate's seeds."""
    header = ["model", "n", *(column for title in TITLES.values() for column in (title, "±"))]
    rows: list[Row] = []
    for label, scores in curves.items():
        pairs = [mean_and_deviation(values.mean(axis=1).tolist()) for values in scores.values()]
        rows.append([label, len(scores["mse"]), *(value for pair in pairs for value in pair)])
    return ReportTable("scores", "Scores of predicted frames, test clips", header, rows, [RANGE])


def frames_table(curves: Curves) -> ReportTable:
    """Every score by predicted frame, means over clips and seeds."""
    horizon = next(iter(curves.values()))["mse"].shape[1]
    rows = [
        (label, TITLES[name], *values.mean(axis=0).tolist())
        for label, scores in curves.items()
        for name, values in scores.items()
    ]
    header = ("model", "score", *(f"frame {number}" for number in range(1, horizon + 1)))
    return ReportTable("frames", "Scores by predicted frame, test clips", header, rows)


def literature_tables(table: Table) -> list[ReportTable]:
    """The published table that the search declares for its data set."""
    study, search = table.study, table.search
    published = None if search is None else search.literature
    if search is None or published is None or study.cells[0].experiment.data.name != search.base.data.name:
        return []
    if not published.needs_real_data:
        return [published]
    if study.demo or study.stand_in or study.partial:
        return []
    departures = [f"This study departs from the published setting: {'; '.join(table.obstacles)}."]
    return [replace(published, remarks=[*published.remarks, *(departures if table.obstacles else [])])]
