"""Noether Networks: published sizes, parity with plain loops, gradients through the inner step, and plain SVG.

Counted in dylandoblar/noether-networks @c7a65a2, video_prediction/models/: vgg_128.py (28-142), lstm.py (5-56) and
embedding.py (11-23), with the sizes of README.md (23-59) and of train_noether_net.py (83-89); initial weights and
open forget gates are those of utils.py (345-364). The loops are ``tests/fernn/reference/svg.py``, which follows the
same code. The outer loss is svg_crit (utils.py 43-52). Actions are held against ``tests/golden``, see
``tests/support/golden.py`` for the lines.
"""

import copy

import pytest
import torch
from torch import nn

from fernn.layers.conditional import ConditionalNorm, identity_conditioning
from fernn.models.noether import NoetherConfig
from fernn.models.noether.video import SVG
from tests.fernn.reference import svg as plain_svg

SMALL = {
    "widths": (3, 4), "depths": (1, 2), "code": 4, "latent": 2, "recurrent": 3, "channels": 2,
    "embedding_width": 2, "embedding_dimensions": 3, "inner_lr": 0.3, "kl_weight": 0.1,
}  # fmt: skip
GIVEN, FRAMES = 2, 5


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def small(dtype=torch.float64, **fields):
    """A small network with weights so large that tailoring and the latent draws are felt, and clips with noise."""
    torch.manual_seed(0)
    network = NoetherConfig(**(SMALL | fields)).build()
    with torch.no_grad():
        for parameter in network.backbone.parameters():
            parameter.normal_(0, 0.7)
    clips, noise = torch.rand(3, FRAMES, 2, 16, 16), torch.randn(3, FRAMES - 1, 2)
    return network.to(dtype), clips.to(dtype), noise.to(dtype)


def test_parameter_counts_are_the_published_ones():
    network = NoetherConfig().build()
    backbone = network.backbone
    parts = (backbone.encoder, backbone.decoder, backbone.frame_predictor, backbone.prior, backbone.posterior)
    assert [count(part) for part in parts] == [15_772_096, 21_264_451, 1_134_976, 592_256, 592_256]
    assert count(network.embedding) == 4_250_464 and count(network) == 43_606_499
    layers = [sum(isinstance(m, ConditionalNorm) for m in part.modules()) for part in parts[:2]]
    assert layers == [14, 13] and sum(part.shape[1] for part in identity_conditioning(backbone, 1).values()) == 2 * (
        2 * 64 + 2 * 128 + 3 * 256 + 6 * 512 + 128 + 512 + 3 * 512 + 2 * 512 + 256 + 2 * 256 + 128 + 128 + 64 + 64
    )
    assert not [name for name in network.state_dict() if "gamma" in name or "beta" in name]
    narrow = NoetherConfig(widths=(1,), depths=(1,), recurrent=128).build().backbone
    assert (count(narrow.frame_predictor), count(narrow.prior)) == (305_408, 165_120)
    assert (narrow.frame_predictor.cells[1].bias_ih[128:256] == 1).all()
    weights = torch.cat([backbone.decoder.blocks[0][0][0].weight.flatten(), backbone.prior.embed.weight.flatten()])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01) and not backbone.prior.embed.bias.any()


@pytest.mark.parametrize("taught", [True, False])
@pytest.mark.parametrize(
    "fields",
    [
        {"inner_steps": 0},
        {"inner_steps": 1},
        {"inner_steps": 2, "compared": "both", "inner_clips": 1},
        {"inner_steps": 1, "compared": "first"},
    ],
    ids=str,
)
def test_predictions_and_gradients_equal_plain_loops_sample_by_sample(taught, fields):
    network, clips, noise = small(**fields)
    found = network.rollout(clips, noise, GIVEN, taught)
    plain = copy.deepcopy(network)
    each = [plain_svg.tailored(plain, clips[i : i + 1], noise[i : i + 1], GIVEN, taught) for i in range(len(clips))]
    frames = torch.cat([one for one, _ in each])
    divergence = torch.stack([one for _, one in each])
    torch.testing.assert_close(found.frames, frames, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found.divergence, divergence, rtol=1e-10, atol=1e-12)
    for result in ((found.frames, found.divergence), (frames, divergence)):
        ((result[0] - clips).square().sum() + result[1].sum()).backward()
    for (name, ours), theirs in zip(network.named_parameters(), plain.parameters(), strict=True):
        assert (ours.grad is None) == (theirs.grad is None), name
        if ours.grad is not None:  # a sum over frames in another order
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-8, atol=1e-11, msg=name)


