"""Measures of a few named numbers: what two methods give."""

import math
from dataclasses import dataclass

import pytest

from fernn.experiment import Experiment
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
    contents = [{"numbers": {"a": 1.0, "b": math.inf}}, {"numbers": {"a": 3.0, "b": math.inf}}]
    model = row(ModelNumbers, Experiment(), Settings(), contents)
    return NumbersResults(Noise(), model.study, [model])


def test_the_table_has_a_column_for_each_number(results):
    table = results.table()
    assert (table.name, table.title) == ("noise", "s: robustness") and list(results.figures()) == []
    assert table.header == ("model", "learning rate", "n", "a", "b") and table.rows[0][3] == "2 ± 1.4"


def test_the_document_has_statistics_and_seeds(results):
    (document,) = results.documents()
    assert document["numbers"]["a"] == {"mean": 2.0, "deviation": pytest.approx(2**0.5)}
    assert document["seeds"]["1"] == {"a": 3.0, "b": math.inf}


def test_mlflow_gets_finite_numbers_alone(results):
    first, _, model, study = results.run_records()
    assert [(point.name, point.value) for point in first.points] == [("noise/a", 1.0)]
    assert [(point.name, point.value) for point in model.points] == [("noise/a", 2.0)] and study.points == []


def test_the_report_shows_the_settings_of_most_cells(study):
    noise = Noise()
    for cell, strengths in zip(study.cells, ([0.5], [0.25], [0.25]), strict=False):
        subject = {"settings": {"strengths": strengths}}
        noise.file_of(study.cell_folder(cell)).write({"subject": subject, "numbers": {}})
    assert noise.ways(study, study.cells[:3]) == [Settings((0.25,))]
    earlier = {"subject": {"settings": {"scale": 1}}, "numbers": {}}
    noise.file_of(study.cell_folder(study.cells[0])).write(earlier)
    assert noise.ways(study, study.cells[:1]) == []


def test_a_measurement_advances_by_one_for_each_number(footage, study):
    (one,) = Noise().measurements(study, study.cells[:1], Settings((0.5, 0.25)))
    counted = []
    one.measure(footage, counted.append)
    assert counted == [1, 1] and one.num_units(footage) == 2
    assert one.result()["numbers"] == {"at_0.5": 0.5, "at_0.25": 0.25}
