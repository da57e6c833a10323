"""The equivariance error: what breaks the law is noticed, and of a trained network measured."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from fernn.config import KTHConfig
from fernn.equivariance import (
    TOLERANCE,
    assert_flow_equivariant,
    breaches,
    equivariance_error,
    flow_of,
    law_errors,
)
from fernn.experiment import Experiment
from fernn.flows import TranslationFlow
from fernn.models import MODELS, model_config
from fernn.models.fernn import FERNNConfig
from fernn.models.predictor import RotatingPredictorConfig, TranslatingPredictorConfig
from fernn.train.run import Run

SMALL = {"hidden_channels": 4, "embedding_channels": (3,)}
NARROW = {"hidden_channels": 4, "embedding_channels": (4,)}


def equivariant_model(range_y, range_x, seed, num_layers=1):
    torch.manual_seed(seed)
    config = FERNNConfig(
        velocity_range=(range_y, range_x), embedding_padding="circular", num_layers=num_layers, **SMALL
    )
    return config.build().double().eval()


def test_zero_padding_breaks_the_law_measurably():
    torch.manual_seed(0)
    model = MODELS["kth"]["fernn-v1"].override(SMALL).build().double().eval()
    clips = torch.rand(1, 8, 1, 16, 16, dtype=torch.float64)
    assert equivariance_error(model.hidden_states, TranslationFlow.box(1, 1), clips, (0, 1)) > 1e-3


def test_a_reversed_flow_or_an_unmatched_velocity_is_noticed():
    model = equivariant_model(1, 1, seed=0)
    wrong_way = TranslationFlow(tuple((-vy, -vx) for vy, vx in TranslationFlow.box(1, 1).velocities))
    clips = torch.rand(1, 5, 1, 8, 8, dtype=torch.float64)
    with pytest.raises(AssertionError, match="equivariance error"):
        assert_flow_equivariant(model.hidden_states, wrong_way, clips, (1, 0), 1e-12)
    with pytest.raises(ValueError, match="out of V"):
        equivariance_error(model.hidden_states, TranslationFlow.box(1, 1), clips, (3, 0))


def run_of(model, **fields):
    return Run.start(Experiment(model=model, data=KTHConfig(size=9, num_frames=5), **fields))


def clips(channels=1, frames=5, size=9):
    torch.manual_seed(0)
    return torch.randint(0, 256, (3, frames, channels, size, size), dtype=torch.uint8)


def test_zero_padding_breaks_the_law_and_the_same_weights_keep_it_where_nothing_is_padded():
    errors = law_errors(run_of(FERNNConfig(**NARROW)), clips())
    assert list(errors) == ["own/float32", "own/float64", "circular/float32", "circular/float64"]
    assert min(errors["own/float32"], errors["own/float64"]) > 1e-3
    assert errors["circular/float64"] < 1e-12 and errors["circular/float32"] < 1e-5
    assert breaches(errors) == []


def test_a_circular_network_is_its_own_twin():
    errors = law_errors(run_of(FERNNConfig(embedding_padding="circular", **NARROW)), clips())
    assert errors["own/float64"] == errors["circular/float64"] < 1e-12


def test_the_precision_of_the_training_is_measured_too():
    errors = law_errors(run_of(FERNNConfig(**NARROW), precision="bf16"), clips())
    assert errors["circular/bf16"] <= TOLERANCE["bf16"]
    assert list(errors)[:3] == ["own/float32", "own/float64", "own/bf16"]


def test_a_frame_predictors_states_keep_the_law():
    errors = law_errors(run_of(TranslatingPredictorConfig(velocity_range=(1, 1), hidden_channels=4)), clips())
    assert errors["circular/float64"] < 1e-12 and errors["own/float64"] < 1e-12


def test_rotations_are_measured_and_never_a_breach():
    model = RotatingPredictorConfig(velocities=(-90.0, 0.0, 90.0), group_order=4, hidden_fields=1)
    errors = law_errors(run_of(model), clips())
    assert set(errors) == {"own/float32", "own/float64"}
    assert breaches(errors) == []


@pytest.mark.parametrize("name", ["grnn", "grnn-plus", "3dcnn"])
def test_a_network_without_velocities_has_no_law_to_keep(name):
    small = {"base": 2} if name == "3dcnn" else NARROW
    assert law_errors(run_of(replace(model_config(name), **small)), clips(size=16, frames=8)) == {}


def test_the_weights_are_left_as_they_are():
    run = run_of(FERNNConfig(**NARROW))
    before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    run.model.train()
    law_errors(run, clips())
    assert run.model.training and {t.dtype for t in run.model.parameters()} == {torch.float32}
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


class Leaky(nn.Module):
    """Keeps no law, though it says that it pads nothing with zeros."""

    is_equivariant = True

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.flow = FERNNConfig().build().flow

    def hidden_states(self, clips):
        ramp = torch.linspace(0, 1, clips.shape[-1]).to(clips)
        return [self.weight.to(clips) * (clips[:, t] + ramp).expand(9, -1, -1, -1, -1) for t in range(clips.shape[1])]


def test_a_network_that_breaks_the_law_is_found():
    run = run_of(FERNNConfig(**NARROW))
    run.model = Leaky()
    said = breaches(law_errors(run, clips()))
    assert len(said) == 2 and "in float64, tolerance 1e-10" in said[1]


def test_states_that_are_no_numbers_are_a_breach():
    run = run_of(FERNNConfig(**NARROW))
    run.model = Leaky()
    with torch.no_grad():
        run.model.weight.fill_(float("nan"))
    assert len(breaches(law_errors(run, clips()))) == 2


def test_an_error_that_is_no_number_is_a_breach():
    assert breaches({"circular/float32": float("nan"), "own/float32": float("nan")}) == [
        "equivariance error nan in float32, tolerance 1e-04"
    ]


def test_every_recurrent_network_of_kth_with_a_flow_says_which():
    none = {name for name, config in MODELS["kth"].items() if flow_of(config.build()) is None}
    assert none == {"grnn-plus", "3dcnn"}
