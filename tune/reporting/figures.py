"""The figures of a report on the search itself; those of measures are the measures' own."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from data.kth.annotations import ACTIONS
from fernn.metrics.classification import confusion_matrix
from fernn.train.classification import Logits
from tune.analysis.optuna_trials import finished_trials, importances
from tune.analysis.plotting import ReportFigure, confusion_figure, file_name, marks
from tune.analysis.results import ModelRow, test_predictions
from tune.analysis.rollout_plots import rollout_figure
from tune.analysis.scores import frame_curves
from tune.core.study import Study
from tune.reporting.rate_figures import coordinates_figure, importances_figure, rates_figure
from tune.reporting.system_figures import (
    curves_words,
    field_scores,
    horizon_figure,
    scores_figure,
    seeds_by_epoch,
    spectra_figure,
    validation_figure,
)


def study_figures(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    """Every figure of the search that there is something to draw of."""
    if not rows:
        return
    yield _validation(study, rows)
    yield from _rates(study, rows)
    yield from _examples(study, rows)
    yield from _fields(study, rows)
    yield from _confusions(study, rows)


def _validation(study: Study, rows: Sequence[ModelRow]) -> ReportFigure:
    metric = study.metric
    ends = [f"{row.label}: {metric.text(seeds_by_epoch(study, row)[:, -1].mean())}" for row in rows]
    words = f"Mean validation {metric.title} after the last epoch, {'; '.join(ends)}."
    return ReportFigure("validation", "Validation curves", words, validation_figure(study, rows))


def _rates(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    metric = study.metric
    if any(len(row.by_lr) > 1 for row in rows):
        each = [
            f"{row.label}: "
            + ", ".join(f"{metric.text(row.validation_by_lr[lr])} at {lr:g}" for lr in sorted(row.by_lr))
            for row in rows
        ]
        words = f"Best validation {metric.title} by learning rate, means over seeds. {'; '.join(each)}."
        yield ReportFigure("learning-rates", "Learning-rate sensitivity", words, rates_figure(study, rows))
    found = finished_trials(study)
    if shares := importances(study, found):
        words = "Share of the variance explained: " + ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
        yield ReportFigure("importances", "What matters", f"{words}.", importances_figure(study, shares))
    if found:
        values = [trial.value for trial in found if trial.value is not None]
        low, high = metric.text(min(values)), metric.text(max(values))
        words = f"{len(found)} pairs of model and learning rate, mean validation {metric.title} from {low} to {high}."
        yield ReportFigure("parallel-coordinates", "Models and learning rates", words, coordinates_figure(study, found))


def _examples(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    kept = {row.label: study.cell_folder(row.best).examples() for row in rows}
    if examples := {label: found for label, found in kept.items() if found}:
        words = f"Frames of test clips: the given ones, the true ones, and those predicted by {', '.join(examples)}."
        yield ReportFigure("rollouts", "Predictions beside the truth", words, rollout_figure(study, examples))
    if curves := frame_curves(study, rows):
        yield ReportFigure("scores", "Scores by predicted frame", curves_words(curves), scores_figure(study, curves))


def _fields(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    if found := field_scores(study, rows):
        ends = [f"{label}: {scores[0].rmse_by_horizon()[-1]:.3g}" for label, scores in found.items()]
        words = f"Test RMSE by predicted frame; of the first seed at the last frame, {'; '.join(ends)}."
        yield ReportFigure("rmse-by-horizon", "Error by predicted frame", words, horizon_figure(study, found))
        each = [f"{label}: {scores[0].metrics()['ese']:.3g}" for label, scores in found.items()]
        words = f"Energy spectra of the predicted frames beside the true one. ESE of the first seed, {'; '.join(each)}."
        yield ReportFigure("spectra", "Energy spectra", words, spectra_figure(study, found))


def _confusions(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    for row in rows:
        counts = confusion(study, row)
        if counts is not None:
            figure = confusion_figure(counts, "; ".join(marks(study)))
            title = f"{row.label} lr {row.lr:g}: test clips of {row.num_seeds} seed{'s' * (row.num_seeds > 1)}"
            figure.axes[0].set_title("\n".join([title, *marks(study)]), fontsize=10)
            yield ReportFigure(f"confusion-{file_name(row.label)}", title, _confusion_words(counts), figure)


def confusion(study: Study, row: ModelRow) -> Tensor | None:
    """Test clips by label and prediction, over the row's seeds; None for what predicts no labels."""
    found = [test_predictions(one.cell, study.cell_folder(one.cell)) for one in row.chosen]
    counts = [confusion_matrix(one.logits, one.labels) for one in found if isinstance(one, Logits)]
    return torch.stack(counts).sum(dim=0) if counts else None


def _confusion_words(counts: Tensor) -> str:
    shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    right = ", ".join(f"{action} {shares[i, i]:.0%}" for i, action in enumerate(ACTIONS))
    wrong = shares.clone().fill_diagonal_(0)
    label, taken = divmod(int(wrong.argmax()), len(ACTIONS))
    most = f"{ACTIONS[label]} for {ACTIONS[taken]} ({wrong[label, taken]:.0%})"
    return f"Share recognised: {right}. Most often mistaken: {most}."