def test_the_gradient_through_the_inner_step_is_the_slope_of_the_outer_loss():
    network, clips, noise = small(inner_steps=2)
    loss, _ = network.outer_loss(clips, noise, GIVEN)
    loss.backward()
    for part in (network.embedding, network.backbone):
        weights = [parameter for parameter in part.parameters() if parameter.grad is not None]
        direction = [torch.randn_like(weight) for weight in weights]
        slope = sum((weight.grad * way).sum() for weight, way in zip(weights, direction, strict=True))
        step = 1e-6
        losses = []
        for sign in (1, -1):
            with torch.no_grad():
                for weight, way in zip(weights, direction, strict=True):
                    weight += sign * step * way
                losses.append(network.outer_loss(clips, noise, GIVEN)[0])
                for weight, way in zip(weights, direction, strict=True):
                    weight -= sign * step * way
        measured = (losses[0] - losses[1]) / (2 * step)
        assert abs(slope) > 1e-4  # the embedding is reached by second derivatives alone
        torch.testing.assert_close(slope, measured, rtol=1e-5, atol=1e-9)  # the difference's own error: step^2


@pytest.mark.parametrize("fields", [{"inner_steps": 0}, {"inner_steps": 1, "inner_lr": 0.0}], ids=str)
def test_without_an_inner_step_it_is_plain_svg_bit_for_bit(fields):
    network, clips, noise = small(torch.float32, **fields)
    plain = copy.deepcopy(network.backbone)
    for module in list(plain.modules()):
        for name, child in module.named_children():
            if isinstance(child, ConditionalNorm):
                setattr(module, name, nn.Identity())
    for taught in (True, False):
        found, expected = network.rollout(clips, noise, GIVEN, taught), plain(clips, noise, GIVEN, taught)
        assert torch.equal(found.frames, expected.frames) and torch.equal(found.divergence, expected.divergence)
    loss, rollout = network.outer_loss(clips, noise, GIVEN)
    expected = plain(clips, noise, GIVEN, True)
    theirs = (expected.frames - clips).square().mean(dim=(0, 2, 3, 4)).sum() + 0.1 * expected.divergence.mean()
    assert torch.equal(loss, theirs)
    loss.backward()
    theirs.backward()
    for ours, other in zip(network.backbone.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, other.grad)


def test_a_prediction_reads_the_given_frames_alone_and_no_gradient_is_kept():
    network, clips, noise = small()
    with torch.no_grad():
        found = network.rollout(clips, noise, GIVEN)
        other = clips.clone()
        other[:, GIVEN:] = 0
        assert torch.equal(network.rollout(other, noise, GIVEN).frames, found.frames)
        assert torch.equal(network(clips[:, :GIVEN], FRAMES - GIVEN, noise), found.frames[:, GIVEN:])
        assert not found.frames.requires_grad
        assert network(clips[:, :GIVEN], 4).shape == (3, 4, 2, 16, 16)
        assert torch.equal(found.frames[:, :GIVEN], clips[:, :GIVEN])


@pytest.fixture
def svg():
    return SVG(1, (3, 4), (1, 1), code=4, latent=2, recurrent=3)


@pytest.fixture
def clips():
    return torch.rand(2, 4, 1, 16, 16)


