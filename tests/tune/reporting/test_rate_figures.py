"""Figures of the searched fields: learning rates, and the pairs of model and learning rate."""

import pytest

from tests.support.stored_study import finished_study
from tune.analysis.results import model_rows
from tune.reporting.rate_figures import importances_figure, rate_figures, rates_figure

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3, 1e-4), "seed": (0,)}
HITS = {("grnn", 1e-3, 0): (6, 5), ("grnn", 1e-4, 0): (4, 5), ("3dcnn", 1e-3, 0): (9, 5)}


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "s", SPACE, HITS)


def test_figures_say_what_each_learning_rate_reached(study):
    figures = {figure.name: figure.words for figure in rate_figures(study, model_rows(study))}
    assert figures["learning-rates"].endswith("grnn: 0.400 at 0.0001, 0.600 at 0.001; 3dcnn: 0.900 at 0.001.")
    assert "from 0.400 to 0.900" in figures["parallel-coordinates"]


def test_one_learning_rate_a_model_has_no_figure_of_rates(tmp_path):
    study = finished_study(tmp_path / "t", SPACE | {"optim.lr": (1e-3,)}, HITS)
    assert "learning-rates" not in {figure.name for figure in rate_figures(study, model_rows(study))}


def test_a_ring_marks_the_chosen_rate(study):
    (axes,) = rates_figure(study, model_rows(study)).axes
    rings = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_fillstyle() == "none"]
    assert rings == [(1e-3, 0.6), (1e-3, 0.9)]


def test_fields_stand_from_the_most_to_the_least_important(study):
    (axes,) = importances_figure(study, {"model": 0.75, "optim.lr": 0.25}).axes
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.75]  # from below
