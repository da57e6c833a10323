"""Every picture of a report, with its name, and the words that stand for it where it cannot be seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from data.kth.annotations import ACTIONS
from fernn.generalization import VelocityReadings
from fernn.metrics.classification import confusion_matrix
from fernn.train.classification import Logits
from tune.analysis.optuna_trials import finished_trials, importances
from tune.analysis.plotting import confusion_figure, marks
from tune.analysis.results import ModelRow, test_predictions
from tune.analysis.rollout_plots import rollout_figure
from tune.analysis.scores import frame_curves
from tune.core.study import Study
from tune.measures.frame_quality import view_of
from tune.measures.frame_quality_views import (
    ModelQuality,
    maps_figure,
    measured_quality,
    measured_ways,
    quality_figure,
    steps_figure,
)
from tune.measures.length_views import curves as length_curves
from tune.measures.length_views import measured_lengths
from tune.measures.length_views import rollouts as length_rollouts
from tune.measures.velocity_views import ModelVelocity, measured_velocities, picture
from tune.measures.velocity_views import curves as velocity_curves
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


@dataclass(frozen=True)
class Picture:
    """A figure, the name of its file, its title, and what it shows in words."""

    name: str
    title: str
    words: str
    figure: Figure


def gallery(study: Study, rows: Sequence[ModelRow]) -> Iterator[Picture]:
    """Every picture that there is something to draw of."""
    if not rows:
        return
    yield _validation(study, rows)
    yield from _velocities(study, rows)
    yield from _rates(study, rows)
    yield from _examples(study, rows)
    yield from _fields(study, rows)
    yield from _quality(study, rows)
    yield from _confusions(study, rows)


def _quality(study: Study, rows: Sequence[ModelRow]) -> Iterator[Picture]:
    for way in measured_ways(study, rows):
        yield from _quality_by(study, measured_quality(study, rows, way))


def _quality_by(study: Study, found: Sequence[ModelQuality]) -> Iterator[Picture]:
    """Of one way of measuring."""
    suffix = file_name(view_of(found[0].way)).removeprefix("quality")
    each = [f"{one.label}: {', '.join(one.words())}" for one in found]
    clips = " or ".join(map(str, sorted({one.num_clips for one in found})))
    words = f"Quality of predicted frames, means over {clips} test clips and frames. {'; '.join(each)}."
    yield Picture(f"quality{suffix}", "Quality by predicted frame", words, quality_figure(study, found))
    if any(one.num_steps for one in found):
        drops = [f"{one.label}: {one.steps_words()}" for one in found if one.num_steps]
        words = f"Inner and outer loss by number of inner steps. {'; '.join(drops)}."
        yield Picture(f"inner-steps{suffix}", "Losses by inner steps", words, steps_figure(study, found))
    for one in found:
        if one.maps and one.num_steps:
            words = f"Grad-CAM of {one.maps['heat'].shape[1]} principal components of the embedding of {one.label}."
            name = f"grad-cam{suffix}-{file_name(one.label)}"
            yield Picture(name, f"{one.label}: where the embedding looks", words, maps_figure(study, one))


def _validation(study: Study, rows: Sequence[ModelRow]) -> Picture:
    metric = study.metric
    ends = [f"{row.label}: {metric.text(seeds_by_epoch(study, row)[:, -1].mean())}" for row in rows]
    words = f"Mean validation {metric.title} after the last epoch, {'; '.join(ends)}."
    return Picture("validation", "Validation curves", words, validation_figure(study, rows))


def _rates(study: Study, rows: Sequence[ModelRow]) -> Iterator[Picture]:
    metric = study.metric
    if any(len(row.by_lr) > 1 for row in rows):
        each = [
            f"{row.label}: "
            + ", ".join(f"{metric.text(row.validation_by_lr[lr])} at {lr:g}" for lr in sorted(row.by_lr))
            for row in rows
        ]
        words = f"Best validation {metric.title} by learning rate, means over seeds. {'; '.join(each)}."
        yield Picture("learning-rates", "Learning-rate sensitivity", words, rates_figure(study, rows))
    found = finished_trials(study)
    if shares := importances(study, found):
        words = "Share of the variance explained: " + ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
        yield Picture("importances", "What matters", f"{words}.", importances_figure(study, shares))
    if found:
        values = [trial.value for trial in found if trial.value is not None]
        low, high = metric.text(min(values)), metric.text(max(values))
        words = f"{len(found)} pairs of model and learning rate, mean validation {metric.title} from {low} to {high}."
        yield Picture("parallel-coordinates", "Models and learning rates", words, coordinates_figure(study, found))


def _velocities(study: Study, rows: Sequence[ModelRow]) -> Iterator[Picture]:
    found = measured_velocities(study, rows)
    if not found:
        return
    metric = study.metric
    each = [f"{one.label}: {', '.join(metric.text(mean) for mean in one.curve().means)}" for one in found]
    names = ", ".join(found[0].curve_names())
    words = f"Test {metric.title} on clips that move with velocities from {names}. {'; '.join(each)}."
    yield Picture("velocity", f"Test {metric.title} against data velocity", words, velocity_curves(found))
    for one in found:
        yield _heatmap(study, one)


def _heatmap(study: Study, model: ModelVelocity) -> Picture:
    mean, n = VelocityReadings.mean([seed.found for seed in model.seeds]), len(model.seeds)
    metric, values = model.metric, [value for row in mean.rows for value in row]
    words = (
        f"{model.label}: test {metric.title} at {len(values)} velocities, from {metric.text(min(values))} to "
        f"{metric.text(max(values))}; trained on velocities up to {model.training_range}."
    )
    title = f"{model.label} lr {model.lr:g}: mean over {n} seed{'s' * (n > 1)}"
    return Picture(f"velocity-{file_name(model.label)}", title, words, picture(study, model.cell, mean, title))


def _examples(study: Study, rows: Sequence[ModelRow]) -> Iterator[Picture]:
    kept = {row.label: study.cell_folder(row.best).examples() for row in rows}
    if examples := {label: found for label, found in kept.items() if found}:
        words = f"Frames of test clips: the given ones, the true ones, and those predicted by {', '.join(examples)}."
        yield Picture("rollouts", "Predictions beside the truth", words, rollout_figure(study, examples))
    if curves := frame_curves(study, rows):
        yield Picture("scores", "Scores by predicted frame", curves_words(curves), scores_figure(study, curves))
    if lengths := measured_lengths(study, rows):
        each = [f"{one.row.label}: {one.mean[0]:.3g} to {one.mean[-1]:.3g}" for one in lengths]
        words = f"Test error by predicted frame, from the first to the last. {'; '.join(each)}."
        yield Picture("length", "Length generalization", words, length_curves(study, lengths))
        if (drawn := length_rollouts(study, lengths)) is not None:
            words = "Predicted frames far beyond the trained ones, beside the true ones."
            yield Picture("length-rollouts", "Long predictions beside the truth", words, drawn)


def _fields(study: Study, rows: Sequence[ModelRow]) -> Iterator[Picture]:
    if found := field_scores(study, rows):
        ends = [f"{label}: {scores[0].rmse_by_horizon()[-1]:.3g}" for label, scores in found.items()]
        words = f"Test RMSE by predicted frame; of the first seed at the last frame, {'; '.join(ends)}."
        yield Picture("rmse-by-horizon", "Error by predicted frame", words, horizon_figure(study, found))
        each = [f"{label}: {scores[0].metrics()['ese']:.3g}" for label, scores in found.items()]
        words = f"Energy spectra of the predicted frames beside the true one. ESE of the first seed, {'; '.join(each)}."
        yield Picture("spectra", "Energy spectra", words, spectra_figure(study, found))


def _confusions(study: Study, rows: Sequence[ModelRow]) -> Iterator[Picture]:
    for row in rows:
        counts = confusion(study, row)
        if counts is not None:
            figure = confusion_figure(counts, "; ".join(marks(study)))
            title = f"{row.label} lr {row.lr:g}: test clips of {row.num_seeds} seed{'s' * (row.num_seeds > 1)}"
            figure.axes[0].set_title("\n".join([title, *marks(study)]), fontsize=10)
            yield Picture(f"confusion-{file_name(row.label)}", title, _confusion_words(counts), figure)


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


def file_name(label: str) -> str:
    """A row's label as a part of a file's name."""
    return label.replace(", ", "-").replace(" ", "-")
