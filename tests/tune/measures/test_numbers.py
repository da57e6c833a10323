"""Measures of a few named numbers: what two methods give."""

import math
from dataclasses import dataclass

import pytest

from fernn.experiment import Experiment
from tests.support.stored_study import planned_study
from tune.measures.numbers import ModelNumbers, NumbersMeasure, NumbersResults


@dataclass(frozen=True)
class Settings:
    """The options."""

    strengths: tuple[float, ...] = (0.0,)


class Noise(NumbersMeasure[Settings]):
    """A measure of two numbers that are known beforehand."""

    name, title, settings = "noise", "robustness", Settings

    def num_passes(self, settings):
        return len(settings.strengths)

    def numbers(self, run, clips, settings):
        yield from ((f"at_{strength:g}", strength) for strength in settings.strengths)


@pytest.fixture
def results(row):
    def made(*seeds):
        model = row(ModelNumbers, Experiment(), Settings(), [{"numbers": numbers} for numbers in seeds])
        return NumbersResults(Noise(), model.study, [model])

    return made


def test_the_table_has_a_column_for_each_number(results):
    made = results({"a": 1.0, "b": 0.5}, {"a": 3.0, "b": 0.5})
    table = made.table()
    assert (table.name, table.title) == ("noise", "s: robustness") and list(made.figures()) == []
    assert table.header == ("model", "learning rate", "n", "a", "b") and table.rows[0][3:] == ["2 ± 1.4", "0.5 ± 0"]


def test_the_document_has_statistics_and_seeds(results):
    document = results({"a": 1.0}, {"a": 3.0}).models[0].document()
    assert document["numbers"] == {"a": {"mean": 2.0, "deviation": pytest.approx(2**0.5)}}
    assert document["seeds"] == {"0": {"a": 1.0}, "1": {"a": 3.0}}


def test_mlflow_gets_finite_numbers_alone(results):
    cell, model, study = results({"a": 1.0, "b": math.inf}).run_records()
    assert (
        [(point.name, point.value) for point in cell.points]
        == [("noise/a", 1.0)]
        == [(point.name, point.value) for point in model.points]
    )
    assert study.points == [] and cell.document == {"a": 1.0, "b": math.inf}


def test_the_report_shows_the_settings_of_most_cells(tmp_path):
    noise, study = Noise(), planned_study(tmp_path / "s", {"model": ("grnn",), "seed": (0, 1, 2)})
    for cell, strengths in zip(study.cells, ([0.5], [0.25], [0.25]), strict=True):
        subject = {"settings": {"strengths": strengths}}
        noise.file_of(study.cell_folder(cell)).write({"subject": subject, "numbers": {}})
    assert noise.ways(study, study.cells) == [Settings((0.25,))]
    earlier = {"subject": {"settings": {"scale": 1}}, "numbers": {}}
    noise.file_of(study.cell_folder(study.cells[0])).write(earlier)
    assert noise.ways(study, study.cells[:1]) == []
