"""The tables of a report: results, comparisons, equivariance and cost; scores of velocity fields and videos."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from fernn.equivariance import CIRCULAR, flow_of
from fernn.flows.field_symmetries import SHIFTS
from fernn.train.fields import DOMAIN, FieldScores
from fernn.train.task import Metric
from tune.analysis.literature import SSIM_REMARK
from tune.analysis.objectives import front, goal_name, goals
from tune.analysis.results import TITLES, Curves, Fields, ModelRow, frame_curves, seed_predictions
from tune.analysis.significance import against_published, best_on_test, comparisons, interval_over_persons
from tune.analysis.statistics import mean_and_deviation, verdict_rule
from tune.core.console import UNKNOWN, ReportTable, Row
from tune.core.result import Result
from tune.core.study import Study
from tune.reporting.derivatives import derivatives_table
from tune.reporting.formulas import formulas_table
from tune.reporting.roofline import roofline_table
from tune.reporting.table import Table, columns, imported_row_cells, row_cells, study_columns


def report_tables(table: Table) -> list[ReportTable]:
    """Every table of the report that has rows; the first is the study's own."""
    study, rows = table.study, table.rows
    tables = [results_table(table), *video_tables(table), *field_tables(table), *derivative_tables(table)]
    tables += [formulas_table(study, rows), *stochastic_tables(table), comparisons_table(rows), law_table(rows)]
    tables += [front_table(study, rows), cost_table(study, rows), roofline_table(study, rows)]
    return [table for table in tables if table.rows]


PUBLISHED = ("published", "source", "certainty", "difference", "verdict")


def results_table(table: Table) -> ReportTable:
    """The study's table, with intervals and published values."""
    metric, study = table.metric, table.study
    intervals = [interval_over_persons(study, row) for row in table.rows]
    has_persons = any(intervals)
    chosen = study_columns(study)
    header = [*columns(metric, chosen), *(["95 % over test persons"] if has_persons else [])]
    header += [] if table.obstacles else PUBLISHED
    rows: list[Row] = []
    for row, interval in zip(table.rows, intervals, strict=True):
        persons = [None if interval is None else _span(metric, interval)] if has_persons else []
        rows.append([*row_cells(row, chosen), *persons, *([] if table.obstacles else _published(table, row))])
    for imported in table.imported:
        cells = imported_row_cells(*imported, chosen)
        rows.append([*cells, *[None] * (len(header) - len(cells))])
    return ReportTable("table", f"Test {metric.title}", header, rows, _result_remarks(table, has_persons))


def _published(table: Table, row: ModelRow) -> list[str | None]:
    value = table.published(row)
    if value is None:
        return [None] * len(PUBLISHED)
    compared = against_published(row, value)
    span = "" if compared.interval is None else f" [{_span(row.metric, compared.interval)}]"
    difference = f"{compared.delta:+{row.metric.form}}{span}"
    return [f"{value.mean:g} ± {value.deviation:g}", value.source, value.certainty, difference, compared.verdict]


def _span(metric: Metric, interval: tuple[float, float]) -> str:
    return " to ".join(metric.text(value) for value in interval)


def _result_remarks(table: Table, has_persons: bool) -> list[str]:
    has_verdict = any(value.num_seeds for row in table.rows if (value := table.published(row)) is not None)
    remarks = [verdict_rule(table.metric)] if has_verdict else []
    if has_persons:
        remarks.append(
            "95 % over test persons: percentile bootstrap of the mean accuracy over seeds, whole persons resampled "
            "9,999 times; with few persons such intervals are too narrow."
        )
    best = [(row, *found) for row in table.rows if (found := best_on_test(row)) is not None]
    what = "choice made" if table.study.tuned else "learning rate chosen"
    if same := [row.label for row, choice, _ in best if choice == row.choice]:
        remarks.append(f"The {what} on validation is also the best on the test clips: {', '.join(same)}.")
    return remarks + [
        f"WARNING, {row.label}: {choice.words} is best on the test clips, with "
        f"{row.metric.text(test)}: {row.metric.text(abs(test - row.test))} better than the one chosen on validation. "
        "Choosing on test clips would seem to gain this much."
        for row, choice, test in best
        if choice != row.choice
    ]


