"""The report's figures on the search: which there are, and what they say in words."""

import numpy as np
import pytest

from tests.support.stored_study import finish_cell, finished_study, planned_study
from tune.analysis.results import model_rows
from tune.reporting.figures import (
    scores_figure,
    seeds_by_epoch,
    study_figures,
    validation_figure,
)

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1)}


@pytest.fixture
def study(tmp_path):
    """The first seed has three epochs, the second two."""
    made = planned_study(tmp_path / "s", SPACE)
    finish_cell(made, made.cells[0], (6, 5), epochs=3)
    finish_cell(made, made.cells[1], (8, 5), epochs=2)
    return made


def test_curves_end_with_the_last_epoch_that_all_seeds_have(study):
    (row,) = model_rows(study)
    assert seeds_by_epoch(study, row) == pytest.approx(np.array([[0.2, 0.4], [0.4, 0.8]]))
    (axes,) = validation_figure(study, [row]).axes
    assert axes.lines[0].get_ydata() == pytest.approx([0.3, 0.6])


def test_a_study_of_classes_has_curves_and_a_confusion_in_words(study):
    figures = {figure.name: figure.words for figure in study_figures(study, model_rows(study))}
    assert list(figures) == ["validation", "parallel-coordinates", "confusion-grnn"]
    assert figures["validation"] == "Mean validation accuracy after the last epoch, grnn: 0.600."
    assert "jogging 50%" in figures["confusion-grnn"] and "jogging for walking (50%)" in figures["confusion-grnn"]


def test_a_study_without_rows_has_no_figure(tmp_path):
    assert list(study_figures(finished_study(tmp_path / "s", SPACE, {}), [])) == []


def test_scores_have_a_panel_each(study):
    curves = {"m": {name: np.ones((2, 3)) for name in ("mse", "psnr", "ssim")}}
    titles = [axes.get_ylabel() for axes in scores_figure(study, curves).axes]
    assert titles == ["MSE, summed over pixels", "PSNR (dB)", "SSIM"]
