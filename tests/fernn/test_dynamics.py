"""Dynamics networks: parameter counts, parity with plain blocks, the law of each symmetry."""

import math
from functools import lru_cache

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_dynamics import magnitude, resampled, tiled_uniform_motion, uniform_motion

from fernn.layers.magnitude import MagnitudeConvolution
from fernn.layers.scale import FACTORS, ScaleConvolution
from fernn.layers.steerable import FieldConvolution, FieldNorm, FieldUpsampling
from fernn.layers.uniform_motion import UniformMotionConvolution
from fernn.models.dynamics import DYNAMICS, ResNetConfig, UNetConfig
from fernn.models.dynamics.scaling import gaussian, scale_levels

BY_NAME = {config.name: config for config in DYNAMICS}
PUBLISHED = {
    "resnet": 12_573_890, "resnet-um": 12_575_814, "resnet-mag": 12_575_814, "resnet-rot": 14_612_592,
    "resnet-scale": 4_141_922, "unet": 6_240_434, "unet-um": 6_244_630, "unet-mag": 6_281_686,
    "unet-rot": 7_122_160, "unet-scale": 4_702_698,
}  # fmt: skip


def narrow(name):
    """As narrow as the symmetry allows, or a little wider."""
    return BY_NAME[name].override({"base": 8 if name.startswith("unet") else 2, "input_length": 2})


HYPOTHESIS = settings(max_examples=5, deadline=None)


def unused(name, model):
    """Parameters that the published code builds in such a network and never uses."""
    layers = list(model.modules())
    if name.endswith(("-um", "-mag")):  # a batch normalisation, two numbers a channel, beside every layer
        return sum(2 * m.convolution.out_channels for m in layers if hasattr(m, "convolution"))
    if name.endswith("-scale"):  # a bias
        return sum(len(m.weights) for m in layers if isinstance(m, ScaleConvolution))
    if name == "resnet-rot":  # a third layer in blocks that keep their width
        return sum(48 * n * n + n + 2 * n for n in (32, 64, 128, 192))
    return 0


@pytest.mark.parametrize("name", BY_NAME)
def test_parameter_counts_are_the_published_ones_less_what_is_never_used(name):
    model = BY_NAME[name].build()
    assert sum(parameter.numel() for parameter in model.parameters()) + unused(name, model) == PUBLISHED[name]


@pytest.mark.parametrize("name", BY_NAME)
def test_every_network_rolls_out_and_every_parameter_is_used(name):
    model = narrow(name).build()
    frames = torch.randn(2, 3, 2, 16, 16)
    predicted = model(frames, 2)
    assert predicted.shape == (2, 2, 2, 16, 16)
    following = model(torch.cat([frames[:, 2:], predicted[:, :1]], dim=1), 1)  # the second step reads the first
    if not name.endswith("rot") and name != "resnet":  # whose batch statistics follow their batch
        torch.testing.assert_close(following[:, 0], predicted[:, 1])
    predicted.square().sum().backward()
    assert not [name for name, parameter in model.named_parameters() if parameter.grad is None]


LAYERS = [
    (UniformMotionConvolution, uniform_motion, {}),
    (UniformMotionConvolution, uniform_motion, {"stride": 2}),
    (UniformMotionConvolution, uniform_motion, {"activation": False}),
    (UniformMotionConvolution, uniform_motion, {"restores_mean": False}),
    (UniformMotionConvolution, uniform_motion, {"padding": (1, 2)}),
    (MagnitudeConvolution, magnitude, {}),
    (MagnitudeConvolution, magnitude, {"stride": 2}),
    (MagnitudeConvolution, magnitude, {"activation": False}),
    (MagnitudeConvolution, magnitude, {"padding": (1, 2)}),
]


@pytest.mark.parametrize(("kind", "plain", "options"), LAYERS)
def test_the_algebra_equals_cutting_into_blocks(kind, plain, options):
    layer = kind(6, 4, 4 if "padding" in options else 3, **options).double()
    maps = torch.randn(2, 6, 8, 9, dtype=torch.float64)
    weight, bias = layer.convolution.weight, layer.convolution.bias
    found = [layer(maps), plain(maps, weight, bias, **options)]
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)
    wanted = torch.randn_like(found[0])
    slopes = [torch.autograd.grad((one * wanted).sum(), (weight, bias)) for one in found]
    torch.testing.assert_close(*slopes, rtol=1e-9, atol=1e-9)


def test_published_weights_are_ours_with_rows_and_columns_swapped():
    layer, maps = UniformMotionConvolution(6, 4), torch.randn(2, 6, 7, 7)
    published = layer.convolution.weight.transpose(-1, -2)
    torch.testing.assert_close(layer(maps), tiled_uniform_motion(maps, published, layer.convolution.bias))