def front_table(study: Study, rows: Sequence[ModelRow]) -> ReportTable:
    """Every choice on each row's Pareto front, without rows where the study has no objectives."""
    names = list(dict.fromkeys(map(goal_name, (*study.objectives, *study.constraints))))
    cells = [
        (row.label, choice.text, *(row.scores[choice].means[name] for name in names), "yes" * (choice == row.choice))
        for row in rows
        for choice in front(row.scores)
    ]
    remarks = [f"Reported: {goals(study)}"] if cells else []
    return ReportTable("front", "Pareto front", ("model", "choice", *names, "reported"), cells, remarks)


def comparisons_table(rows: Sequence[ModelRow]) -> ReportTable:
    """Every two models on equal seeds."""
    compared = comparisons(rows)
    header = ("models", "shared seeds", "mean difference", "p", "p (Holm)", "what the seeds can show")
    cells = [(f"{c.first} – {c.second}", c.num_pairs, c.gap, c.p, c.adjusted, c.advice) for c in compared]
    number = f"{len(compared)} comparisons are made" if len(compared) > 1 else "One comparison is made"
    remark = (
        f"{number} on the same test clips; p is of the two-sided permutation test of differences paired by seed (exact "
        "up to 14 seeds, of more 9,999 drawn signs), p (Holm) is adjusted for all comparisons of this table. Power: "
        f"80 % for the two-sided paired t-test at 0.05{f' / {len(compared)}' if len(compared) > 1 else ''}."
    )
    return ReportTable("comparisons", "Models compared, seed by seed", header, cells, [remark])


def law_table(rows: Sequence[ModelRow]) -> ReportTable:
    """The largest equivariance error over each row's seeds, by padding and precision."""
    measured = {row.label: (row, largest_errors(row)) for row in rows if follows_a_flow(row)}
    names = list(dict.fromkeys(name for _, errors in measured.values() for name in errors))
    header = ("model", *(name.replace("/", ", ") for name in names), "check of the best checkpoint")
    cells = [
        (label, *(errors.get(name) for name in names), check_text(row)) for label, (row, errors) in measured.items()
    ]
    remark = (
        "Largest equivariance error of the hidden states over seeds, relative to their largest value, on two "
        "validation clips at the corners of V. own: the network as trained; where it pads with zeros the law breaks at "
        "the border, which is reported and has no consequence. circular: the same weights with an embedding that wraps "
        "as the flow does; there the law must hold to rounding, else the checkpoint gets no alias “best”."
    )
    return ReportTable("law", "Flow equivariance, measured", header, cells, [remark])


def follows_a_flow(row: ModelRow) -> bool:
    """Whether the row's networks are flow equivariant by design, or their errors were measured."""
    measured = any(seed.law_errors for seed in row.chosen)
    if measured or row.experiment.model.is_own:
        return measured
    flow = flow_of(row.experiment.model.build())
    return flow is not None and len(flow.velocities) > 1


def check_text(row: ModelRow) -> str:
    """The check of the row's best checkpoint, and the other seeds that break the law."""
    best = next(seed for seed in row.chosen if seed.cell == row.best)
    others = [str(seed.cell.experiment.seed) for seed in row.chosen if seed is not best and seed.breaches]
    text = "; ".join(best.breaches) or ("holds" if best.law_errors else "not measured: of an earlier version")
    if best.law_errors and not any(name.startswith(CIRCULAR) for name in best.law_errors):
        text = "no check: its flow interpolates"
    return f"{text}; broken by seed {', '.join(others)}" if others else text


def largest_errors(row: ModelRow) -> dict[str, float]:
    """The row's equivariance errors by padding and precision, the largest over seeds."""
    largest: dict[str, float] = {}
    for seed in row.chosen:
        for name, error in seed.law_errors.items():
            largest[name] = float(np.maximum(largest.get(name, 0.0), error))  # np.maximum keeps NaN
    return largest


def cost_table(study: Study, rows: Sequence[ModelRow]) -> ReportTable:
    """Time and memory of each row's cells, over all choices and seeds."""
    header = ("model", "cells", "hours", "GPU-hours", "training clips/s", "peak memory (MB)", "machine")
    cells = [(row.label, *_cost(study, row)) for row in rows]
    remark = (
        "Training and validation of all finished cells, all learning rates; clips/s: median over epochs; GPU-hours: "
        "hours times the share of a GPU that a trial held; peak memory: the largest of the cells' last attempts."
    )
    return ReportTable("cost", "Time and memory", header, cells, [remark])


