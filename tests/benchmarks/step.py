"""One training step of KTH's FERNNs beside the published algorithm and beside the floor: ``step.py``.

    published   the released algorithm, written plainly: frame after frame through the embedding, every slice shifted
                by a one-hot kernel, every state kept
    ours        the model that the search trains
    floor       the convolutions that algebra cannot remove, forward and backward, on zero-padded maps of the same
                shapes and dtype: the embedding of all frames, one slice at the second step, |V| at all others

Forward and backward of one batch, same weights and clips, medians of alternating runs; and the megabytes that the
forward pass keeps for the backward pass. "validation": what an evaluation of KTH's 380 validation clips takes of the
time of an epoch of 1517 training clips. 128 channels, 16 frames of 32x32 pixels. It needs PyTorch and NumPy alone.
"""

import statistics

import torch
import torch.nn.functional as F
from steps import Floor, TrainingStep, alternate, main, seconds

from fernn.experiment import Experiment
from fernn.models import MODELS
from fernn.train.run import evaluating

NUM_FRAMES, SIZE = 16, 32
NUM_TRAINING, NUM_VALIDATION = 1517, 380


def published_logits(model, clips):
    """The released forward pass with our model's weights; its v has the other sign, as its clips would."""
    (cell,) = model.cells
    velocities = cell.flow.velocities
    one_hot = torch.stack([one_hot_kernel(v) for v in velocities]).to(clips)
    batch, state, states = len(clips), None, []
    for frame in clips.unbind(1):
        drive = frame
        for convolution, norm in zip(model.embedding.convolutions, model.embedding.norms, strict=True):
            drive = F.relu(F.batch_norm(convolution(drive), None, None, norm.weight, norm.bias, training=True))
        if state is None:
            state = drive.new_zeros(batch, len(velocities), *drive.shape[1:])
        moved = torch.stack([shifted(state[:, i], kernel) for i, kernel in enumerate(one_hot)], dim=1)
        carried = F.conv2d(F.pad(moved.flatten(0, 1), (1, 1, 1, 1), mode="circular"), cell.convolution.weight)
        state = torch.tanh(drive[:, None] + carried.unflatten(0, moved.shape[:2]))
        states.append(state)
    last = torch.stack(states, dim=1)[:, -1]
    return model.head(last.max(dim=1).values.mean(dim=(-2, -1)))


def one_hot_kernel(velocity):
    kernel = torch.zeros(5, 5)
    kernel[2 - velocity[0], 2 - velocity[1]] = 1
    return kernel


def shifted(maps, kernel):
    channels = maps.shape[1]
    padded = F.pad(maps, (2, 2, 2, 2), mode="circular")
    return F.conv2d(padded, kernel.to(padded.dtype).expand(channels, 1, 5, 5), groups=channels)


def convolutions(model, batch):
    """The floor's: the embedding of all frames, then one slice, then all slices."""
    for index, convolution in enumerate(model.embedding.convolutions):
        yield batch * NUM_FRAMES, SIZE, convolution.weight, index > 0
    hidden, slices = model.cells[0].convolution.weight, len(model.cells[0].flow.velocities)
    yield batch, SIZE, hidden, True
    for _ in range(NUM_FRAMES - 2):
        yield slices * batch, SIZE, hidden, True


def measure(name, batch, dtype, device, repeats):
    torch.manual_seed(0)
    model = MODELS["kth"][name].build().to(device).train()
    clips = torch.rand(batch, NUM_FRAMES, 1, SIZE, SIZE, device=device)
    labels = torch.arange(batch, device=device) % 6

    def loss_of(logits):
        return F.cross_entropy(logits.float(), labels)

    steps = {
        "published": TrainingStep(lambda: loss_of(published_logits(model, clips)), device, dtype),
        "ours": TrainingStep(lambda: loss_of(model(clips)), device, dtype),
        "floor": Floor(convolutions(model, batch), device, dtype),
    }
    found = alternate(steps, device, repeats)
    share = NUM_VALIDATION / NUM_TRAINING * evaluation_seconds(model, clips, dtype, repeats) / float(found["ours s"])
    return found | {"validation": f"{share:.1%}"}


@torch.no_grad()
def evaluation_seconds(model, clips, dtype, repeats):
    """The median time of the forward pass in eval mode."""
    device = clips.device.type
    with evaluating(model), torch.autocast(device, dtype, enabled=dtype != torch.float32):
        return statistics.median(seconds(lambda: model(clips), device) for _ in range(repeats + 1))


if __name__ == "__main__":
    batches = {"grnn": 8, "fernn-v1": 4, "fernn-v2": 2}
    title = "One training step of KTH's FERNNs, 128 channels"
    main(title, __doc__, measure, batches, lambda name: Experiment().override({"data.name": "kth", "model": name}))
