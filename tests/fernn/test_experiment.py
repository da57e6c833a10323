"""Experiments: rebuilt from their flat form, with the paper's defaults."""

import json

import pytest

from fernn.experiment import Experiment
from fernn.models import MODELS


def test_an_experiment_is_rebuilt_from_its_flat_form():
    for data, name in [(data, name) for data, models in MODELS.items() for name in models]:
        experiment = Experiment().override({"data.name": data, "model": name, "optim.lr": 1e-4, "seed": 7})
        flat = json.loads(json.dumps(experiment.flatten()))
        assert Experiment().override(flat) == experiment


def test_defaults_are_the_papers():
    flat = Experiment().flatten()
    assert (flat["epochs"], flat["batch_size"], flat["optim.clip_norm"]) == (500, 32, 1.0)
    assert (flat["data.size"], flat["data.num_frames"], flat["data.velocity_range"]) == (32, 16, 2)


def test_the_model_is_chosen_before_its_fields():
    experiment = Experiment().override({"model.base": 4, "model": "3dcnn"})
    assert experiment.model.base == 4


def test_actions_are_read_only_where_the_data_has_any():
    acting = {"data.name": "controlled-pendulum", "model": "noether", "model.use_actions": True}
    experiment = Experiment().override(acting)
    assert experiment.flatten(for_record=True)["model.use_actions"]
    assert "model.use_actions" not in Experiment().override(acting | {"model.use_actions": False}).flatten(
        for_record=True
    )
    with pytest.raises(ValueError, match="model.use_actions must be false on physics101, which has no actions: leave"):
        Experiment().override(acting | {"data.name": "physics101"})
