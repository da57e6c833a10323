"""Dynamics networks: parameter counts, rollouts, and the law of each symmetry.

Counted in Rose-STL-Lab/Equivariant-Net @e6f4c84, models/model_noequ.py, model_um.py, model_mag.py, model_rot.py and
model_scale.py, built for 24 frames with kernels of 3 pixels as run_model.py builds them (120-139). Outputs are
compared in ``tests/fernn/test_reference.py``.
"""

from statistics import mean

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fernn.layers.scale import ScaleConvolution, ScaleHead
from tests.fernn.models.dynamics.narrow import BY_NAME, narrow, relative, trained_by_chance
from tests.fernn.reference.dynamics import turned

PUBLISHED = {
    "resnet": 12_573_890, "resnet-um": 12_575_814, "resnet-mag": 12_575_814, "resnet-rot": 14_612_592,
    "resnet-scale": 4_141_922, "unet": 6_240_434, "unet-um": 6_244_630, "unet-mag": 6_281_686,
    "unet-rot": 7_122_160, "unet-scale": 4_702_698,
}  # fmt: skip


HYPOTHESIS = settings(max_examples=5, deadline=None)


def unused(name, model):
    """Parameters that the published code builds in such a network and never uses."""
    layers = list(model.modules())
    if name.endswith(("-um", "-mag")):  # a batch normalisation, two numbers a channel, beside every layer
        return sum(2 * m.convolution.out_channels for m in layers if hasattr(m, "convolution"))
    if name.endswith("-scale"):  # biases, and in the last layer the weights of two levels more
        heads = [m.weight for m in layers if isinstance(m, ScaleHead)]
        biases = sum(len(m.weights) for m in layers if isinstance(m, ScaleConvolution))
        return biases + sum(len(weight) + 2 * weight.numel() for weight in heads)
    if name == "resnet-rot":  # a third layer in blocks that keep their width
        return sum(48 * n * n + n + 2 * n for n in (32, 64, 128, 192))
    return 0


@pytest.mark.parametrize("name", PUBLISHED)
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
    if "-rot" not in name and name != "resnet":  # whose batch statistics follow their batch
        torch.testing.assert_close(following[:, 0], predicted[:, 1])
    predicted.square().sum().backward()
    assert not [name for name, parameter in model.named_parameters() if parameter.grad is None]


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
    model, frames = model.double(), frames.double()  # in float32 rounding alone makes up to 3e-5
    with torch.no_grad():
        assert relative(model(frames * factor, 2), factor * model(frames, 2)) <= 1e-12


def turn_error(name, frames, quarters):
    """How far a turned prediction is from the prediction of turned frames, as a share of it."""
    model = trained_by_chance(name)
    with torch.no_grad():
        return relative(model(turned(frames, 90 * quarters), 2), turned(model(frames, 2), 90 * quarters))


@pytest.mark.parametrize("name", ["resnet-rot", "unet-rot-equivariant"])
@HYPOTHESIS
@given(quarters=st.integers(1, 3), seed=st.integers(0, 99))
def test_quarter_turns_turn_the_prediction(name, quarters, seed):
    frames = torch.randn(1, 2, 2, 16, 16, generator=torch.manual_seed(seed))
    assert turn_error(name, frames, quarters) <= 1e-5


def test_the_published_u_net_of_rotations_does_not_keep_quarter_turns():
    frames = torch.randn(1, 2, 2, 16, 16, generator=torch.manual_seed(0))
    assert all(0.01 < turn_error("unet-rot", frames, quarters) < 2 for quarters in (1, 2, 3))


STATES = {
    "um": lambda fields: fields + torch.tensor([1.5, -0.5, 2.0])[:, None, None],
    "mag": lambda fields: 0.3 * fields,
    "rot": lambda fields: torch.cat([turned(fields[:, :, :2], 90), torch.rot90(fields[:, :, 2:], 1, (-2, -1))], dim=2),
}
"""What each symmetry makes of fields (u, v, T); uniform motion leaves T alone, and networks also let its zero move."""


@pytest.mark.parametrize(
    "name", ["resnet-um", "unet-um", "resnet-mag", "unet-mag", "resnet-rot", "unet-rot-equivariant"]
)
def test_networks_with_a_temperature_keep_their_symmetry(name):
    model, act = trained_by_chance(name, scalars=1), STATES[name.split("-")[1]]
    frames = torch.randn(1, 2, 3, 16, 16, generator=torch.manual_seed(2))
    with torch.no_grad():
        plain = model(frames, 2)
        assert plain.shape == (1, 2, 3, 16, 16) and relative(model(act(frames), 2), act(plain)) <= 1e-5
        assert relative(model(frames * torch.tensor([1, 1, 0])[:, None, None], 2), plain) > 1e-3  # T is read
    if name.endswith("um"):
        moved = frames + torch.tensor([1.5, -0.5, 0])[:, None, None]
        assert relative(model(moved, 2)[:, :, 2], plain[:, :, 2]) <= 1e-5


@pytest.mark.parametrize("name", BY_NAME)
def test_every_network_may_have_a_temperature_and_then_uses_every_parameter(name):
    model = narrow(name).override({"scalars": 1}).build()
    predicted = model(torch.randn(2, 3, 3, 16, 16), 1)
    assert predicted.shape == (2, 1, 3, 16, 16)
    predicted.square().sum().backward()
    assert not [name for name, parameter in model.named_parameters() if parameter.grad is None]
    with pytest.raises(ValueError, match="model.scalars is 1, but fields have 2 components: set model.scalars=0"):
        model(torch.zeros(1, 2, 2, 16, 16), 1)


def smooth(size, cells, num_frames=2, components=2):
    """Smooth fields that end inside a disc, so that nothing turns out of the picture."""
    coarse = torch.randn(4 * num_frames, components, cells, cells, generator=torch.manual_seed(3))
    fields = F.interpolate(coarse, size=size, mode="bicubic").view(4, num_frames, components, size, size)
    x = torch.linspace(-1, 1, size)
    return fields * (1 - (x**2 + x[:, None] ** 2) * 1.8).clamp_min(0)


@pytest.mark.parametrize(("name", "low", "high"), [("resnet-rot", 0.01, 0.3), ("unet-rot-equivariant", 0.01, 0.5)])
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


def zoom_error(model, frames, factor):
    """How far zooming the frames is from zooming the prediction, as a share of it."""
    with torch.no_grad():
        expected = zoomed(model(frames, 1), factor)
        return ((model(zoomed(frames, factor), 1) - expected).norm() / expected.norm()).item()


def zoom_errors(name, frames):
    """Of a network with initial weights, at two factors."""
    torch.manual_seed(0)
    fields = {"base": 8, "input_length": 4, "scalars": frames.shape[2] - 2}
    model = BY_NAME[name].override(fields).build().eval()
    for layer in model.modules():
        if isinstance(layer, ScaleConvolution):
            layer.weights.data *= 6**0.5  # so that deep layers weigh as much as what goes past them
    return [zoom_error(model, frames, factor) for factor in (0.5, 1.5)]


@pytest.mark.parametrize(
    ("name", "components", "high"), [("resnet-scale", 2, 0.25), ("unet-scale", 2, 0.35), ("resnet-scale", 3, 0.25)]
)
def test_scale_is_kept_roughly_and_better_than_without_the_symmetry(name, components, high):
    frames = smooth(32, 6, 1, components).repeat(1, 4, 1, 1, 1)[:2] * 2
    error, other = (mean(zoom_errors(one, frames)) for one in (name, name.removesuffix("-scale")))
    assert 0.05 < error < high < other
