"""Tables of systems that have scores of their own: velocity fields and videos, beside what is published of them."""

from collections.abc import Sequence
from dataclasses import astuple

from fernn.flows.field_symmetries import SHIFTS
from fernn.train.fields import DOMAIN, FieldScores
from tune.analysis.literature import CONVECTION, NOTES, OCEAN, RANGE, REPORTED, Value
from tune.analysis.results import ModelRow
from tune.analysis.scores import TITLES, Curves, frame_curves, scores_of
from tune.analysis.sheet import Line, Sheet
from tune.analysis.statistics import mean_and_deviation
from tune.core.study import Study
from tune.reporting.table import Table

SETS = {
    "": "later in time", f"{DOMAIN}_": "other tiles", "um_": "uniform motion", "mag_": "magnitude", "rot_": "rotation",
    "scale_": "scale",
}  # fmt: skip
"""Test sets by what their metrics' names begin with."""
assert {name.rstrip("_") for name in SETS} == {"", DOMAIN, *SHIFTS}


def field_sheets(study: Study, rows: Sequence[ModelRow]) -> list[Sheet]:
    """The tables of a study of velocity fields; none of any other."""
    found = {row.label: scores_of(study, row) for row in rows}
    if not any(found.values()):
        return []
    sheets = [shifts_sheet(found, "rmse"), shifts_sheet(found, "ese")]
    published = {"ocean": published_sheet, "convection": quoted_sheet}.get(study.cells[0].experiment.data.name)
    return [*sheets, published()] if published else sheets


def shifts_sheet(found: dict[str, list[FieldScores]], metric: str) -> Sheet:
    """RMSE or ESE of every model on every test set, mean ± deviation over seeds."""
    values = {label: [one.metrics() for one in scores] for label, scores in found.items()}
    known = {name for ones in values.values() for one in ones for name in one}
    sets = {prefix: title for prefix, title in SETS.items() if f"{prefix}{metric}" in known}
    lines = [(label, *(_spread([one[f"{p}{metric}"] for one in ones]) for p in sets)) for label, ones in values.items()]
    title = "Test RMSE, as it is and shifted" if metric == "rmse" else "Energy spectrum error, as it is and shifted"
    remark = (
        "Mean ± sample standard deviation over seeds, at the learning rate chosen on validation. Every shift is of the "
        "windows later in time, with parameters from named seeds, the same for all models: uniform motion up to two "
        "standard deviations of the training frames a component, magnitude from 0 to 2, quarter turns, scale from 1 to "
        "5. Other tiles: regions that no training window is of."
    )
    return Sheet(metric, title, ("model", *sets.values()), lines, [remark])


def _spread(values: Sequence[float]) -> str:
    mean, deviation = mean_and_deviation(values)
    return f"{mean:.3g}" + ("" if deviation is None else f" ± {deviation:.2g}")


def published_sheet() -> Sheet:
    """The authors' own table."""
    header = ("model", "RMSE, later in time", "ESE, later in time", "RMSE, other region", "ESE, other region")
    lines: list[Line] = [
        (model, *map(_value, (row.rmse, row.ese, row.domain_rmse, row.domain_ese))) for model, row in OCEAN.items()
    ]
    remark = (
        "From the README of Rose-STL-Lab/Equivariant-Net: currents of 2021-22 of four regions, 64 x 64 tiles, networks "
        "of full width, five seeds. It stands here to be looked up; it compares with nothing that was trained on other "
        "data or smaller."
    )
    return Sheet("published-ocean", "The authors' table, currents of 2021-22", header, lines, [remark])


def quoted_sheet() -> Sheet:
    """What is known of the paper's table of convection."""
    header = ("model", "RMSE", "RMSE, transformed", "RMSE, repeated", "RMSE, transformed, repeated")
    lines: list[Line] = [(model, *(f"{value:.2f}" for value in astuple(row))) for model, row in CONVECTION.items()]
    remark = (
        "The paper's Table 2 as quoted in issue 3 of Rose-STL-Lab/Equivariant-Net, and what its author measured with "
        "the released script after correcting the missing root and the unturned test fields: far less, and nobody has "
        "said why. Of other models no value is confirmed. It stands here to be looked up, and compares with nothing."
    )
    return Sheet("published-convection", "What is known of the paper's table, convection", header, lines, [remark])


def _value(value: Value) -> str:
    return f"{value[0]:.2f} ± {value[1]:.2f}"


def video_sheets(table: Table) -> list[Sheet]:
    """The tables; none for a study that does not predict videos."""
    curves = frame_curves(table.study, table.rows)
    if not curves:
        return []
    return [scores_sheet(curves), frames_sheet(curves), *literature_sheets(table)]


def scores_sheet(curves: Curves) -> Sheet:
    """Every score on the test clips, mean and sample standard deviation over the chosen learning rate's seeds."""
    header = ["model", "n"]
    for title in TITLES.values():
        header += [title, "±"]
    lines: list[Line] = []
    for label, scores in curves.items():
        line: list[object] = [label, len(scores["mse"])]
        for values in scores.values():
            line += mean_and_deviation(values.mean(axis=1).tolist())
        lines.append(line)
    return Sheet("scores", "Scores of predicted frames, test clips", header, lines, [RANGE])


def frames_sheet(curves: Curves) -> Sheet:
    """Every score by predicted frame, means over clips and seeds."""
    horizon = next(iter(curves.values()))["mse"].shape[1]
    lines = [
        (label, TITLES[name], *values.mean(axis=0).tolist())
        for label, scores in curves.items()
        for name, values in scores.items()
    ]
    header = ("model", "score", *(f"frame {number}" for number in range(1, horizon + 1)))
    return Sheet("frames", "Scores by predicted frame, test clips", header, lines)


def literature_sheets(table: Table) -> Sequence[Sheet]:
    """What others report on the same data, with its source; nothing beside rendered, other or partial data."""
    study = table.study
    reported = REPORTED.get(study.cells[0].experiment.data.name, ())
    if study.demo or study.stand_in or study.partial or not reported:
        return ()
    lines = [(one.model, one.mse, one.psnr, one.ssim, one.source) for one in reported]
    departs = f"This study departs from the published setting: {'; '.join(table.obstacles)}."
    differs = [departs] if table.obstacles else []
    header = ("model", *TITLES.values(), "source")
    return [Sheet("literature", "What others report", header, lines, [*NOTES, *differs])]
