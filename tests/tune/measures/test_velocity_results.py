"""What the table, the figures and MLflow show of velocity generalization."""

from dataclasses import replace

import pytest

from fernn.experiment import Experiment
from tune.measures.registry import MEASURES
from tune.measures.velocity import Settings
from tune.measures.velocity_results import ModelVelocity, VelocityResults, log_scale
from tune.rotating_mnist_search import SEARCH as ROTATING

GRID = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]]
KTH = {"grid": {"accuracy": GRID}, "drawn": {"V0": 0.5, "V1": 0.4, "V2": 0.3}, "num_clips": 7}
OTHER = KTH | {"drawn": {"V0": 0.7, "V1": 0.6, "V2": 0.5}}
LEVEL = {"grid": {"accuracy": [[0.5, 0.9, 0.6]]}, "drawn": {"V0": 0.9, "V1": 0.6}, "num_clips": 7}
TURNS = {"grid": {"mse": [[0.3, 0.1, 0.2]]}, "drawn": {"V0": 0.1, "V1": 0.2}, "num_clips": 7}


@pytest.fixture
def results(row):
    model = row(ModelVelocity, Experiment(), Settings(1), [KTH, OTHER])
    return VelocityResults(MEASURES["velocity"], model.study, [model])


def test_a_reading_has_its_place_on_the_grid(results):
    (model,) = results.models
    values = model.values(KTH)
    assert (values["V1"], values["vy_-1_vx_1"], values["vy_1_vx_0"]) == (0.4, 0.3, 0.8)
    assert model.rows(values) == GRID


def test_the_document_has_means_over_seeds_and_the_study_they_belong_to(results):
    document = results.models[0].document()
    assert (document["n"], document["num_clips"], document["seeds"], document["training_range"]) == (2, 7, [0, 1], 2)
    assert document["accuracy"]["V0"] == {"mean": pytest.approx(0.6), "deviation": pytest.approx(0.02**0.5)}
    assert document["accuracy"]["vy_0_vx_0"] == {"mean": 0.5, "deviation": 0.0}


def test_the_table_has_a_column_for_each_range(results):
    table = results.table()
    assert table.header[3:] == ("V_0", "V_1", "V_2")
    assert table.rows == [["m", "0.0003", "2", "0.600 ± 0.141", "0.500 ± 0.141", "0.400 ± 0.141"]]


def test_figures_name_the_numbers_they_draw(results):
    curves, heatmap = results.figures()
    assert curves.words.endswith("with velocities from V0, V1, V2. m: 0.600, 0.500, 0.400.")
    assert "at 9 velocities, from 0.100 to 0.900; trained on velocities up to 2." in heatmap.words
    (axes,) = curves.figure.axes
    assert [line.get_label() for line in axes.lines] == ["chance", "m (n = 2)"]
    assert axes.lines[0].get_ydata()[0] == pytest.approx(1 / 6)


def test_runs_get_numbers_by_name_and_a_csv_with_places(results):
    first, _, model, study = results.run_records()
    assert {point.name: point.value for point in first.points}["velocity/vy_-1_vx_1"] == 0.3
    lines = model.files()["velocity.csv"].decode().splitlines()
    assert lines[0] == "name,vy,vx,mean,deviation,n" and lines[4] == "vy_-1_vx_-1,-1,-1,0.1,0.0,2"
    assert study.points == [] and set(study.files()) == {"velocity.csv", "curves.png"}
    assert len(study.files()["velocity.csv"].splitlines()) == 1 + len(results.points())
    assert first.document["num_clips"] == 7 and set(first.files()) == {"velocity.csv", "heatmap.png"}


def test_a_grid_of_one_row_is_a_curve_over_the_angle(row):
    model = row(ModelVelocity, ROTATING.base, Settings(1), [TURNS])
    (axes,) = model.grid_figure(model.means, model.title).axes
    assert axes.lines[0].get_xdata().tolist() == [-10, 0, 10] and axes.get_yscale() == "log"
    assert list(model.curve()) == ["angle_-10", "angle_0", "angle_10"]


def test_a_grid_of_horizontal_velocities_is_a_curve_over_them(row):
    base = Experiment().override({"data.drift": "horizontal"})
    model = row(ModelVelocity, base, Settings(1), [LEVEL])
    (axes,) = model.grid_figure(model.means, model.title).axes
    assert axes.lines[0].get_xdata().tolist() == [-1, 0, 1] and axes.get_xlabel().startswith("$v_x$")
    *_, record = model.run_records()
    files = record.files()
    lines = files["velocity.csv"].decode().splitlines()
    assert set(files) == {"velocity.csv", "curve.png"} and lines[0] == "name,vx,mean,deviation,n"
    assert lines[1:5] == ["V0,,0.9,,1", "V1,,0.6,,1", "vx_-1,-1,0.5,,1", "vx_0,0,0.9,,1"]


def test_colours_span_a_factor_of_ten_or_more():
    scale = log_scale([0.3, 0.1, 0.2])
    assert (scale.vmin, scale.vmax) == (0.1, 1.0)


def test_rows_of_one_model_that_differ_by_another_field_are_lines_of_their_own(results):
    (model,) = results.models
    shallow, deep = (replace(model, row=replace(model.row, label=f"m, num_layers {number}")) for number in (1, 2))
    other = replace(model, row=replace(model.row, model="3dcnn", label="3dcnn"))
    (axes,) = replace(results, models=[shallow, deep, other]).curves().axes
    assert [line.get_label() for line in axes.lines[1:]] == [
        "m, num_layers 1 (n = 2)", "m, num_layers 2 (n = 2)", "3dcnn (n = 2)",
    ]  # fmt: skip
