"""The tables of a study of video prediction: all its scores, the scores by frame, and what others report."""

from collections.abc import Sequence

from tune.analysis.statistics import mean_and_deviation
from tune.analysis.video_literature import NOTES, RANGE, REPORTED
from tune.reporting.sheet import Line, Sheet
from tune.reporting.table import Table
from tune.reporting.video_figures import TITLES, Curves, frame_curves


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
