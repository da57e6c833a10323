"""Recurrent classifiers: published parameter counts, parity with plain loops, the law of flow equivariance.

Counted in akandykeller/FERNN @7def7bc, kth/train_kth_classification.py: FERNN_Classifier (592-612) as main builds it
(892-922). The loops are ``tests/fernn/reference/cell.py``, which follows the same file.
"""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fernn.equivariance import assert_flow_equivariant, drift
from fernn.flows import TranslationFlow
from fernn.models import MODELS, model_config
from fernn.models.fernn import FERNNConfig, GRNNPlusConfig
from tests.fernn.reference.cell import plain_logits

SMALL = {"hidden_channels": 4, "embedding_channels": (3,)}
CONFIGS = [
    FERNNConfig(velocity_range=(0, 0), **SMALL),
    FERNNConfig(velocity_range=(1, 2), **SMALL),
    FERNNConfig(velocity_range=(2, 0), embedding_padding="circular", **SMALL),
    GRNNPlusConfig(velocity_range=(1, 2), **SMALL),
]


RECURRENT = [name for name in MODELS["kth"] if name != "3dcnn"]


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", RECURRENT)
def test_parameter_counts_are_the_published_ones(name):
    assert count(MODELS["kth"][name].build()) == {"grnn-plus": 242_263}.get(name, 241_638)
    assert MODELS["kth"][name].name == name


def test_the_smaller_grnn_plus_has_its_published_count():
    assert count(GRNNPlusConfig(velocity_range=(1, 1)).build()) == 241_719


@pytest.mark.parametrize("name", RECURRENT)
def test_every_model_maps_clips_to_logits(name):
    logits = MODELS["kth"][name].build()(torch.rand(2, 4, 1, 8, 8))
    assert logits.shape == (2, 6)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_fast_path_equals_plain_loops(config, training, dtype):
    torch.manual_seed(0)
    fast = config.build().to(dtype).train(training)
    plain = copy.deepcopy(fast)
    clips, labels = torch.rand(3, 6, 1, 9, 8, dtype=dtype), torch.tensor([0, 3, 5])
    losses = [F.cross_entropy(fast(clips), labels), F.cross_entropy(plain_logits(plain, config, clips), labels)]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=0)
    for (name, ours), theirs in zip(fast.named_parameters(), plain.parameters(), strict=True):
        error = (ours.grad - theirs.grad).abs().max() / theirs.grad.abs().max()
        assert error < 1e-4, name
    for ours, theirs in zip(fast.buffers(), plain.buffers(), strict=True):
        if ours.is_floating_point():
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def equivariant_model(range_y, range_x, seed, num_layers=1):
    torch.manual_seed(seed)
    config = FERNNConfig(
        velocity_range=(range_y, range_x), embedding_padding="circular", num_layers=num_layers, **SMALL
    )
    return config.build().double().eval()


@settings(max_examples=25, deadline=None)
@given(
    ranges=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    drift=st.tuples(st.integers(-2, 2), st.integers(-2, 2)),
    seed=st.integers(0, 2**16),
)
def test_hidden_states_ride_along_with_a_drifting_clip(ranges, drift, seed):
    drift = tuple(max(-2 * r, min(2 * r, w)) for r, w in zip(ranges, drift, strict=True))
    model = equivariant_model(*ranges, seed)
    clips = torch.rand(1, 5, 1, 7, 8, dtype=torch.float64)
    assert_flow_equivariant(model.hidden_states, TranslationFlow.box(*ranges), clips, drift, 1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_law_holds_through_two_layers_with_circular_padding(dtype, tolerance):
    """Deeper layers read maps of the moving state; their embedding must be circular, too."""
    model = equivariant_model(1, 1, seed=0, num_layers=2).to(dtype)
    clips = torch.rand(2, 5, 1, 8, 8, dtype=dtype)
    assert_flow_equivariant(model.hidden_states, TranslationFlow.box(1, 1), clips, (1, -1), tolerance)


def test_bad_widths_and_ranges_are_refused():
    with pytest.raises(ValueError, match="velocity range must be 0 or more"):
        FERNNConfig(velocity_range=(-1, 1))
    with pytest.raises(ValueError, match="hidden_channels must be 1 or more, got 0"):
        FERNNConfig(hidden_channels=0)
    with pytest.raises(KeyError, match="did you mean 'fernn-v1'"):
        model_config("fern-v1")


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_pooling_by_mean_or_sum_keeps_what_is_invariant_and_the_law(pooling):
    torch.manual_seed(0)
    fields = {"pooling": pooling, "embedding_padding": "circular", "hidden_channels": 4, "embedding_channels": (3,)}
    model = FERNNConfig().override(fields).build().eval()
    clips = torch.rand(2, 4, 1, 6, 6)
    *_, top = model.hidden_states(clips)
    maps = top.mean(dim=(0, -2, -1)) * (len(top) if pooling == "sum" else 1)
    torch.testing.assert_close(model(clips), model.head(maps))
    velocities = [(0, 1), (-1, 0)]
    moved = torch.stack([model(drift(model.flow, clips, velocity)) for velocity in velocities])
    torch.testing.assert_close(model.drift_logits(clips, velocities), moved, rtol=1e-4, atol=1e-5)