@pytest.mark.parametrize(("factor", "kernel_size", "depth"), [(s, k, d) for s in FACTORS for k, d in ((3, 6), (5, 3))])
def test_resampling_by_matrices_equals_trilinear_sampling(factor, kernel_size, depth):
    layer, level = ScaleConvolution(2 * depth, 3, kernel_size), FACTORS.index(factor)
    weights = layer.weights[:, : min(3, 5 - level)].flatten(1, 2)
    expected = resampled(weights, factor).flatten(1, 2)
    torch.testing.assert_close(layer.kernel(level), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("source", "target"), [("vector", "regular"), ("regular", "regular"), ("regular", "vector"), ("vector", "vector")]
)
@pytest.mark.filterwarnings("ignore")
def test_field_convolutions_equal_escnns(source, target):
    from escnn import gspaces, nn

    space = gspaces.rot2dOnR2(8)
    kinds = {"vector": space.irrep(1), "regular": space.regular_repr}
    types = [nn.FieldType(space, [kinds[kind]] * count) for kind, count in ((source, 3), (target, 2))]
    theirs, ours = nn.R2Conv(*types, 3, padding=1), FieldConvolution((source, 3), (target, 2), 8)
    with torch.no_grad():
        theirs.weights.copy_(ours.weights.flatten())
        if ours.bias is not None:
            ours.bias.copy_(torch.randn(2))
            theirs.bias.copy_(ours.bias)
    maps = torch.randn(2, types[0].size, 6, 6)
    torch.testing.assert_close(ours(maps), theirs(types[0](maps)).tensor, rtol=1e-5, atol=1e-5)
    norms = FieldNorm(5, 8), nn.InnerBatchNorm(nn.FieldType(space, [kinds["regular"]] * 5))
    fields = torch.randn(3, 40, 4, 4)
    torch.testing.assert_close(norms[0](fields), norms[1](norms[1].in_type(fields)).tensor)


def test_initial_field_weights_spread_as_escnns_do():
    from escnn import gspaces, nn

    space = gspaces.rot2dOnR2(8)
    fields = nn.FieldType(space, [space.regular_repr] * 24)
    theirs = nn.R2Conv(fields, fields, 3).weights.detach().view(24, 24, -1)
    ours = FieldConvolution(("regular", 24), ("regular", 24), 8).weights.detach()
    torch.testing.assert_close(ours.std(dim=(0, 1)), theirs.std(dim=(0, 1)), rtol=0.2, atol=0)


@lru_cache
def trained_by_chance(name):
    """A narrow network in eval mode whose batch normalisations have seen a batch."""
    torch.manual_seed(1)
    model = narrow(name).build()
    model.train()(torch.randn(4, 2, 2, 16, 16), 1)
    return model.eval()


