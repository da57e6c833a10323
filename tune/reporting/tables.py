"""The tables of a report."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from fernn.equivariance.trained import CIRCULAR, flow_of
from fernn.train.metric import Metric
from tune.analysis.results import ModelRow
from tune.analysis.sheet import Line, Sheet
from tune.analysis.significance import against_published, comparisons, interval_over_persons, temptation
from tune.analysis.statistics import verdict_rule
from tune.core.result import Result
from tune.core.study import Study
from tune.reporting.system_tables import field_sheets, video_sheets
from tune.reporting.table import Table, columns, imported_row_cells, row_cells


def sheets(table: Table) -> list[Sheet]:
    """Every table that there is something to say in."""
    study, rows = table.study, table.rows
    found = [results_sheet(table), *video_sheets(table), *field_sheets(study, rows)]
    found += [comparisons_sheet(rows), law_sheet(rows), cost_sheet(study, rows)]
    return [sheet for sheet in found if sheet.lines]


PUBLISHED = ("published", "source", "certainty", "difference", "verdict")


def results_sheet(table: Table) -> Sheet:
    """The study's table, with what its numbers can bear."""
    metric, study = table.metric, table.study
    intervals = [interval_over_persons(study, row) for row in table.rows]
    has_persons = any(intervals)
    header = [*columns(metric), *(["95 % over test persons"] if has_persons else [])]
    header += [] if table.obstacles else PUBLISHED
    lines: list[Line] = []
    for row, interval in zip(table.rows, intervals, strict=True):
        persons = [None if interval is None else _span(metric, interval)] if has_persons else []
        lines.append([*row_cells(row), *persons, *([] if table.obstacles else _published(table, row))])
    for one in table.imported:
        cells = imported_row_cells(*one)
        lines.append([*cells, *[None] * (len(header) - len(cells))])
    return Sheet("table", f"Test {metric.title}", header, lines, _result_remarks(table, has_persons))


def _published(table: Table, row: ModelRow) -> list[str | None]:
    known = table.published(row)
    if known is None:
        return [None] * len(PUBLISHED)
    found = against_published(row, known)
    span = "" if found.interval is None else f" [{_span(row.metric, found.interval)}]"
    difference = f"{found.delta:+{row.metric.form}}{span}"
    return [f"{known.mean:g} ± {known.deviation:g}", known.source, known.certainty, difference, found.verdict]


def _span(metric: Metric, interval: tuple[float, float]) -> str:
    return " to ".join(metric.text(value) for value in interval)


def _result_remarks(table: Table, has_persons: bool) -> list[str]:
    has_verdict = any(known.num_seeds for row in table.rows if (known := table.published(row)) is not None)
    found = [verdict_rule(table.metric)] if has_verdict else []
    if has_persons:
        found.append(
            "95 % over test persons: percentile bootstrap of the mean accuracy over seeds, whole persons drawn anew "
            "(9,999 times); with few persons such intervals are rather too narrow."
        )
    gains = [(row, gain) for row in table.rows if (gain := temptation(row)) is not None]
    none = [row.label for row, gain in gains if gain.gain == 0]
    if none:
        found.append(f"The learning rate chosen on validation is the best on the test clips, too: {', '.join(none)}.")
    for row, gain in [(row, gain) for row, gain in gains if gain.gain > 0]:
        found.append(
            f"WARNING, {row.label}: learning rate {gain.lr:g} is best on the test clips, with "
            f"{row.metric.text(gain.test)}: {row.metric.text(gain.gain)} better than the one chosen on validation. "
            "That is what choosing on test clips would seem to gain."
        )
    return found


def comparisons_sheet(rows: Sequence[ModelRow]) -> Sheet:
    """Every two models on equal seeds."""
    found = comparisons(rows)
    header = ("models", "shared seeds", "mean difference", "p", "p (Holm)", "what the seeds can show")
    lines = [(f"{c.first} – {c.second}", c.num_pairs, c.gap, c.p, c.adjusted, c.advice) for c in found]
    number = f"{len(found)} comparisons are made" if len(found) > 1 else "One comparison is made"
    remark = (
        f"{number} on the same test clips; p is of the two-sided permutation test of differences paired by seed (exact "
        "up to 14 seeds, of more 9,999 drawn signs), p (Holm) is adjusted for all comparisons of this table. Power: "
        f"80 % for the two-sided paired t-test at 0.05{f' / {len(found)}' if len(found) > 1 else ''}."
    )
    return Sheet("comparisons", "Models compared, seed by seed", header, lines, [remark])


