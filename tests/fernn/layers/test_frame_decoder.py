"""The decoder of a series of steps beside its layers called one after the other."""

import pytest
import torch

from fernn.layers.frame_decoder import Decoding, FrameDecoder
from tests.support.calls import TensorCalls


def decoding_of(decoder):
    return Decoding(decoder.kernels(), decoder.padding == "circular")


@pytest.mark.parametrize("padding", ["circular", "zeros"])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_pictures_and_gradients_are_those_of_the_layers_one_by_one(padding, depth):
    decoder = FrameDecoder([3] * depth, 2, padding).double()
    steps = [torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    inputs = [*decoder.parameters(), *steps]
    expected = torch.stack([decoder(maps) for maps in steps])
    decoding, pixels = decoding_of(decoder), [maps.permute(0, 2, 3, 1).contiguous() for maps in steps]
    read = [decoding.add(maps, keep=True) for maps in pixels]
    found = decoding.connected(pixels)
    assert not any(picture.requires_grad for picture in read) and torch.equal(torch.stack(read), found)
    torch.testing.assert_close(found.permute(0, 1, 4, 2, 3), expected, rtol=1e-13, atol=1e-14)
    slopes = torch.randn_like(expected)
    ours = torch.autograd.grad(found, inputs, slopes.permute(0, 1, 3, 4, 2))
    for one, other in zip(ours, torch.autograd.grad(expected, inputs, slopes), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_gradients_take_as_many_convolutions_whatever_the_number_of_steps():
    decoder, calls = FrameDecoder([2, 2, 2], 1, "circular"), []
    for number in (1, 1, 4):  # the first makes the tables
        decoding, maps = decoding_of(decoder), [torch.randn(2, 4, 4, 2, requires_grad=True) for _ in range(number)]
        for one in maps:
            decoding.add(one, keep=True)
        total = decoding.connected(maps).sum()
        with TensorCalls() as backwards:
            total.backward()
        calls.append(backwards.number)
    assert calls[1] == calls[2]


def test_names_of_weights_and_precision():
    decoder = FrameDecoder([4, 4, 4], 1, "circular")
    assert list(decoder.state_dict()) == ["0.weight", "2.weight", "4.weight"]
    with torch.autocast("cpu", torch.bfloat16):
        assert {kernel.dtype for kernel in decoder.kernels()} == {torch.bfloat16}
        assert {kernel.dtype for kernel in FrameDecoder([4, 4], 1, "zeros").double().kernels()} == {torch.float64}


def test_nothing_is_kept_that_was_not_asked_for():
    decoding = decoding_of(FrameDecoder([2, 2], 1, "zeros"))
    decoding.add(torch.rand(1, 3, 3, 2), keep=False)
    assert decoding.kept() == []
