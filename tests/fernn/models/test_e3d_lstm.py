"""E3D-LSTM: parameter counts, parity with the published code and with the plain translation, its memory, its inputs.

Counted over the variables of the published graphs: google/e3d_lstm @3e5bd4b, src/models/eidetic_3d_lstm_net.py
(41-56, 93-95), kernel [2, 5, 5]; kevinstan/video_prediction @e334293, src/models/original_e3d_lstm_net.py (52), [1,
5, 5], and original_e3d_lstm_residuals.py; patches of 4 pixels (scripts/e3d_lstm_mm_train.sh) and 8
(e3d_lstm_kth_train.sh). Of the three with an encoder: the graphs that src/models/model_factory.py (189-195) trains for
e3d_lstm, e3d_lstm_add and e3d_lstm_concat. The plain translation is ``tests/fernn/reference/e3d_lstm.py``. That a cell
hands on the memory that it was given: src/layers/rnn_cell.py (217).
"""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fernn.models import MODELS
from fernn.models.e3d_lstm import E3DLSTMConfig, from_patches, to_patches
from fernn.optim import OptimConfig
from tests.fernn.reference.e3d_lstm import patched, plain_predictions

SMALL = {"num_layers": 2, "hidden_channels": 3, "patch_size": 2, "kernel_size": 3}


def small(**fields):
    """A network in float64 whose normalisations and biases are not at their initial values."""
    model = E3DLSTMConfig(**{**SMALL, **fields}).build().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def count(**fields):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in E3DLSTMConfig(**fields).build().parameters())


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({}, 12_898_832), ({"kernel_depth": 1}, 6_473_232),
        ({"patch_size": 8}, 13_980_224), ({"patch_size": 8, "kernel_depth": 1}, 7_017_024),
    ],
)  # fmt: skip
def test_parameter_counts_are_the_published_ones(fields, number):
    assert count(**fields) == count(**fields, residual=True) == count(**fields, return_new_memory=True) == number


@pytest.mark.parametrize(
    ("name", "number"), [("e3d-lstm-encoder", 6_486_048), ("e3d-lstm-add", 6_486_048), ("e3d-lstm-concat", 6_492_192)]
)
def test_parameter_counts_with_an_encoder_are_the_published_ones(name, number):
    with torch.device("meta"):
        assert sum(one.numel() for one in MODELS["moving-mnist"][name].build().parameters()) == number


@pytest.mark.parametrize(
    "fields", [{}, {"flat_maps": True, "recall": False, "encoder": True, "readout": "sum"}], ids=str
)
def test_a_frozen_decoder_stays_while_all_else_learns(fields):
    model = E3DLSTMConfig(**SMALL, **fields, initial_weights="0" * 64, frozen_decoder=True).build()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    optimizer = OptimConfig(lr=1e-2).build(model.parameters())
    model(torch.rand(2, 3, 1, 4, 4), 2).square().sum().backward()
    optimizer.step()
    stayed = {name for name, weight in model.named_parameters() if torch.equal(weight, before[name])}
    memory = {f"cells.{layer}.{part}.weight" for layer in range(2) for part in ("from_memory", "norm_memory")}
    assert stayed == {"decoder.weight", "decoder.bias", *memory}
    with pytest.raises(ValueError, match="frozen_decoder keeps the decoder of given weights: give --weights FILE"):
        E3DLSTMConfig(**SMALL, frozen_decoder=True).build()


def test_cells_on_flat_maps_see_over_the_end_of_a_row():
    model = small(flat_maps=True, num_layers=1)
    maps = torch.zeros(1, 4, 2, 4, 4, dtype=torch.float64)
    maps[..., 0, 3] = 1
    kernel = model.cells[0].from_inputs.kernel()
    seen = kernel(model._flat(maps)) - kernel(model._flat(0 * maps))
    assert seen.abs().sum((0, 1, 2, 3)).nonzero().flatten().tolist() == [2, 3, 4]


CASES = [
    {}, {"kernel_depth": 1}, {"residual": True, "num_layers": 4, "hidden_channels": 2}, {"return_new_memory": True},
    {"return_new_memory": True, "residual": True}, {"window": 3, "kernel_depth": 3},
]  # fmt: skip


@pytest.mark.parametrize("fields", CASES, ids=str)
def test_predictions_and_gradients_equal_the_plain_translation(fields):
    fast = small(**fields)
    plain = copy.deepcopy(fast)
    clips = torch.rand(2, 5, 1, 6, 4, dtype=torch.float64)
    shown = torch.tensor([[True, True, False, False], [True, True, True, False]])
    found, expected = fast.forced(clips, shown), plain_predictions(plain, clips, shown)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)
    for predicted in (found, expected):
        (predicted - clips[:, 1:]).square().sum().backward()
    largest = max(parameter.grad.abs().max() for parameter in plain.parameters())
    for (name, ours), theirs in zip(fast.named_parameters(), plain.parameters(), strict=True):
        mine = torch.zeros_like(ours) if ours.grad is None else ours.grad
        assert (mine - theirs.grad).abs().max() <= 1e-9 * largest, name


def test_the_published_memory_stays_zero_and_its_kernels_never_learn():
    clips, shown = torch.rand(1, 4, 1, 4, 4, dtype=torch.float64), torch.ones(1, 3, dtype=torch.bool)
    for new_memory in (False, True):
        model = small(return_new_memory=new_memory)
        model.forced(clips, shown).sum().backward()
        learns = [cell.from_memory.weight.grad is not None for cell in model.cells]
        assert learns == [new_memory] * 2
        assert all(cell.from_memory.bias.grad is not None for cell in model.cells)


def test_evaluation_feeds_predictions_and_training_shows_what_it_is_told():
    model = small()
    clips = torch.rand(2, 6, 1, 4, 4, dtype=torch.float64)
    shown = torch.arange(5).expand(2, 5) < 3
    torch.testing.assert_close(model(clips[:, :3], 3), model.forced(clips, shown)[:, -3:])
    hidden_frames = torch.cat([clips[:, :3], torch.rand_like(clips[:, 3:])], dim=1)
    torch.testing.assert_close(model.forced(hidden_frames, shown), model.forced(clips, shown))
    assert not torch.equal(model.forced(clips, torch.ones_like(shown)), model.forced(clips, shown))


@given(size=st.integers(1, 4), rows=st.integers(1, 3), columns=st.integers(1, 3), channels=st.integers(1, 2))
def test_patches_go_back_to_the_same_frames(size, rows, columns, channels):
    frames = torch.rand(2, 3, channels, rows * size, columns * size)
    maps = to_patches(frames, size)
    assert torch.equal(maps.permute(0, 1, 3, 4, 2), patched(frames.permute(0, 1, 3, 4, 2), size))
    assert torch.equal(from_patches(maps, size), frames)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="patches of 4x4 pixels must fill the frame, got frames of 6x8"):
        to_patches(torch.zeros(1, 6, 8), 4)
    with pytest.raises(ValueError, match="num_layers must be even where residual is set, got 3"):
        E3DLSTMConfig(num_layers=3, residual=True)
    with pytest.raises(ValueError, match="readout must be last where residual is set, got sum"):
        E3DLSTMConfig(residual=True, readout="sum")
    with pytest.raises(ValueError, match="window must be 1 or more, got 0"):
        E3DLSTMConfig(window=0)
