"""The networks written straight from their equations, one loop at a time: what the fast path must equal."""

import torch
import torch.nn.functional as F


def embed(embedding, frame, training):
    """One frame (b, c, h, w) through the stack, BatchNorm called once: ordinary nn.functional calls."""
    for convolution, norm in zip(embedding.convolutions, embedding.norms, strict=True):
        mode = "constant" if convolution.padding_mode == "zeros" else "circular"
        pad = convolution.kernel_size[0] // 2
        frame = F.conv2d(F.pad(frame, (pad,) * 4, mode=mode), convolution.weight)
        frame = F.relu(
            F.batch_norm(frame, norm.running_mean, norm.running_var, norm.weight, norm.bias, training, norm.momentum)
        )
    return frame


def circular(maps, weight, groups=1):
    pad_y, pad_x = weight.shape[-2] // 2, weight.shape[-1] // 2
    return F.conv2d(F.pad(maps, (pad_x, pad_x, pad_y, pad_y), mode="circular"), weight, groups=groups)


def carry(cell, state, index):
    """What happens to slice ``index`` between two frames: a shift by v, or a learned kernel."""
    if hasattr(cell, "flow"):
        vy, vx = cell.flow.velocities[index]
        return torch.roll(state, (vy, vx), dims=(-2, -1))
    channels = state.shape[1]
    kernel = cell.kernels.weight[index].expand(channels, 1, -1, -1)
    return circular(state, kernel, groups=channels)


def num_slices(cell):
    return len(cell.flow.velocities) if hasattr(cell, "flow") else len(cell.kernels.weight)


def plain_logits(model, clips):
    """Logits of a RecurrentClassifier with one layer: loops over frames and slices, from a zero state."""
    (cell,) = model.cells
    states = None
    for time in range(clips.shape[1]):
        drive = embed(model.embedding, clips[:, time], model.training)
        if states is None:
            states = [torch.zeros_like(drive)] * num_slices(cell)
        states = [
            torch.tanh(drive + circular(carry(cell, state, index), cell.convolution.weight))
            for index, state in enumerate(states)
        ]
    pooled = torch.stack(states).max(dim=0).values
    return model.head(pooled.mean(dim=(-2, -1)))
