"""The fields of a Noether Network for video: what cannot be is refused, and a switch does what the published one does.

That it does so to rounding is seen by ``tests/journeys/test_parity.py``.
"""

import pytest
import torch

from fernn.models.noether import NoetherConfig
from tests.fernn.models.noether.test_video import FRAMES, GIVEN, small


def test_fields_that_came_later_are_left_out_at_their_defaults():
    assert set(NoetherConfig.later) & NoetherConfig().flatten(for_record=True).keys() == set()
    assert NoetherConfig(skip="every").flatten(for_record=True)["skip"] == "every"


def test_only_the_embedding_is_trained_without_the_backbone():
    network, clips, noise = small(train_backbone=False)
    network.outer_loss(clips, noise, GIVEN)[0].backward()
    assert all(weight.grad is None for weight in network.backbone.parameters())
    assert all(weight.grad is not None for weight in network.embedding.parameters())


def test_an_encoder_of_the_embedding_stays_or_is_trained():
    for kind, trained in (("encoder", False), ("trained-encoder", True)):
        network, clips, noise = small(embedding=kind)
        assert not set(network.embedding.parameters()) & set(network.backbone.parameters())
        network.outer_loss(clips, noise, GIVEN)[0].backward()
        assert all((weight.grad is not None) == trained for weight in network.embedding.encoder.parameters())
        assert network.embedding.head.weight.grad.any()


@pytest.mark.parametrize(
    ("fields", "count"), [({}, 1), ({"jump_steps": 2}, 3), ({"jump_steps": 1, "inner_steps": 2, "draws": "fresh"}, 6)]
)
def test_every_jump_and_where_asked_every_prediction_has_draws_of_its_own(fields, count):
    network, clips, _ = small(**fields)
    noise = network.noise(clips, FRAMES)
    assert noise.shape == (3, FRAMES - 1, count * network.backbone.latent)
    with torch.no_grad():
        before = torch.stack([rollout.frames for rollout in network.attempts(clips, noise, GIVEN)])
        for place in range(count):
            other = noise.clone()
            other[..., place * network.backbone.latent] += 1
            after = torch.stack([rollout.frames for rollout in network.attempts(clips, other, GIVEN)])
            assert not torch.equal(after, before)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"inner_steps": -1}, "inner_steps must be 0 or more, got -1"),
        ({"inner_clips": 0}, "inner_clips must be 1 or more, got 0"),
        ({"inner_lr": -1.0}, "inner_lr must be 0 or more, got -1.0"),
        ({"kl_weight": float("nan")}, "kl_weight must be 0 or more, got nan"),
        ({"depths": (1,)}, "widths and depths must be as many"),
        ({"latent": 0}, "latent must be 1 or more, got 0"),
        ({"jump_steps": -1}, "jump_steps must be 0 or more, got -1"),
        ({"similarity": "cosine", "compared": "first"}, "model.compared must be previous where model.similarity is"),
        ({"inner_steps": 0, "jump_steps": 1}, "model.jump_steps must be 0 where model.inner_steps is 0, got 1: give"),
        ({"inner_steps": 0, "stop_gradient": True}, "model.stop_gradient must be False where model.inner_steps is 0"),
        ({"inner_steps": 0, "embedding": "maps"}, "model.embedding must be linear where model.inner_steps is 0"),
    ],
)
def test_impossible_fields_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        NoetherConfig(**fields)
