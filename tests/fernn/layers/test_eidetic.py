"""The recurrent cell of E3D-LSTM: its convolutions over a window, and its history, written where it lies.

Attention and convolutions follow google/e3d_lstm @3e5bd4b, src/layers/rnn_cell.py: _attn (150-160) and _conv
(162-168, "same"), the history src/models/eidetic_3d_lstm_net.py (82-85); ``tests/fernn/reference/e3d_lstm.py`` has
both.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fernn.layers.eidetic import History, WindowConvolution
from tests.fernn.reference.e3d_lstm import attention, convolved


@settings(max_examples=15, deadline=None)
@given(batch=st.integers(1, 2), states=st.integers(1, 4), window=st.integers(1, 2), seed=st.integers(0, 2**16))
def test_recall_is_a_softmax_over_all_tokens_of_the_history(batch, states, window, seed):
    torch.manual_seed(seed)
    shape = (batch, 3, window, 2, 4)
    cells = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for _ in range(states)]
    queries = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    history, found = History(cells[0], states + 1), []
    for cell in cells:
        history.append(cell)
        found.append(history.recall(queries))
    past, expected = torch.zeros(batch, window, 2, 4, 3, dtype=torch.float64), []
    for cell in cells:
        past = torch.cat([past, cell.permute(0, 2, 3, 4, 1)], dim=1)
        expected.append(attention(queries.permute(0, 2, 3, 4, 1), past).permute(0, 4, 1, 2, 3))
    weights = torch.randn(states, *shape, dtype=torch.float64)
    torch.testing.assert_close(torch.stack(found), torch.stack(expected), rtol=0, atol=1e-12)
    ours = torch.autograd.grad((torch.stack(found) * weights).sum(), [queries, *cells])
    theirs = torch.autograd.grad((torch.stack(expected) * weights).sum(), [queries, *cells])
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


def test_the_history_is_written_where_it_lies_and_has_an_end():
    state = torch.randn(1, 2, 1, 2, 2)
    history = History(state, 3)
    place = history.tokens.data_ptr()
    for _ in range(2):
        history.append(state)
    assert history.tokens.data_ptr() == place and history.tokens.shape == (1, 12, 2)
    with pytest.raises(ValueError, match="room for 12 tokens"):
        history.append(state)


@pytest.mark.parametrize("kernel", [(2, 5, 5), (1, 5, 5), (3, 3, 3), (1, 1, 1), (2, 2, 4)])
@pytest.mark.parametrize("window", [1, 2, 3])
def test_a_window_convolution_is_a_padded_3d_convolution(kernel, window):
    layer = WindowConvolution(2, 3, kernel).double()
    torch.nn.init.normal_(layer.bias)
    maps = torch.randn(2, 2, window, 6, 5, dtype=torch.float64)
    expected = convolved(maps.permute(0, 2, 3, 4, 1), layer).permute(0, 4, 1, 2, 3)
    torch.testing.assert_close(layer.kernel()(maps), expected, rtol=0, atol=1e-12)
    of_zeros = layer.kernel()(torch.zeros_like(maps))
    assert torch.equal(of_zeros, layer.bias[:, None, None, None].expand_as(of_zeros))
