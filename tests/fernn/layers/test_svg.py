"""The parts of SVG: sizes of codes and maps, distributions of codes, and initial weights.

The divergence is compared with PyTorch's, the whole network with ``tests/fernn/reference/svg.py``. Forget gates:
dylandoblar/noether-networks @c7a65a2, video_prediction/utils.py (359-364).
"""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from fernn.layers.svg import CodePredictor, Decoder, Encoder, Gaussian, GaussianLSTM


def gaussian():
    return Gaussian(torch.randn(3, 2, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64))


def as_normal(distribution):
    return Normal(distribution.mean, torch.exp(distribution.log_variance / 2))


def test_the_divergence_is_that_of_normal_distributions():
    first, second = gaussian(), gaussian()
    expected = kl_divergence(as_normal(first), as_normal(second)).sum(dim=1)
    torch.testing.assert_close(first.divergence(second), expected)
    assert first.divergence(first).tolist() == [0, 0, 0]


def test_a_draw_of_one_is_a_deviation_from_the_mean():
    distribution = gaussian()
    torch.testing.assert_close(
        distribution.sample(torch.ones(3, 2)) - distribution.mean, as_normal(distribution).stddev
    )


def test_a_decoder_makes_pictures_from_an_encoders_code_and_maps():
    shape = (2, (3, 4), (1, 2), 5)
    codes, skips = Encoder(*shape)(torch.rand(2, 2, 16, 16))
    assert codes.shape == (2, 5) and [maps.shape[1:] for maps in skips] == [(3, 16, 16), (4, 8, 8)]
    pictures = Decoder(*shape)(codes, skips)
    assert pictures.shape == (2, 2, 16, 16) and pictures.min() > 0 and pictures.max() < 1


@pytest.mark.parametrize("kind", [CodePredictor, GaussianLSTM])
def test_the_state_goes_on_from_zero(kind):
    network, codes = kind(3, 2, 4, num_layers=2), torch.randn(2, 3)
    start = network.start(codes)
    assert [part.shape for pair in start for part in pair] == [(2, 4)] * 4
    assert not any(part.any() for pair in start for part in pair)
    _, state = network(codes, start)
    assert all(part.any() for pair in state for part in pair)


def test_forget_gates_of_the_code_predictor_start_open():
    cell = CodePredictor(3, 2, 4, num_layers=1).cells[0]
    assert (cell.bias_ih[4:8] == 1).all() and not (cell.bias_ih[:4] == 1).any()


def test_a_widened_network_takes_more_values_and_keeps_all_but_its_first_layer():
    network = GaussianLSTM(3, 2, 4, num_layers=1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.widen(5)
    after = network.state_dict()
    assert list(after) == list(before) and after["embed.weight"].shape == (4, 8)
    assert {name for name in after if not torch.equal(after[name], before[name])} == {"embed.weight"}
    assert 0 < after["embed.weight"].abs().max() < 0.2 and not after["embed.bias"].any()
