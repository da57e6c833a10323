"""FLOPs of a clip against arithmetic by hand: products of convolutions and matrices, two operations each.

Backwards a convolution takes as many products for its weights and as many for its maps, where those have a gradient:
three times the forward pass, twice where it reads pictures.
"""

from itertools import pairwise

import pytest
import torch
from torch import nn

from fernn.experiment import Experiment
from fernn.flops import Counter, UncountableError, _counted, bytes_of, work_of
from fernn.flows import periodic
from fernn.layers import learned_kernels
from fernn.layers.convolution import weights_of_steps
from fernn.models import MODELS
from fernn.models.noether import DerivativeConfig


def experiment(data, model, **values):
    return Experiment().override({"data.name": data, "model": model} | values)


def flops(data, model, what="training", **values):
    return work_of(experiment(data, model, **values), what).flops


EMBEDDING = [(1, 32, 25), (32, 64, 9), (64, 128, 9)]
PIXELS = 32 * 32


def embedding(factor):
    first, *others = (16 * PIXELS * 2 * c_in * c_out * places for c_in, c_out, places in EMBEDDING)
    return (factor - 1 or 1) * first + factor * sum(others)


def recurrence(factor, num_slices):
    """At the second frame all slices are still alike; at the first there is no state."""
    return factor * PIXELS * 2 * 128 * 128 * 9 * (1 + 14 * num_slices)


HEAD = 2 * 128 * 6
AVERAGES = 2 * 2 * 16 * (32 + 64 + 128) / 32
"""Running mean and variance of every channel, weighted over 16 frames, once for 32 clips."""


@pytest.mark.parametrize(("model", "num_slices"), [("grnn", 1), ("fernn-v1", 9), ("fernn-v2", 25)])
def test_kth_recurrent_classifiers(model, num_slices):
    assert flops("kth", model) == embedding(3) + recurrence(3, num_slices) + 3 * HEAD + AVERAGES
    forward = 16 * PIXELS * 2 * sum(c_in * c_out * places for c_in, c_out, places in EMBEDDING)
    assert flops("kth", model, "prediction") == forward + recurrence(1, num_slices) + HEAD


def test_a_clip_of_fernn_v2_takes_a_third_of_a_teraflop_in_training():
    assert flops("kth", "fernn-v2") / 1e12 == pytest.approx(0.327, abs=5e-4)


def test_learned_kernels_are_depthwise():
    """25 kernels of 5 x 5, one for each slice and its 128 channels, at 15 frames, and the convolution of all slices.

    At the second frame, where slices are alike before their kernels, that convolution is one of one slice.

    The kernels' gradient is of products of every row with the five rows around it, 36 pixels wide with the border.
    """
    planes, slices = PIXELS * 2 * 128 * 25 * 25 * 15, (1 + 25 * 14) * PIXELS * 2 * 128 * 128 * 9
    rows = 15 * 25 * 32 * 2 * 32 * (5 * 36) * 128
    assert flops("kth", "grnn-plus") == embedding(3) + 3 * slices + 2 * planes + rows + 3 * HEAD + AVERAGES


def test_the_3d_cnn():
    sizes = [(1, 16, 8, 32), (16, 32, 8, 16), (32, 32, 8, 16), (32, 64, 8, 8), (64, 64, 8, 8)]
    first, *others = (2 * c_in * c_out * 27 * frames * size**2 for c_in, c_out, frames, size in sizes)
    assert flops("kth", "3dcnn") == 2 * first + 3 * sum(others) + 3 * 2 * 64 * 6


