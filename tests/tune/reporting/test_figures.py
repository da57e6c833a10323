"""The report's figures on the search: which there are, and what they say in words."""

import numpy as np
import pytest

from tests.support.stored_study import finish_cell, finished_study, planned_study
from tune.analysis.results import model_rows
from tune.reporting.figures import (
    importances_figure,
    rate_figures,
    rates_figure,
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


RATES = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3, 1e-4), "seed": (0,)}
RATE_HITS = {("grnn", 1e-3, 0): (6, 5), ("grnn", 1e-4, 0): (4, 5), ("3dcnn", 1e-3, 0): (9, 5)}


@pytest.fixture
def searched(tmp_path):
    return finished_study(tmp_path / "s", RATES, RATE_HITS)


def test_figures_say_what_each_learning_rate_reached(searched):
    figures = {figure.name: figure.words for figure in rate_figures(searched, model_rows(searched))}
    assert figures["learning-rates"].endswith("grnn: 0.400 at 0.0001, 0.600 at 0.001; 3dcnn: 0.900 at 0.001.")
    assert "from 0.400 to 0.900" in figures["parallel-coordinates"]


def test_one_learning_rate_a_model_has_no_figure_of_rates(tmp_path):
    study = finished_study(tmp_path / "t", RATES | {"optim.lr": (1e-3,)}, RATE_HITS)
    assert "learning-rates" not in {figure.name for figure in rate_figures(study, model_rows(study))}


def test_a_ring_marks_the_chosen_rate(searched):
    (axes,) = rates_figure(searched, model_rows(searched)).axes
    rings = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_fillstyle() == "none"]
    assert rings == [(1e-3, 0.6), (1e-3, 0.9)]


def test_fields_stand_from_the_most_to_the_least_important(searched):
    (axes,) = importances_figure(searched, {"model": 0.75, "optim.lr": 0.25}).axes
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.75]  # from below
