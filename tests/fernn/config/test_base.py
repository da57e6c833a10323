"""Configs by dotted names: values are fitted to fields, and a misspelling is answered with the nearest name."""

from dataclasses import dataclass

import pytest

from fernn.config import Config, nearest_field, unknown_name
from fernn.experiment import Experiment


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"optim.lrr": 1e-3}, KeyError, "unknown field 'optim.lrr': did you mean 'optim.lr'"),
        ({"sed": 1}, KeyError, "did you mean 'seed'"),
        ({"model.wdith": 1}, KeyError, "unknown field 'model.wdith': it must be one of model.name, "),
        ({"model": "fern-v2"}, KeyError, "did you mean 'fernn-v2'"),
        ({"seed.x": 1}, KeyError, "field 'seed' has no parts"),
        ({"optim.lr": 0}, ValueError, "optim.lr must be above 0, got 0"),
        ({"optim.lr": float("nan")}, ValueError, "optim.lr must be above 0, got nan"),
        ({"optim.lr": "fast"}, TypeError, "lr must be of type float, got 'fast'"),
        ({"epochs": 0}, ValueError, "epochs must be 1 or more, got 0"),
        ({"epochs": True}, TypeError, "epochs must be of type int"),
        ({"seed": -1}, ValueError, "seed must be 0 or more, got -1"),
        ({"precision": "fp8"}, ValueError, "precision must be one of float32, bf16, got 'fp8'"),
        ({"data.velocity_range": -1}, ValueError, "data.velocity_range must be 0 or more, got"),
        ({"model.velocity_range": [1]}, ValueError, "must have 2 entries"),
        ({"model.embedding_channels": 8}, TypeError, "must be a list, got 8"),
    ],
)
def test_a_wrong_name_or_value_is_named_with_its_rule(values, error, message):
    with pytest.raises(error, match=message):
        Experiment().override(values)


def test_whole_numbers_serve_as_floats_and_lists_as_tuples():
    experiment = Experiment().override({"optim.lr": 1, "model.embedding_channels": [8, 16]})
    assert experiment.optim.lr == 1.0 and isinstance(experiment.optim.lr, float)
    assert experiment.model.embedding_channels == (8, 16)


FIELDS = [
    "model.name",
    "model.width",
    "model.hidden_channels",
    "data.name",
    "data.split",
    "optim.lr",
    "seed",
    "batch_size",
]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("model.wdith", "model.width"),
        ("modle.width", "model.width"),
        ("width", "model.width"),
        ("hidden_channel", "model.hidden_channels"),
        ("data.spilt", "data.split"),
        ("data.nmae", "data.name"),
        ("batch-size", "batch_size"),
        ("model.lr", "optim.lr"),
        ("data.seed", "seed"),
        ("model.depth", None),
        ("optim.name", None),
        ("model.wd", None),
        ("seed.x", None),
        ("", None),
    ],
)
def test_a_suggested_field_is_near_the_one_typed(typed, meant):
    assert nearest_field(typed, FIELDS) == meant
    said = unknown_name(typed, FIELDS, kind="field")
    assert said.startswith(
        f"unknown field {typed!r}: " + (f"did you mean {meant!r}? " if meant else "it must be one of")
    )


def test_without_the_field_its_misspelling_suggests_no_other():
    assert nearest_field("model.wdith", [name for name in FIELDS if name != "model.width"]) is None


@pytest.mark.parametrize(("typed", "hint"), [("ocaen", "did you mean 'ocean'? "), ("weather", "")])
def test_a_suggested_name_is_near_the_one_typed(typed, hint):
    said = f"unknown data set {typed!r}: {hint}it must be one of kth, ocean, translating-mnist"
    assert unknown_name(typed, ["kth", "ocean", "translating-mnist"], kind="data set") == said


@dataclass(frozen=True)
class Grown(Config):
    """A config to which a field was added."""

    width: int = 3
    pooling: str = "max"

    later = ("pooling",)


@dataclass(frozen=True)
class Whole(Config):
    """A config with a part."""

    part: Grown = Grown()


def test_a_record_leaves_out_later_fields_at_their_defaults_and_is_read_back():
    plain, mean = Whole(), Whole(Grown(pooling="mean"))
    assert plain.flatten() == {"part.width": 3, "part.pooling": "max"}
    assert plain.flatten(for_record=True) == {"part.width": 3}
    assert mean.flatten(for_record=True) == {"part.width": 3, "part.pooling": "mean"}
    for config in (plain, mean):
        assert Whole().override(config.flatten(for_record=True)) == config
