"""Experiments: rebuilt from their flat form, with the paper's defaults."""

import json

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
