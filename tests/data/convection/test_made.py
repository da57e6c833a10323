"""Fields that are solved for: the same every time, the right way up, of a flow that carries its heat."""

import json

import numpy as np
import pytest

from data.convection import made
from data.convection.balance import WAYS
from data.convection.published import divergence
from data.convection.solver import Layer, State
from data.errors import DataError
from data.fields.schema import read_tiles
from data.registry import data_set
from fernn.config import MadeConvectionConfig, data_config


def test_fields_become_squares_with_the_solvers_settings_and_heat_transport(two_cpus, layer_config, solved, tmp_path):
    manifest = made.prepare(tmp_path, layer_config)
    folder = made.folder_of(tmp_path, layer_config)
    tiles = read_tiles(folder, manifest)
    assert [tile.name for tile in tiles] == ["made/0/0", "made/0/1", "made/0/2"] and not manifest.demo
    assert np.array_equal(np.concatenate([tile.frames for tile in tiles], axis=-1), solved)  # bit for bit, once more
    assert json.loads(manifest.details["config"])["rayleigh"] == 2e4
    assert set(manifest.details["nusselt"]) == set(WAYS) and 2 < manifest.details["nusselt"]["bottom"] < 5
    assert made.prepare(tmp_path, layer_config) == manifest
    stream = data_set(layer_config.name).read(folder, manifest).stream(layer_config, 8)
    counts = data_set("made-convection").num_clips(layer_config, None, False)  # before anything is solved for
    assert counts == {split: stream.num_clips(split) for split in counts}
    (batch,) = stream.evaluation("validation")
    assert batch.clips.shape == (6, 2, 2, 16, 16)


def test_the_fields_have_no_divergence_the_right_way_up_alone(solved):
    frames = solved.astype(np.float64)
    assert divergence(frames) < 0.15 and divergence(frames[:, :, ::-1]) > 1.3 and divergence(frames[:, ::-1]) > 0.4


def test_a_pixel_is_the_mean_of_its_cells_and_hot_fluid_rises_up_the_picture():
    layer = Layer(1e5, 0.71, 4, 8, 2.0)
    warm = np.zeros((4, 8))
    warm[1, 4] = 0.1
    rising = made.pixels(layer.advanced(layer.at_rest(warm), 0.3), 1)
    assert rising[1, 2, 4] > 0 and rising[1, 2, 4] == rising[1].max()  # row 1 from below is row 2 from the top
    w = np.arange(5.0)[:, None] * np.ones((5, 8))
    fields = made.pixels(State(np.ones((4, 8)), w, warm), 2)
    assert fields.shape == (2, 2, 4) and (fields[0] == 1).all() and fields[1, :, 0].tolist() == [3, 1]


def test_what_the_fields_depend_on_names_their_folder(tmp_path, layer_config):
    folder = made.folder_of(tmp_path, layer_config)
    for name, value in (("rayleigh", 3e4), ("size", 8), ("warm_up", 1.0)):
        assert made.folder_of(tmp_path, layer_config.override({name: value})) != folder
    for name, value in (("num_clips", (1, 1, 1, 0)), ("protocol", "published"), ("shares", (0.5, 0.3, 0.2))):
        assert made.folder_of(tmp_path, layer_config.override({name: value})) == folder


def test_what_cannot_be_solved_for_is_named(tmp_path, layer_config, monkeypatch):
    with pytest.raises(DataError, match="made-convection is solved for: leave --files out"):
        made.prepare(tmp_path, layer_config, tmp_path)
    monkeypatch.setattr(Layer, "longest_step", lambda self, state: 2.0)
    with np.errstate(all="ignore"), pytest.raises(DataError, match="raise data.refinement, or lower data.rayleigh"):
        made.prepare(tmp_path, layer_config.override({"rayleigh": 1e9, "interval": 20.0}))
    assert not made.folder_of(tmp_path, layer_config).exists()


def test_a_flow_that_is_too_fine_for_its_grid_stays_finite_and_is_refused(tmp_path, layer_config):
    coarse = layer_config.override({"size": 8, "squares": 2, "rayleigh": 1e8})
    layer, state = made.layer_of(coarse), made.first_state(coarse)
    assert np.isfinite(layer.advanced(state, 8.0).temperature).all()
    rule = r"8 rows of cells are too coarse for Rayleigh number 1e\+08: temperatures lie 0\.\d+ outside"
    with pytest.raises(DataError, match=rule):
        made.prepare(tmp_path, coarse)
    assert not made.folder_of(tmp_path, coarse).exists()


def test_the_same_fields_are_a_demo_where_a_demo_asks_for_them(tmp_path, layer_config):
    few = layer_config.override({"size": 4, "num_fields": 1, "warm_up": 0.0})
    for demo in (True, False, True):
        assert made.prepare(tmp_path, few, demo=demo).demo is demo


def test_the_first_frame_is_one_interval_after_the_warm_up(layer_config):
    few = layer_config.override({"size": 4, "num_fields": 1, "warm_up": 0.9, "interval": 0.5})
    state = made.first_state(few)
    for _ in range(3):  # 0.9 is nearest to two intervals
        state = made.layer_of(few).advanced(state, 0.5)
    assert np.array_equal(made.solved(few)[0][0], made.pixels(state, 1).astype(np.float32))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rayleigh": 0.0}, "data.rayleigh must be above 0, got 0"),
        ({"interval": -0.5}, "data.interval must be above 0, got -0.5"),
        ({"warm_up": -1.0}, "data.warm_up must be 0 or more, got -1"),
        ({"refinement": 0}, "data.refinement must be 1 or more, got 0"),
        ({"squares": 0}, "data.squares must be 1 or more, got 0"),
    ],
)
def test_impossible_layers_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        MadeConvectionConfig().override(fields)


def test_the_configs_say_how_fields_are_read():
    assert "standardised by the training frames" in data_config("convection").note()
    assert "Ra 1e+07, Pr 0.71, 128 rows" in data_config("made-convection").note()
