"""The command line of a search: the grid, fields and sampler that it makes of a preset."""

import pytest

from tune.core.search_spec import Preset
from tune.planning.options import (
    Clips,
    Grid,
    Options,
    Strategy,
    Training,
    chosen_settings,
    chosen_space,
    parse,
    parse_setting,
)

PRESET = Preset({"model": ("grnn", "3dcnn"), "optim.lr": (1e-4, 1e-2), "seed": (0, 1), "model.inner_steps": (0, 1)})
MOVED = Preset({**PRESET.space, "data.velocity_range": (0, 1)})


def test_options_stand_on_the_command_line_without_their_groups(monkeypatch):
    monkeypatch.setattr(
        "sys.argv", ["search.py", "--lrs", "1e-3", "--gpus-per-trial", "auto", "--no-download", "--yes"]
    )
    options = parse("a search")
    assert options.grid == Grid(lrs=(1e-3,)) and options.cluster.gpus_per_trial == "auto" and options.yes
    assert not options.clips.download and options.strategy == Strategy()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data.split=official", ("data.split", "official")),
        ("model.hidden_channels=64", ("model.hidden_channels", 64)),
        ("model.inner_steps=[0,1]", ("model.inner_steps", [0, 1])),
        ("data.note=a=b", ("data.note", "a=b")),
        ("optim.clip=null", ("optim.clip", None)),
    ],
)
def test_a_setting_is_json_where_it_reads_as_json(text, expected):
    assert parse_setting(text) == expected


@pytest.mark.parametrize("text", ["epochs", "=3", ""])
def test_a_setting_without_a_name_or_value_is_refused(text):
    with pytest.raises(ValueError, match="--set must read FIELD=VALUE"):
        parse_setting(text)


def test_the_grid_is_the_presets_with_what_was_given():
    options = Options(Grid(models=("grnn",), seeds=(5,)), training=Training(set=("model.inner_steps=5",)))
    space = chosen_space(PRESET, options)
    assert list(space) == list(PRESET.space) and space["optim.lr"] == (1e-4, 1e-2)
    assert (space["model"], space["seed"], space["model.inner_steps"]) == (("grnn",), (5,), (5,))
    listed = Options(training=Training(set=("model.inner_steps=[2,3]", "epochs=4")))
    assert chosen_space(PRESET, listed)["model.inner_steps"] == (2, 3)
    assert chosen_settings(PRESET, listed) == {"epochs": 4}
    with pytest.raises(ValueError, match="--seeds must name at least one value"):
        chosen_space(PRESET, Options(Grid(seeds=())))


def test_a_velocity_is_a_dimension_where_it_is_searched_and_else_a_field():
    options = Options(clips=Clips(data_velocity=2))
    assert chosen_space(MOVED, options)["data.velocity_range"] == (2,) and chosen_settings(MOVED, options) == {}
    assert "data.velocity_range" not in chosen_space(PRESET, options)
    assert chosen_settings(PRESET, options) == {"data.velocity_range": 2}


def test_a_preset_that_fine_tunes_wants_weights():
    with pytest.raises(ValueError, match="starts from weights: give --weights FILE"):
        chosen_settings(Preset(PRESET.space, finetunes=True), Options())