def test_translating_predictors():
    """Every step lifts a frame, from the second on for every slice; frames have no gradient. The decoder reads pictures
    continued round the border by three pixels for its three layers, and has no gradient of what is beyond the border.
    """
    width, layers, size, slices = 5, 2, 28, 9
    small = {"model.hidden_channels": width, "model.decoder_layers": layers, "batch_size": 2}
    lift, cell, last = width * 9, width * width * 9, width * 9
    products = 2 * lift * (1 + 19 * slices) + 3 * cell * (1 + 18 * slices) + 2 * 10 * (layers * cell + last)
    decoded = 10 * (32**2 * cell + 30**2 * cell + 28**2 * last)
    assert flops("translating-mnist", "fernn-v1", **small) == 2 * (size**2 * products + decoded)


def test_rotating_predictors():
    """Convolutions of fields with N channels each; kernels are expanded from weights once a step, in a fixed basis.

    Slices differ from the second frame on, since each is turned before it is convolved. The picture is read with it,
    as one of ``beside`` more channels, through which no gradient goes back.
    """
    fields, order, size, batch, slices = 2, 4, 28, 8, 2
    small = {"model.hidden_fields": fields, "model.group_order": order, "model.decoder_layers": 1, "data.size": size}
    small |= {"model.velocities": (-90.0, 90.0), "batch_size": batch}
    width = fields * order
    lift, cell, last = width * 9, width * width * 9, width * 9
    beside = 8 * width * 9
    products = 2 * lift + (3 * cell + 2 * beside) * 19 * slices + 3 * 10 * (cell + last)
    model = experiment("rotating-mnist", "fernn-v4", **small).model.build()
    expansion = fields * fields * model.cell.convolution.basis.numel() + fields * model.lift.basis.numel()
    expected = 2 * size**2 * products + 2 * 2 * expansion / batch
    assert flops("rotating-mnist", "fernn-v4", **small) == pytest.approx(expected, rel=1e-9)


def test_e3d_lstm():
    """One layer, five frames, four steps: a window of two maps meets a kernel of two slices at three places.

    Every cell gets a memory of zeros, whose convolution is its bias; hidden state and history begin at the second step.
    Attention's two products take twice as many backwards. The first window has no gradient.
    """
    width, patch, places, steps = 3, 16, 49, 4
    small = {"model.num_layers": 1, "model.hidden_channels": width, "data.size": 28, "batch_size": 2}
    small |= {"data.num_frames": 5, "data.input_frames": 2, "model.kernel_size": 3}
    planes = 3 * 9 * places
    inputs, hidden, gate = planes * patch * 7 * width, planes * width * 4 * width, planes * 2 * width * width
    joined, decoder = 2 * places * 2 * width * width, places * width * patch * 2
    attention = sum(2 * (2 * places) * (2 * places * (step + 1)) * width for step in range(1, steps))
    products = 3 * (steps * (inputs + gate + joined + decoder) + (steps - 1) * hidden + attention) - inputs
    assert flops("moving-mnist", "e3d-lstm", **small) == 2 * products


def test_dynamics_networks():
    """Four steps in the loss; the first reads true frames, which have no gradient."""
    size, given, base = 64, 24, 4
    widths = [2 * given, *(base * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8))]
    blocks = sum(n * m + m * m + (n * m if n != m else 0) for n, m in pairwise(widths))
    layers, first = blocks + widths[-1] * 2, 2 * widths[0] * widths[1]
    small = {"model.base": base, "batch_size": 2, "data.size": size}
    assert flops("ocean", "resnet", **small) == 2 * 9 * size**2 * (3 * 4 * layers - first)


