"""The published E3D-LSTM, translated plainly: channels last, padded convolutions, a history that is joined anew.

After google/e3d_lstm @3e5bd4b: normalisation, attention and cell (src/layers/rnn_cell.py 90-99, 150-160, 170-217),
the steps (src/models/eidetic_3d_lstm_net.py 52-101) and patches (src/utils/preprocess.py 20-58). Planes alone and
residual sums are those of kevinstan/video_prediction @e334293, src/models/original_e3d_lstm_net.py (52) and
original_e3d_lstm_residuals.py (88-102, layer 3 and the decoder). Ours are: residual sums of every second layer,
windows of three, a memory that is handed on, and ``given`` for every frame where the published flags are for those
beyond the input.

It reads the weights of ``fernn.models.e3d_lstm.E3DLSTM`` and shares no code with it. Every convolution runs, those of
zeros too, and attention writes out its whole matrix.
"""

import torch
import torch.nn.functional as F


def convolved(maps, convolution):
    """A "same" convolution of maps (b, l, h, w, c), zeros behind where the kernel is even."""
    kernel = convolution.weight.shape[2:]
    pads = [side for size in reversed(kernel) for side in ((size - 1) // 2, size // 2)]
    found = F.conv3d(F.pad(maps.permute(0, 4, 1, 2, 3), pads), convolution.weight, convolution.bias)
    return found.permute(0, 2, 3, 4, 1)


def normed(maps, norm):
    """Layer normalisation over all axes but the first, gain and shift by channel."""
    axes = (1, 2, 3, 4)
    mean = maps.mean(axes, keepdim=True)
    variance = (maps - mean).square().mean(axes, keepdim=True)
    return (maps - mean) / torch.sqrt(variance + 1e-12) * norm.weight + norm.bias


def attention(queries, history):
    """softmax(q K^T) K over all places of all maps of the history."""
    batch, channels = len(queries), queries.shape[-1]
    asked, known = queries.reshape(batch, -1, channels), history.reshape(batch, -1, channels)
    weights = torch.softmax(asked @ known.transpose(1, 2), dim=2)
    return (weights @ known).reshape(queries.shape)


def cell_step(cell, inputs, hidden, state, memory, history, return_new_memory):
    i_h, g_h, r_h, o_h = normed(convolved(hidden, cell.from_hidden), cell.norm_hidden).chunk(4, -1)
    i_x, g_x, r_x, o_x, i_t, g_t, f_t = normed(convolved(inputs, cell.from_inputs), cell.norm_inputs).chunk(7, -1)
    i, r, g = torch.sigmoid(i_x + i_h), torch.sigmoid(r_x + r_h), torch.tanh(g_x + g_h)
    new_state = normed(state + attention(r, history), cell.norm_cell) + i * g
    i_m, f_m, g_m, m_m = normed(convolved(memory, cell.from_memory), cell.norm_memory).chunk(4, -1)
    forget = torch.sigmoid(f_t + f_m + 1)
    new_memory = forget * torch.tanh(m_m) + torch.sigmoid(i_t + i_m) * torch.tanh(g_t + g_m)
    o = torch.tanh(o_x + o_h + convolved(new_state, cell.from_cell) + convolved(new_memory, cell.from_new_memory))
    new_hidden = torch.tanh(convolved(torch.cat([new_state, new_memory], -1), cell.joined)) * torch.sigmoid(o)
    return new_hidden, new_state, new_memory if return_new_memory else memory


def patched(frames, size):
    """Frames (b, t, h, w, c) as (b, t, h / size, w / size, size * size * c)."""
    b, t, h, w, c = frames.shape
    parts = frames.reshape(b, t, h // size, size, w // size, size, c).permute(0, 1, 2, 4, 3, 5, 6)
    return parts.reshape(b, t, h // size, w // size, size * size * c)


def unpatched(maps, size):
    b, t, h, w, c = maps.shape
    parts = maps.reshape(b, t, h, w, size, size, c // size**2).permute(0, 1, 2, 4, 3, 5, 6)
    return parts.reshape(b, t, h * size, w * size, c // size**2)


def plain_predictions(model, clips, given):
    """All frames but the first of clips (b, t, c, h, w); ``given`` (b, t - 1): which true frames are read."""
    config = model.config
    frames = patched(clips.permute(0, 1, 3, 4, 2), config.patch_size)
    batch, _, height, width, _ = frames.shape
    zeros = frames.new_zeros(batch, config.window, height, width, config.hidden_channels)
    hidden, states = [zeros] * config.num_layers, [zeros] * config.num_layers
    histories, memory, predicted = [None] * config.num_layers, zeros, []
    shown = [torch.zeros_like(frames[:, 0])] * (config.window - 1)
    for time in range(frames.shape[1] - 1):
        truth = frames[:, time]
        keep = given[:, time, None, None, None].to(truth.dtype)
        shown.append(truth if time == 0 else keep * truth + (1 - keep) * predicted[-1])
        for layer, cell in enumerate(model.cells):
            past = histories[layer]
            histories[layer] = states[layer] if past is None else torch.cat([past, states[layer]], 1)
            if layer == 0:
                inputs = torch.stack(shown[time:], 1)
            elif config.residual and layer % 2 == 0:
                inputs = hidden[layer - 2] + hidden[layer - 1]
            else:
                inputs = hidden[layer - 1]
            hidden[layer], states[layer], memory = cell_step(
                cell, inputs, hidden[layer], states[layer], memory, histories[layer], config.return_new_memory
            )
        top = hidden[-2] + hidden[-1] if config.residual else hidden[-1]
        decoded = F.conv3d(top.permute(0, 4, 1, 2, 3), model.decoder.weight, model.decoder.bias)
        predicted.append(decoded[:, :, 0].permute(0, 2, 3, 1))
    return unpatched(torch.stack(predicted, 1), config.patch_size).permute(0, 1, 4, 2, 3)