@pytest.mark.parametrize("taught", [True, False])
def test_given_frames_are_returned_and_every_other_frame_has_a_draw(svg, clips, taught):
    frames, divergence = svg(clips, torch.randn(2, 3, 2), 2, taught)
    assert frames.shape == clips.shape and torch.equal(frames[:, :2], clips[:, :2])
    assert divergence.shape == (2,) and (divergence > 0).all()


def test_the_divergence_is_of_frames_that_are_seen(svg, clips):
    noise = torch.randn(2, 3, 2)
    with torch.no_grad():
        assert torch.equal(svg(clips, noise, 4).divergence, svg(clips, noise, 2, taught=True).divergence)


def test_impossible_clips_are_refused(svg, clips):
    noise = torch.randn(2, 3, 2)
    with pytest.raises(ValueError, match="frames must be 16x16 for this many blocks, got 8x16"):
        svg(clips[..., :8, :], noise, 2)
    with pytest.raises(ValueError, match="2 frames or more must be given, got 1"):
        svg(clips, noise, 1)


def acting(**fields):
    network, clips, noise = small(**({"inner_steps": 0, "use_actions": True, "action_width": 4} | fields))
    return network, clips, noise, torch.randn(3, FRAMES, 1).double()


def test_an_action_is_felt_by_the_frames_that_follow_it_alone():
    network, clips, noise, actions = acting()
    with torch.no_grad():
        found = network(clips[:, :GIVEN], FRAMES - GIVEN, noise, actions)
        for i in range(FRAMES):
            other = actions.clone()
            other[:, i] += 1
            moved = network(clips[:, :GIVEN], FRAMES - GIVEN, noise, other) != found
            felt = moved.flatten(2).any(dim=2).all(dim=0).tolist()
            assert felt == [frame > i for frame in range(GIVEN, FRAMES)]


def test_a_network_that_reads_no_actions_does_not_see_them():
    network, clips, noise = small()
    with torch.no_grad():
        plain = network(clips[:, :GIVEN], 3, noise)
        assert torch.equal(network(clips[:, :GIVEN], 3, noise, torch.randn(3, FRAMES, 1).double()), plain)


def test_reading_actions_widens_three_layers_and_leaves_all_other_first_weights():
    torch.manual_seed(5)
    plain = NoetherConfig(**SMALL).build().state_dict()
    torch.manual_seed(5)
    network = NoetherConfig(**SMALL, use_actions=True).build()
    wider = {name for name, weight in network.state_dict().items() if weight.shape != plain[name].shape}
    assert wider == {f"backbone.{name}.embed.weight" for name in ("frame_predictor", "prior", "posterior")}
    assert count(network) - sum(weight.numel() for weight in plain.values()) == 3 * 8 * SMALL["recurrent"]
    alike = [name for name in plain if name not in wider and "embedding" not in name]
    assert all(torch.equal(plain[name], network.state_dict()[name]) for name in alike)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (None, "actions must be given for 4 steps, as the network reads them, got none"),
        (torch.zeros(3, 3, 1), "actions must be given for 4 steps, as the network reads them, got 3"),
        (torch.zeros(3, 4, 3), "model.action_width must be a multiple of the 3 numbers of an action, got 4"),
        (torch.zeros(3, 4, 8), "model.action_width must be a multiple of the 8 numbers of an action, got 4"),
    ],
    ids=str,
)
def test_actions_that_do_not_fit_are_refused(actions, message):
    network, clips, noise, _ = acting()
    with pytest.raises(ValueError, match=message):
        network(clips[:, :GIVEN], FRAMES - GIVEN, noise, actions)


def test_an_action_of_two_numbers_is_repeated_as_a_whole():
    network, _, noise, _ = acting()
    actions = torch.arange(2.0).expand(3, FRAMES, 2)
    assert network.backbone.acting(actions, noise)[0, 0].tolist() == [0, 1, 0, 1]
