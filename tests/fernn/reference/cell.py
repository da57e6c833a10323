"""The published recurrent classifiers, translated plainly: frame after frame, slice after slice, by one-hot kernels.

After akandykeller/FERNN @7def7bc, kth/train_kth_classification.py: V (738), kernels that shift (443-453), the
embedding (413-423), a step (455-499, with learned kernels 545-589), the steps (501-526) and the classifier (604-612).
The weights are those of ``fernn.models.fernn``; none of its layers is called. Circular padding of the embedding, and
learned kernels that are not square, are ours.
"""

import torch
import torch.nn.functional as F


def published_velocities(range_y, range_x):
    """V, each (vy, vx)."""
    return [(vy, vx) for vx in range(-range_x, range_x + 1) for vy in range(-range_y, range_y + 1)]


def shift_kernels(velocities):
    """A kernel for every velocity, zero but for a one: cross-correlated, it moves a picture by -v."""
    reach = max(max(abs(vy), abs(vx)) for vy, vx in velocities)
    kernels = torch.zeros(len(velocities), 1, 2 * reach + 1, 2 * reach + 1)
    for kernel, (vy, vx) in zip(kernels, velocities, strict=True):
        kernel[0, reach + vy, reach + vx] = 1
    return kernels


def correlated(maps, kernel, mode="circular", groups=1):
    """The picture keeps its size; what is beyond its border is zero or comes from the other side."""
    pad_y, pad_x = kernel.shape[-2] // 2, kernel.shape[-1] // 2
    return F.conv2d(F.pad(maps, (pad_x, pad_x, pad_y, pad_y), mode=mode), kernel, groups=groups)


def embed(embedding, frame, training, mode):
    """Convolution, batch normalisation of one frame (b, c, h, w), ReLU, three times."""
    for convolution, norm in zip(embedding.convolutions, embedding.norms, strict=True):
        maps = correlated(frame, convolution.weight, mode)
        statistics = norm.running_mean, norm.running_var
        frame = F.batch_norm(maps, *statistics, norm.weight, norm.bias, training, momentum=0.1, eps=1e-5).relu()
    return frame


def plain_logits(model, config, clips):
    """Logits of a classifier with one layer: loops over frames and slices, from a zero state."""
    (cell,) = model.cells
    learned = getattr(cell, "kernels", None)
    kernels = learned.weight if learned else shift_kernels(published_velocities(*config.velocity_range)).to(clips)
    mode = "constant" if config.embedding_padding == "zeros" else config.embedding_padding
    states = [clips.new_zeros(len(clips), config.hidden_channels, *clips.shape[-2:]) for _ in kernels]
    for time in range(clips.shape[1]):
        drive = embed(model.embedding, clips[:, time], model.training, mode)
        for index, kernel in enumerate(kernels):
            shared = kernel.expand(config.hidden_channels, 1, -1, -1)
            moved = correlated(states[index], shared, groups=config.hidden_channels)
            states[index] = torch.tanh(drive + correlated(moved, cell.convolution.weight))
    pooled = torch.stack(states).max(dim=0).values.mean(dim=(-2, -1))
    return F.linear(pooled, model.head.weight, model.head.bias)
