"""The figures of a report on the search itself, of systems and videos also. Each measure has its own figures."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from fernn.train.fields import FieldScores
from fernn.train.task import ACCURACY, Logits
from tune.analysis.plotting import (
    ReportFigure,
    blank_figure,
    class_names,
    confusion_figure,
    draw_seeds,
    file_name,
    finish_axes,
    label_shares,
    marks,
    one_panel,
    rollout_figure,
    titled,
)
from tune.analysis.results import TITLES, Curves, Fields, ModelRow, frame_curves, seed_predictions
from tune.core.study import Study
from tune.reporting.choice_figures import choice_figures


def study_figures(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    """Every figure for which the study has results."""
    if not rows:
        return
    metric = study.metric
    ends = [f"{row.label}: {metric.text(seeds_by_epoch(study, row)[:, -1].mean())}" for row in rows]
    words = f"Mean validation {metric.title} after the last epoch, {'; '.join(ends)}."
    yield ReportFigure("validation", "Validation curves", words, validation_figure(study, rows))
    yield from choice_figures(study, rows)
    yield from _examples(study, rows)
    yield from _fields(study, rows)
    yield from _confusions(study, rows)


def _examples(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    stored = {row.label: study.cell_folder(row.best).examples() for row in rows}
    if examples := {label: tensors for label, tensors in stored.items() if tensors}:
        words = f"Frames of test clips: the given ones, the true ones, and those predicted by {', '.join(examples)}."
        yield ReportFigure("rollouts", "Predictions beside the truth", words, rollout_figure(study, examples))
    if curves := frame_curves(study, rows):
        texts = []
        for label, scores in curves.items():
            means = {name: seeds.mean(axis=0) for name, seeds in scores.items()}
            ends = [f"{name} {line[0]:.3g} to {line[-1]:.3g}" for name, line in means.items()]
            texts.append(f"{label}: {', '.join(ends)}")
        words = f"Test scores by predicted frame, from the first to the last, means over seeds. {'; '.join(texts)}."
        yield ReportFigure("scores", "Scores by predicted frame", words, scores_figure(study, curves))


def _fields(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    if fields := seed_predictions(study, rows, FieldScores):
        ends = [f"{label}: {scores[0].rmse_by_horizon()[-1]:.3g}" for label, scores in fields.items()]
        words = f"Test RMSE by predicted frame; of the first seed at the last frame, {'; '.join(ends)}."
        yield ReportFigure("rmse-by-horizon", "Error by predicted frame", words, horizon_figure(study, fields))
        ends = [f"{label}: {scores[0].metrics()['ese']:.3g}" for label, scores in fields.items()]
        words = f"Energy spectra of the predicted frames beside the true one. ESE of the first seed, {'; '.join(ends)}."
        yield ReportFigure("spectra", "Energy spectra", words, spectra_figure(study, fields))


def _confusions(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    classified = seed_predictions(study, rows, Logits)
    for row in (row for row in rows if row.label in classified):
        counts = torch.stack([seed.confusion() for seed in classified[row.label]]).sum(dim=0)
        names = class_names(row.experiment.data, len(counts))
        title = f"{row.label} {row.choice.text}: test clips of {row.num_seeds} seed{'s' * (row.num_seeds > 1)}"
        figure = confusion_figure(counts, names, "\n".join([title, *marks(study)]))
        yield ReportFigure(f"confusion-{file_name(row.label)}", title, _confusion_words(counts, names), figure)


def _confusion_words(counts: Tensor, names: Sequence[str]) -> str:
    shares = label_shares(counts)
    right = ", ".join(f"{name} {share:.0%}" for name, share in zip(names, shares.diagonal(), strict=True))
    wrong = shares.clone().fill_diagonal_(0)
    label, prediction = divmod(int(wrong.argmax()), len(names))
    most = f"{names[label]} for {names[prediction]} ({wrong[label, prediction]:.0%})"
    return f"Share recognised: {right}. Most often mistaken: {most}."


def horizon_figure(study: Study, fields: Fields) -> Figure:
    """RMSE of every predicted frame, mean over seeds, band: sample standard deviation."""
    figure, axes = one_panel(6, 4)
    for label, scores in fields.items():
        curves = torch.stack([seed.rmse_by_horizon() for seed in scores])
        draw_seeds(axes, curves, label=f"{label} (n = {len(curves)})")
    finish_axes(axes, xlabel="predicted frame", ylabel="RMSE", ylim=(0, None))
    return titled(figure, study, "test windows later in time")


def spectra_figure(study: Study, fields: Fields) -> Figure:
    """log10 of the energy spectrum by ring, mean over test windows and seeds, and the true one."""
    figure, axes = one_panel(6, 4)
    truth = next(iter(fields.values()))[0]
    lines = {"truth": truth.values["true_spectrum"][~truth.is_domain].mean(dim=0)}
    for label, scores in fields.items():
        spectra = [seed.values["spectrum"][~seed.is_domain].mean(dim=0) for seed in scores]
        lines[label] = torch.stack(spectra).mean(dim=0)
    for label, line in lines.items():
        color, style = ("black", "--") if label == "truth" else (None, "-")
        axes.plot(range(1, len(line) + 1), line, label=label, color=color, linestyle=style)
    finish_axes(axes, xlabel="ring (cycles across the tile)", ylabel="log10 of the energy spectrum")
    return titled(figure, study, "turbulent kinetic energy of the predicted frames")


def validation_figure(study: Study, rows: Sequence[ModelRow]) -> Figure:
    """The validation metric by epoch of each row's choice, its band the deviation over seeds."""
    metric, (figure, axes) = study.metric, one_panel(7, 4.6)
    for row in rows:
        values = seeds_by_epoch(study, row)
        floor = -np.inf if metric == ACCURACY else values.min() / 2
        draw_seeds(axes, values, floor=floor, label=f"{row.label}, {row.choice.text} (n = {len(values)})")
    scale = "linear" if metric == ACCURACY else "log"
    finish_axes(axes, xlabel="epoch", ylabel=f"validation {metric.title}", yscale=scale)
    return titled(figure, study, "validation; band: sample standard deviation over seeds")


def seeds_by_epoch(study: Study, row: ModelRow) -> np.ndarray:
    """The validation metric (seeds, epochs), up to the last epoch that all seeds have."""
    name = f"validation/{study.metric.name}"
    lines = [[epoch[name] for epoch in study.cell_folder(seed.cell).history()] for seed in row.chosen]
    shortest = min(map(len, lines))
    return np.array([line[:shortest] for line in lines])


def scores_figure(study: Study, curves: Curves) -> Figure:
    """One plot for each score: the mean over seeds by predicted frame, its band the deviation over seeds."""
    figure = blank_figure(11, 3.8)
    for axes, (name, title) in zip(figure.subplots(1, len(TITLES)), TITLES.items(), strict=True):
        for label, scores in curves.items():
            draw_seeds(axes, scores[name], label=label)
        finish_axes(axes, legend=name == "mse", xlabel="predicted frame", ylabel=title)
    return titled(figure, study, "test clips; band: sample standard deviation over seeds")