def relative(found, expected):
    return ((found - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("name", ["resnet-um", "unet-um"])
@HYPOTHESIS
@given(u=st.floats(-2, 2), v=st.floats(-2, 2), seed=st.integers(0, 99))
def test_uniform_motion_is_added_to_the_prediction(name, u, v, seed):
    model, frames = trained_by_chance(name), torch.randn(1, 2, 2, 16, 16, generator=torch.manual_seed(seed))
    motion = torch.tensor([u, v])[:, None, None]
    with torch.no_grad():
        assert relative(model(frames + motion, 2), model(frames, 2) + motion) <= 1e-5


@pytest.mark.parametrize("name", ["resnet-mag", "unet-mag"])
@HYPOTHESIS
@given(factor=st.floats(1e-3, 100), seed=st.integers(0, 99))
def test_magnitude_multiplies_the_prediction(name, factor, seed):
    model, frames = trained_by_chance(name), torch.randn(1, 2, 2, 16, 16, generator=torch.manual_seed(seed))
    with torch.no_grad():
        assert relative(model(frames * factor, 2), factor * model(frames, 2)) <= 1e-5


def test_a_field_without_motion_has_a_magnitude_too():
    layer = MagnitudeConvolution(4, 2)
    assert layer(torch.zeros(1, 4, 5, 5)).abs().max() < 1e-30
    assert layer(torch.full((1, 4, 5, 5), 3.0)).isfinite().all()


def turned(fields, degrees):
    """Vector fields (..., 2, h, w) with (u, v), u to the right and v up, turned counter-clockwise as a whole."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    rotation = torch.tensor([[cos, -sin], [sin, cos]])
    if degrees % 90 == 0:
        moved = torch.rot90(fields, round(degrees / 90), dims=(-2, -1))
    else:
        theta = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]])
        pictures = fields.flatten(0, -4)
        grid = F.affine_grid(theta.expand(len(pictures), 2, 3), list(pictures.shape), align_corners=False)
        moved = F.grid_sample(pictures, grid, align_corners=False).view_as(fields)
    return torch.einsum("ab,...bhw->...ahw", rotation, moved)


@pytest.mark.parametrize("name", ["resnet-rot", "unet-rot"])
@HYPOTHESIS
@given(quarters=st.integers(1, 3), seed=st.integers(0, 99))
def test_quarter_turns_turn_the_prediction(name, quarters, seed):
    model, frames = trained_by_chance(name), torch.randn(1, 2, 2, 16, 16, generator=torch.manual_seed(seed))
    with torch.no_grad():
        assert relative(model(turned(frames, 90 * quarters), 2), turned(model(frames, 2), 90 * quarters)) <= 1e-5


def smooth(size, cells, num_frames=2):
    """Smooth fields that end inside a disc, so that nothing turns out of the picture."""
    coarse = torch.randn(4 * num_frames, 2, cells, cells, generator=torch.manual_seed(3))
    fields = F.interpolate(coarse, size=size, mode="bicubic").view(4, num_frames, 2, size, size)
    x = torch.linspace(-1, 1, size)
    return fields * (1 - (x**2 + x[:, None] ** 2) * 1.8).clamp_min(0)


@pytest.mark.parametrize(("name", "low", "high"), [("resnet-rot", 0.01, 0.3), ("unet-rot", 0.01, 0.5)])
def test_an_eighth_turn_is_kept_as_far_as_pixels_allow(name, low, high):
    model, frames = trained_by_chance(name), smooth(48, 6)
    with torch.no_grad():
        error, other = (
            relative(network(turned(frames, 45), 1), turned(network(frames, 1), 45))
            for network in (model, trained_by_chance("resnet"))
        )
    assert low < error < high < other


def zoomed(fields, factor):
    """``factor`` w(``factor`` x) about the centre, of fields that do not change in time."""
    theta = torch.tensor([[factor, 0.0, 0.0], [0.0, factor, 0.0]])
    pictures = fields.flatten(0, -4)
    grid = F.affine_grid(theta.expand(len(pictures), 2, 3), list(pictures.shape), align_corners=False)
    return factor * F.grid_sample(pictures, grid, align_corners=False).view_as(fields)


@pytest.mark.parametrize(("name", "low", "high"), [("resnet-scale", 0.05, 0.4), ("unet-scale", 0.05, 0.4)])
def test_scale_is_kept_roughly_and_better_than_without_the_symmetry(name, low, high):
    models = [BY_NAME[one].override({"base": 8, "input_length": 4}).build().eval() for one in (name, "resnet")]
    for layer in models[0].modules():
        if isinstance(layer, ScaleConvolution):
            layer.weights.data *= 6**0.5  # so that deep layers weigh as much as what goes past them
    frames = smooth(48, 8, 1).repeat(1, 4, 1, 1, 1) * 2
    with torch.no_grad():
        for factor in (0.5, 1.5):
            error, other = (
                (model(zoomed(frames, factor), 1) - zoomed(model(frames, 1), factor)).norm()
                / zoomed(model(frames, 1), factor).norm()
                for model in models
            )
            assert low < error < high < other


def test_the_scale_u_net_reads_its_decoder():
    model = narrow("unet-scale").build()
    frames = torch.randn(1, 2, 2, 16, 16)
    before = model(frames, 1)
    model.network.body.ups[-1].layer.weights.data.zero_()
    assert relative(model(frames, 1), before) > 1e-3


def test_a_transposed_convolution_that_sits_on_corners_keeps_quarter_turns():
    layer, fields = FieldUpsampling(("vector", 1), ("vector", 1), 8), torch.randn(1, 2, 5, 5)
    assert layer(fields).shape == (1, 2, 10, 10)
    torch.testing.assert_close(layer(turned(fields, 90)), turned(layer(fields), 90), rtol=1e-5, atol=1e-5)


def test_levels_of_scale_are_blurred_upwards_and_weaker_downwards():
    frames = torch.ones(1, 3, 2, 5, 5)
    levels = scale_levels(frames)
    assert levels.shape == (1, 5, 6, 5, 5)
    inside = levels[0, :, 1, 2, 2]
    torch.testing.assert_close(inside, torch.tensor([1 / 2, 1 / 1.5, 1, 1.5, 2]))
    weights = gaussian(1.0)
    assert weights.sum() == pytest.approx(1) and weights[1, 1, 2] / weights[1, 1, 1] == pytest.approx(math.exp(-0.5))


@pytest.mark.parametrize(
    ("config", "changed", "message"),
    [
        (ResNetConfig(), {"base": 0}, "base must be 1 or more, got 0"),
        (ResNetConfig(), {"kernel_size": 4}, "kernel_size must be odd, so that a pixel has a middle, got 4"),
        (ResNetConfig(), {"group_order": 6}, "group_order must be a multiple of 4, which has quarter turns, got 6"),
        (UNetConfig(symmetry="magnitude"), {"base": 4}, "base / narrowing must be a multiple of 8 for unet, got 4 / 1"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(config, changed, message):
    with pytest.raises(ValueError, match=message):
        config.override(changed)


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="model.input_length is 24, but 3 frames are given"):
        ResNetConfig(base=2).build()(torch.zeros(1, 3, 2, 8, 8), 1)


def test_odd_sizes_cannot_be_halved_without_a_shift():
    with pytest.raises(ValueError, match="height and width must be even wherever they are halved, got"):
        trained_by_chance("unet-rot")(torch.zeros(1, 2, 2, 18, 18), 1)
