"""The report's figures on choices: what they lead to, and what matters."""

from dataclasses import replace

import pytest

from tests.support.stored_study import finished_study
from tune.analysis.results import model_rows
from tune.reporting.choice_figures import (
    choice_figures,
    field_figure,
    front_figure,
    importances_figure,
    numeric_fields,
    rates_figure,
)

RATES = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3, 1e-4), "seed": (0,)}
RATE_HITS = {("grnn", 1e-3, 0): (6, 5), ("grnn", 1e-4, 0): (4, 5), ("3dcnn", 1e-3, 0): (9, 5)}


@pytest.fixture
def searched(tmp_path):
    return finished_study(tmp_path / "s", RATES, RATE_HITS)


def test_figures_say_what_each_learning_rate_reached(searched):
    figures = {figure.name: figure.words for figure in choice_figures(searched, model_rows(searched))}
    assert figures["learning-rates"].endswith("grnn: 0.400 at 0.0001, 0.600 at 0.001; 3dcnn: 0.900 at 0.001.")
    assert "from 0.400 to 0.900" in figures["parallel-coordinates"]


def test_one_learning_rate_a_model_has_no_figure_of_rates(tmp_path):
    study = finished_study(tmp_path / "t", RATES | {"optim.lr": (1e-3,)}, RATE_HITS)
    assert "learning-rates" not in {figure.name for figure in choice_figures(study, model_rows(study))}


def test_a_ring_marks_the_chosen_rate(searched):
    (axes,) = rates_figure(searched, model_rows(searched)).axes
    rings = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_fillstyle() == "none"]
    assert rings == [(1e-3, 0.6), (1e-3, 0.9)]


def test_fields_stand_from_the_most_to_the_least_important(searched):
    (axes,) = importances_figure(searched, {"model": 0.75, "optim.lr": 0.25}).axes
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.75]  # from below


def test_each_field_of_numbers_has_a_figure_of_choices(tuned):
    rows = model_rows(tuned)
    figures = {figure.name: figure.words for figure in choice_figures(tuned, rows)}
    assert list(figures) == ["learning-rates", "choices-batch_size", "importances", "parallel-coordinates"]
    assert numeric_fields(rows) == ["optim.lr", "batch_size"]
    assert "0.900 at lr 0.01, batch_size 8, embedding_channels (2, 3)" in figures["learning-rates"]
    assert figures["importances"].count("batch_size") == 1 and "embedding" not in figures["importances"]
    (axes,) = field_figure(tuned, rows, "batch_size").axes
    assert [line.get_xdata()[0] for line in axes.lines if line.get_fillstyle() == "none"] == [8, 8]


def test_the_front_joins_its_choices_and_a_ring_marks_the_reported_one(tuned):
    study = replace(tuned, objectives=("validation/accuracy", "min:time/recorded_at"))
    rows = model_rows(study)
    figures = {figure.name: figure.words for figure in choice_figures(study, rows)}
    assert "grnn: 1 of 8 choices; 3dcnn: 1 of 4 choices" in figures["front"]
    (axes,) = front_figure(study, rows).axes
    assert [line.get_xdata()[0] for line in axes.lines if line.get_fillstyle() == "none"] == [0.9, 0.8]