def test_unets_count_strides_and_transposed_convolutions():
    """Five steps in the loss."""
    size, given, base = 64, 21, 4
    stages = [(2 * given, base, 32), (base, 2 * base, 16), (2 * base, 2 * base, 16), (2 * base, 4 * base, 8)]
    stages += [(4 * base, 4 * base, 8), (4 * base, 8 * base, 4), (8 * base, 8 * base, 4)]
    down = sum(9 * n * m * out**2 for n, m, out in stages)
    ups = [(8 * base, 2 * base, 4), (6 * base, base, 8), (3 * base, base // 2, 16), (3 * base // 2, base // 4, 32)]
    up = sum(16 * n * m * of**2 for n, m, of in ups)
    head = 9 * (base // 4 + 2 * given) * 2 * size**2
    small = {"model.base": base, "batch_size": 2, "data.size": size}
    first = 9 * 2 * given * base * 32**2
    assert flops("ocean", "unet", **small) == 2 * (3 * 5 * (down + up + head) - first)


def test_states():
    """20 states are predicted from true ones by three linear layers, whose first reads no gradient."""
    data = experiment("ideal-pendulum", "mlp").data
    layers, first = 2 * 64 + 64 * 64 + 64 * 2, 2 * 64
    assert flops("ideal-pendulum", "mlp") == 2 * data.horizon * (3 * layers - first)


SVG = {"model.widths": (4, 4), "model.depths": (1, 1), "data.size": 16, "model.code": 3, "model.latent": 2}
SVG |= {
    "model.recurrent": 5,
    "batch_size": 2,
    "model.embedding_width": 4,
    "model.embedding_dimensions": 3,
    "data.num_frames": 5,
    "data.input_frames": 2,
}


def products_of_layers(model, *inputs):
    """FLOPs of a forward pass from the shapes that its layers see."""
    total = 0

    def add(layer, given, answer):
        nonlocal total
        grown = isinstance(layer, nn.ConvTranspose2d)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            places = (given[0] if grown else answer)[:, 0].numel()
            total += 2 * places * layer.weight.numel()
        elif isinstance(layer, nn.Linear):
            total += 2 * answer.numel() * layer.in_features
        elif isinstance(layer, nn.LSTMCell):
            total += 2 * len(given[0]) * (layer.weight_ih.numel() + layer.weight_hh.numel())

    hooks = [layer.register_forward_hook(add) for layer in model.modules()]
    with torch.no_grad():
        model.eval()(*inputs)
    for hook in hooks:
        hook.remove()
    return total


def test_stochastic_prediction():
    asked = experiment("physics101", "svg", **SVG)
    frames = torch.rand(1, asked.data.input_frames, 3, 16, 16)
    counted = work_of(asked, "prediction").flops
    assert counted == products_of_layers(asked.model.build(), frames, asked.data.horizon)


def test_second_derivatives_count():
    """y = w * x; g, the gradient of a function of y in x; then of a function of g in w.

    y, g, and of the gradient of g that in w and that in y, and of y's gradient that in w: five times the products.
    """
    maps = torch.empty(1, 3, 8, 8, device="meta", requires_grad=True)
    kernel = torch.empty(5, 3, 3, 3, device="meta", requires_grad=True)
    with Counter() as counter:
        answer = nn.functional.conv2d(maps, kernel, padding=1).square().sum()
        (slope,) = torch.autograd.grad(answer, maps, create_graph=True)
        torch.autograd.grad(slope.square().sum(), kernel)
    assert counter.flops == 5 * 2 * 3 * 5 * 9 * 64


def test_tailoring_is_counted():
    tailored, plain = (flops("physics101", name, "prediction", **SVG) for name in ("noether", "svg"))
    assert tailored > 3 * plain  # two predictions, and the gradient of the first


SMALL = {
    "model.hidden_channels": 2, "model.embedding_channels": (2,), "model.base": 8, "model.hidden_fields": 1,
    "model.velocity_range": (1, 1), "model.num_layers": 2, "model.output_length": 1, "model.decoder_layers": 1,
    "model.widths": (4,) * 5, "model.depths": (1,) * 5, "model.velocities": (0.0, 10.0), "batch_size": 2,
    "model.input_length": 2,
}  # fmt: skip


TWINS = {"convection": "ocean", "kth-video": "moving-mnist", "ideal-spring": "ideal-pendulum"}
"""Families with the models of another."""


def test_twins_have_the_same_models():
    for family, other in TWINS.items():
        kinds = [{name: type(model) for name, model in MODELS[one].items()} for one in (family, other)]
        assert kinds[0] == kinds[1]


@pytest.mark.parametrize("family", [family for family in MODELS if family not in TWINS])
def test_every_model_can_be_counted(family):
    for name, model in MODELS[family].items():
        fields = {"batch_size", *(f"model.{field}" for field in type(model).__dataclass_fields__)}
        values = {field: value for field, value in SMALL.items() if field in fields}
        asked = experiment(family, name, **values)
        given = {"data.input_frames": 2} if hasattr(asked.data, "input_frames") else {}
        if family.startswith("ideal-") and isinstance(model, DerivativeConfig):
            given |= {"data.protocol": "published", "data.num_sequences": (2, 2, 2)}
        if family == "controlled-pendulum":
            given |= {"data.size": 128}  # that of five small blocks
        asked = asked.override({"data.num_frames": 4, **given})
        assert work_of(asked.override({"precision": "bf16"})).flops > 0


def test_bytes_of_operations():
    maps = torch.empty(3, 4, device="meta")
    with Counter() as counter:
        maps.add_(1.0)  # read and written
        maps.copy_(torch.empty(3, 1, device="meta").expand(3, 4))  # three numbers read, twelve written
        maps.t()[1:]  # views
        maps @ torch.empty(4, 2, device="meta", dtype=torch.float32)
    assert counter.num_bytes == 4 * (24 + 15 + 12 + 8 + 6)
    assert counter.flops == 2 * 3 * 4 * 2
    assert bytes_of(torch.empty(0)) == bytes_of(3.0) == 0


def test_bytes_of_a_step_halve_with_the_precision():
    values = {"model.hidden_channels": 8, "model.embedding_channels": (8,)}
    whole, half = (work_of(experiment("kth", "grnn", precision=kind, **values)) for kind in ("float32", "bf16"))
    assert 0.5 <= half.num_bytes / whole.num_bytes < 0.7 and half.flops == whole.flops


def test_the_batch_shares_what_a_step_takes_once():
    """Running averages and updates of weights are done once a batch."""
    small = {"model.hidden_channels": 8, "model.embedding_channels": (8,)}
    one, many = (work_of(experiment("kth", "grnn", batch_size=size, **small)) for size in (2, 64))
    assert many.flops < one.flops < 1.001 * many.flops and one.num_bytes > many.num_bytes


def test_cells_that_differ_in_rate_seed_or_epochs_are_counted_once():
    asked = experiment("kth", "3dcnn")
    again = asked.override({"seed": 3, "optim.lr": 1e-2, "epochs": 7, "data.velocity_range": 1, "early_stopping": 2})
    assert work_of(asked) is work_of(again)


def test_tables_that_are_kept_from_an_earlier_count_change_nothing():
    """The first of two counts makes them."""
    for tables in (periodic.source_places, learned_kernels.source_places, weights_of_steps):
        tables.cache_clear()
    for model in ("fernn-v1", "grnn-plus"):
        asked = experiment("kth", model, **{"model.hidden_channels": 4, "model.embedding_channels": (4,)})
        first = _counted.__wrapped__(asked, "training")
        assert first == _counted.__wrapped__(asked, "training")


def test_counting_leaves_the_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    work_of(experiment("kth", "grnn", batch_size=5))
    assert torch.equal(before, torch.get_rng_state())


def test_a_model_that_needs_values_is_named(monkeypatch):
    asked = experiment("kth", "grnn", batch_size=7)
    monkeypatch.setattr(type(asked.model), "build", lambda self: Reader())
    with pytest.raises(UncountableError, match="model 'grnn' does not run without values: .*meta"):
        work_of(asked)


class Reader(nn.Module):
    """It looks at a pixel."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(1, 6)

    def forward(self, clips):
        return self.head(clips.mean(dim=(1, 2, 3, 4))[:, None]) * clips.flatten()[0].item()
