"""Optimizers: by name, and the plain one without a name of its own."""

import numpy as np
import pytest
import torch
from torch import nn

from fernn.experiment import Experiment
from fernn.optim import AdamConfig, DecayingAdamConfig, OptimConfig

SMALL = {
    "data.name": "ocean", "model": "unet-um", "optim.name": "decaying-adam", "model.narrowing": 8, "epochs": 3,
    "model.input_length": 2, "model.output_length": 2, "data.size": 16, "data.num_frames": 5, "data.input_frames": 2,
}  # fmt: skip


def test_experiments_come_back_from_their_fields_and_old_ones_keep_theirs():
    experiment = Experiment().override(SMALL | {"optim.decay": 0.5})
    assert Experiment().override(experiment.flatten()) == experiment
    assert [name for name in Experiment().flatten() if name.startswith("optim.")] == ["optim.lr", "optim.clip_norm"]
    assert OptimConfig().lr_at(7) == OptimConfig().lr
    assert Experiment().optim.build([nn.Parameter(torch.zeros(1))]).defaults["weight_decay"] == 0


def test_epsilon_below_the_root_is_the_released_rule():
    """In float64 and one parameter at a time.

    After google/e3d_lstm @3e5bd4b, src/models/model_factory.py: adam_updates (26-50) as it is called (113-115).
    """
    config = AdamConfig(lr=0.01, epsilon=1e-3)
    weights = [nn.Parameter(torch.tensor([0.5, -2.0], dtype=torch.float64)), nn.Parameter(torch.ones(()).double())]
    optimizer, unused = config.build(weights), nn.Parameter(torch.ones(1))
    optimizer.add_param_group({"params": [unused]})
    expected, v, mg = [w.detach().numpy().copy() for w in weights], [0.0, 0.0], [0.0, 0.0]
    for t in range(1, 6):
        loss = (weights[0] ** 2).sum() * weights[1] ** 3
        optimizer.zero_grad()
        loss.backward()
        for place, g in enumerate(
            [2 * expected[0] * expected[1] ** 3, (expected[0] ** 2).sum() * 3 * expected[1] ** 2]
        ):
            v[place] = 0.95 * v[place] + 0.05 * g
            mg[place] = 0.9995 * mg[place] + 0.0005 * g**2
        for place in (0, 1):
            step = v[place] / (1 - 0.95**t) / np.sqrt(mg[place] / (1 - 0.9995**t) + 1e-3)
            expected[place] = expected[place] - 0.01 * step
        optimizer.step()
        for weight, value in zip(weights, expected, strict=True):
            np.testing.assert_allclose(weight.detach().numpy(), value, rtol=1e-12)
    assert unused.item() == 1 and AdamConfig(epsilon_in_root=False).build(weights).defaults["betas"] == (0.95, 0.9995)


def test_a_mean_over_n_clips_wants_an_epsilon_n_squared_times_smaller():
    ends = []
    for scale in (1.0, 0.25):
        weight = nn.Parameter(torch.tensor([0.5, -2.0], dtype=torch.float64))
        optimizer = AdamConfig(epsilon=1e-2 * scale**2).build([weight])
        for _ in range(4):
            optimizer.zero_grad()
            (scale * (weight**2).sum()).backward()
            optimizer.step()
        ends.append(weight.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-12, atol=0)


@pytest.mark.parametrize("config", [OptimConfig(lr=0.01), DecayingAdamConfig(lr=0.01, weight_decay=0.1)])
def test_the_fused_update_is_adams_to_rounding_also_from_a_state_of_before(config):
    """A fused update rounds otherwise, so that weights differ in their last digit."""
    torch.manual_seed(0)
    ends = []
    for fused in (False, True):
        weights = [nn.Parameter(torch.linspace(-1, 1, size)) for size in (3, 70)]
        before = torch.optim.Adam(weights, config.lr, weight_decay=config.weight_decay)
        for step in range(8):
            if fused and step == 4:
                state, before = before.state_dict()["state"], config.build(weights)
                before.load_state_dict({"state": state, "param_groups": before.state_dict()["param_groups"]})
            before.zero_grad()
            sum(weight.pow(3).sum() for weight in weights).backward()
            before.step()
        assert {slot: value.dtype for slot, value in before.state[weights[0]].items()} == dict.fromkeys(
            ("step", "exp_avg", "exp_avg_sq"), torch.float32
        )
        ends.append(weights)
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("field", "value"), [("betas", (0.9, 1.0)), ("epsilon", 0.0)])
def test_moments_and_epsilon_have_bounds(field, value):
    with pytest.raises(ValueError, match=f"optim.{field} must be"):
        AdamConfig().override({field: value})
