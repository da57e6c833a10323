"""Runs: initial weights come from the seed alone, and evaluation leaves the mode as it was."""

import torch

from fernn.experiment import Experiment
from fernn.train.run import Run, to_unit
from tests.fernn.train.noise import Noise, experiment


def test_seeds_decide_weights_and_nothing_else_does():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, same, other = (Run.start(experiment(seed=seed)).model.head.weight for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_prediction_restores_the_mode_and_keeps_the_order():
    run = Run.start(experiment())
    run.model.train()
    found = run.predict(Noise().evaluation("test"))
    assert run.model.training and found.ids == ["100", "101", "102", "103"]
    assert found.values["logits"].shape == (4, 6) and found.values["label"].tolist() == [4, 5, 0, 1]


def test_a_rotating_networks_weights_do_not_depend_on_what_was_built_before():
    fields = {"data.name": "rotating-mnist", "model": "grnn", "model.hidden_fields": 1, "model.group_order": 4}
    first, second = (Run.start(Experiment().override(fields)).model for _ in range(2))
    assert all(torch.equal(one, same) for one, same in zip(first.parameters(), second.parameters(), strict=True))


def test_grey_levels_are_divided_and_floats_are_not():
    device = torch.device("cpu")
    assert to_unit(torch.tensor([255], dtype=torch.uint8), device) == 1 and to_unit(torch.tensor([0.5]), device) == 0.5
