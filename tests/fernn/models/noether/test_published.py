"""Published weights in our video network: what its sizes are read from, and what is refused.

That it then computes what the published one does is measured in ``tests/journeys/test_parity.py``.
"""

import pytest
import torch

from fernn.models.noether.published import published_noether
from tests.support.golden import drawn, golden


@pytest.fixture(scope="module")
def weights():
    _, metadata = golden("noether_video_float32")
    names = [parameter.partition(":")[0] for parameter in metadata["parameters"].split(";")]
    return dict(zip(names, drawn(metadata), strict=True))


def test_sizes_are_read_from_the_shapes_and_settings_are_given(weights):
    network = published_noether(weights, inner_steps=2, inner_lr=0.5, inner_clips=3, kl_weight=0.25)
    backbone, inner = network.backbone, network.inner
    assert (inner.steps, inner.lr, inner.clips, network.kl_weight) == (2, 0.5, 3, 0.25)
    assert (backbone.size, backbone.latent, network.embedding.num_frames) == (64, 5, 2)
    assert sum(weight.numel() for weight in weights.values()) == sum(p.numel() for p in network.parameters())
    assert torch.equal(backbone.decoder.last.weight, weights["decoder.upc5.1.weight"])
    assert torch.equal(backbone.frame_predictor.cells[1].bias_hh, weights["frame_predictor.lstm.1.bias_hh"])


def test_the_conditioning_is_no_weight_and_the_precision_is_kept(weights):
    double = {name: weight.double() for name, weight in weights.items()}
    network = published_noether(double | {"encoder.c1.0.main.2.gamma": torch.ones(2, 4, 1, 1)})
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float64}


def test_weights_that_do_not_fit_are_refused(weights):
    def without(name):
        return {other: weight for other, weight in weights.items() if other != name}

    with pytest.raises(ValueError, match=r"batch normalisation: give those trained with --batch_norm_to_group_norm"):
        published_noether(weights | {"encoder.c1.0.main.1.running_mean": torch.zeros(4)})
    with pytest.raises(ValueError, match=r"the weights have no 'emb\.fc1\.weight': they are not those"):
        published_noether(without("emb.fc1.weight"))
    with pytest.raises(ValueError, match=r"do not fit the published video network: .*decoder\.first\.0\.bias"):
        published_noether(without("decoder.upc1.0.bias"))
    with pytest.raises(ValueError, match=r"do not fit .*backbone\.other"):
        published_noether(weights | {"other": torch.ones(1)})
    with pytest.raises(KeyError, match=r"inner_stps.*inner_steps"):
        published_noether(weights, inner_stps=1)