def _cost(study: Study, row: ModelRow) -> list[Any]:
    folders = [study.cell_folder(seed.cell) for seeds in row.by_choice.values() for seed in seeds]
    results = [folder.done() or Result() for folder in folders]
    hours = [result.seconds / 3600 for result in results]
    machines = [result.machine for result in results]
    held = [result.held("gpus") for result in results]
    rates = [e["time/clips_per_second"] for f in folders for e in f.history() if "time/clips_per_second" in e]
    peaks = [result.peak_memory_bytes for result in results if result.peak_memory_bytes is not None]
    return [
        len(results),
        sum(hours),
        None if None in held else sum(h * (share or 0.0) for h, share in zip(hours, held, strict=True)),
        median(rates) if rates else None,
        max(peaks) / 1e6 if peaks else None,
        ", ".join(dict.fromkeys(machine.get("gpu") or machine.get("cpu") or UNKNOWN for machine in machines)),
    ]


SETS = {
    "": "later in time", f"{DOMAIN}_": "other tiles", "um_": "uniform motion", "mag_": "magnitude", "rot_": "rotation",
    "scale_": "scale",
}  # fmt: skip
"""Test sets by the prefix of their metrics."""
ERRORS = {
    "rmse": "Test RMSE", "ese": "Energy spectrum error", "velocity_rmse": "Test RMSE of the velocity, m/s",
    "temperature_rmse": "Test RMSE of the temperature, K",
}  # fmt: skip
assert {name.rstrip("_") for name in SETS} == {"", DOMAIN, *SHIFTS}


def field_tables(table: Table) -> list[ReportTable]:
    """The tables of a study of velocity fields, empty for other studies."""
    fields = seed_predictions(table.study, table.rows, FieldScores)
    have = {name for scores in fields.values() for name in scores[0].metrics()}
    return (
        [*(shifts_table(fields, name) for name in ERRORS if name in have), *literature_tables(table)] if fields else []
    )


def shifts_table(fields: Fields, metric: str) -> ReportTable:
    """One of :data:`ERRORS` of every model on every test set, mean ± deviation over seeds."""
    values = {label: [seed.metrics() for seed in scores] for label, scores in fields.items()}
    names = {name for seeds in values.values() for seed in seeds for name in seed}
    sets = {prefix: title for prefix, title in SETS.items() if f"{prefix}{metric}" in names}
    rows = [
        (label, *(_spread([seed[f"{prefix}{metric}"] for seed in seeds]) for prefix in sets))
        for label, seeds in values.items()
    ]
    remark = (
        "Mean ± sample standard deviation over seeds, at the learning rate chosen on validation. Every shift is of the "
        "windows later in time, with parameters from named seeds, the same for all models: uniform motion up to two "
        "standard deviations of the training frames for each component, magnitude from 0 to 2, quarter turns, scale "
        "from 1 to 5. Other tiles: regions of which there is no training window."
    )
    title = f"{ERRORS[metric]}, as it is and shifted"
    return ReportTable(metric.replace("_", "-"), title, ("model", *sets.values()), rows, [remark])


def _spread(values: Sequence[float]) -> str:
    mean, deviation = mean_and_deviation(values)
    return f"{mean:.3g}" + ("" if deviation is None else f" ± {deviation:.2g}")


def video_tables(table: Table) -> list[ReportTable]:
    """The tables of a study that predicts videos, empty for other studies."""
    curves = frame_curves(table.study, table.rows)
    return [scores_table(curves), frames_table(curves), *literature_tables(table)] if curves else []


def scores_table(curves: Curves) -> ReportTable:
    """Every score on the test clips, mean and sample standard deviation over the choice's seeds."""
    header = ["model", "n", *(column for title in TITLES.values() for column in (title, "±"))]
    rows: list[Row] = []
    for label, scores in curves.items():
        pairs = [mean_and_deviation(values.mean(axis=1).tolist()) for values in scores.values()]
        rows.append([label, len(scores["mse"]), *(value for pair in pairs for value in pair)])
    return ReportTable("scores", "Scores of predicted frames, test clips", header, rows, [SSIM_REMARK])


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


def stochastic_tables(table: Table) -> list[ReportTable]:
    """The published table beside a study that predicts frames with draws of a latent variable, empty for others."""
    is_stochastic = bool(table.rows) and table.rows[0].experiment.data.task == "stochastic"
    return literature_tables(table) if is_stochastic else []


def derivative_tables(table: Table) -> list[ReportTable]:
    """The tables of a study whose models predict derivatives, empty for other studies."""
    own = derivatives_table(table.study, table.rows)
    return [own, *literature_tables(table)] if own.rows else []


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
