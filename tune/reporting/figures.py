"""The figures of a report on the search itself. Each measure has its own figures."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from fernn.train.classification import Logits
from tune.analysis.plotting import (
    ReportFigure,
    class_names,
    confusion_figure,
    file_name,
    label_shares,
    marks,
    rollout_figure,
)
from tune.analysis.results import ModelRow, field_scores, frame_curves, seed_predictions
from tune.core.study import Study
from tune.reporting.rate_figures import rate_figures
from tune.reporting.system_figures import (
    horizon_figure,
    scores_figure,
    seeds_by_epoch,
    spectra_figure,
    validation_figure,
)


def study_figures(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    """Every figure for which the study has results."""
    if not rows:
        return
    metric = study.metric
    ends = [f"{row.label}: {metric.text(seeds_by_epoch(study, row)[:, -1].mean())}" for row in rows]
    words = f"Mean validation {metric.title} after the last epoch, {'; '.join(ends)}."
    yield ReportFigure("validation", "Validation curves", words, validation_figure(study, rows))
    yield from rate_figures(study, rows)
    yield from _examples(study, rows)
    yield from _fields(study, rows)
    yield from _confusions(study, rows)


def _examples(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    kept = {row.label: study.cell_folder(row.best).examples() for row in rows}
    if examples := {label: tensors for label, tensors in kept.items() if tensors}:
        words = f"Frames of test clips: the given ones, the true ones, and those predicted by {', '.join(examples)}."
        yield ReportFigure("rollouts", "Predictions beside the truth", words, rollout_figure(study, examples))
    if curves := frame_curves(study, rows):
        means = {label: {name: seeds.mean(axis=0) for name, seeds in one.items()} for label, one in curves.items()}
        each = [
            f"{label}: {', '.join(f'{name} {line[0]:.3g} to {line[-1]:.3g}' for name, line in lines.items())}"
            for label, lines in means.items()
        ]
        words = f"Test scores by predicted frame, from the first to the last, means over seeds. {'; '.join(each)}."
        yield ReportFigure("scores", "Scores by predicted frame", words, scores_figure(study, curves))


def _fields(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    if fields := field_scores(study, rows):
        ends = [f"{label}: {scores[0].rmse_by_horizon()[-1]:.3g}" for label, scores in fields.items()]
        words = f"Test RMSE by predicted frame; of the first seed at the last frame, {'; '.join(ends)}."
        yield ReportFigure("rmse-by-horizon", "Error by predicted frame", words, horizon_figure(study, fields))
        each = [f"{label}: {scores[0].metrics()['ese']:.3g}" for label, scores in fields.items()]
        words = f"Energy spectra of the predicted frames beside the true one. ESE of the first seed, {'; '.join(each)}."
        yield ReportFigure("spectra", "Energy spectra", words, spectra_figure(study, fields))


def _confusions(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    for row in rows:
        seeds = [one for one in seed_predictions(study, row) if isinstance(one, Logits)]
        if seeds:
            counts = torch.stack([one.confusion() for one in seeds]).sum(dim=0)
            names = class_names(row.experiment.data, len(counts))
            title = f"{row.label} lr {row.lr:g}: test clips of {row.num_seeds} seed{'s' * (row.num_seeds > 1)}"
            figure = confusion_figure(counts, names, "\n".join([title, *marks(study)]))
            yield ReportFigure(f"confusion-{file_name(row.label)}", title, _confusion_words(counts, names), figure)


def _confusion_words(counts: Tensor, names: Sequence[str]) -> str:
    shares = label_shares(counts)
    right = ", ".join(f"{name} {share:.0%}" for name, share in zip(names, shares.diagonal(), strict=True))
    wrong = shares.clone().fill_diagonal_(0)
    label, prediction = divmod(int(wrong.argmax()), len(names))
    most = f"{names[label]} for {names[prediction]} ({wrong[label, prediction]:.0%})"
    return f"Share recognised: {right}. Most often mistaken: {most}."