def law_sheet(rows: Sequence[ModelRow]) -> Sheet:
    """The largest equivariance error over each row's seeds, by padding and precision."""
    measured = {row.label: (row, largest_errors(row)) for row in rows if follows_a_flow(row)}
    names = list(dict.fromkeys(name for _, errors in measured.values() for name in errors))
    header = ("model", *(name.replace("/", ", ") for name in names), "gate of the best checkpoint")
    lines = [
        (label, *(errors.get(name) for name in names), gate_text(row)) for label, (row, errors) in measured.items()
    ]
    remark = (
        "Largest error over seeds by which the hidden states miss the law, relative to their largest value, on two "
        "validation clips at the corners of V. own: the network as trained; where it pads with zeros the law breaks at "
        "the border, which is reported and held against nobody. circular: the same weights where the embedding wraps "
        "as the flow does; there the law must hold to rounding, else the checkpoint gets no alias “best”."
    )
    return Sheet("law", "Flow equivariance, measured", header, lines, [remark])


def follows_a_flow(row: ModelRow) -> bool:
    """Whether the row's networks have a law to keep; a network that was measured has."""
    measured = any(one.law_errors for one in row.chosen)
    if measured or row.experiment.model.is_own:
        return measured
    flow = flow_of(row.experiment.model.build())
    return flow is not None and len(flow.velocities) > 1


def gate_text(row: ModelRow) -> str:
    """What the gate says of the row's best checkpoint, and of other seeds that break the law."""
    best = next(one for one in row.chosen if one.cell == row.best)
    others = [str(one.cell.experiment.seed) for one in row.chosen if one is not best and one.breaches]
    said = "; ".join(best.breaches) or ("holds" if best.law_errors else "not measured: of an earlier version")
    if best.law_errors and not any(name.startswith(CIRCULAR) for name in best.law_errors):
        said = "no gate: its flow interpolates"
    return f"{said}; broken by seed {', '.join(others)}" if others else said


def largest_errors(row: ModelRow) -> dict[str, float]:
    """The row's equivariance errors by padding and precision, the largest over seeds."""
    found: dict[str, float] = {}
    for one in row.chosen:
        for name, error in one.law_errors.items():
            found[name] = float(np.maximum(found.get(name, 0.0), error))  # which keeps what is no number
    return found


def cost_sheet(study: Study, rows: Sequence[ModelRow]) -> Sheet:
    """What each row's cells took, all learning rates and seeds."""
    header = ("model", "cells", "hours", "GPU-hours", "training clips/s", "peak memory (MB)", "machine")
    lines = [(row.label, *_cost(study, row)) for row in rows]
    remark = (
        "Training and validation of all finished cells, all learning rates; clips/s: median over epochs; GPU-hours: "
        "hours times the share of a GPU that a trial held; peak memory: of the last attempt of a cell, the largest."
    )
    return Sheet("cost", "What it took", header, lines, [remark])


def _cost(study: Study, row: ModelRow) -> list[Any]:
    folders = [study.cell_folder(one.cell) for ones in row.by_lr.values() for one in ones]
    done = [folder.done() or Result() for folder in folders]
    hours = [one.seconds / 3600 for one in done]
    machines = [one.machine for one in done]
    held = [one.held("gpus") for one in done]
    rates = [e["time/clips_per_second"] for f in folders for e in f.history() if "time/clips_per_second" in e]
    peaks = [one.peak_memory_bytes for one in done if one.peak_memory_bytes is not None]
    return [
        len(done),
        sum(hours),
        None if None in held else sum(h * (share or 0.0) for h, share in zip(hours, held, strict=True)),
        median(rates) if rates else None,
        max(peaks) / 1e6 if peaks else None,
        ", ".join(dict.fromkeys(machine.get("gpu") or machine.get("cpu") or "not recorded" for machine in machines)),
    ]
