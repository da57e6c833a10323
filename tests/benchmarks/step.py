"""One training step of KTH's FERNNs beside the published algorithm and beside the floor: ``step.py``.

    published   the released algorithm, written plainly: frame after frame through the embedding, every slice shifted
                by a one-hot kernel, every state kept
    ours        the model that the search trains
    floor       the convolutions that algebra cannot remove, forward and backward, on zero-padded maps of the same
                shapes and dtype: the embedding of all frames, one slice at the second step, |V| at all others

Forward and backward of one batch, same weights and clips, medians of alternating runs. 128 channels, 16 frames of
32x32 pixels. It needs PyTorch and NumPy alone.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from hardware import describe, show

from fernn.models import MODELS

NUM_FRAMES, SIZE, CHANNELS = 16, 32, (32, 64, 128)
DEFAULTS = (("grnn", 8), ("fernn-v1", 4), ("fernn-v2", 2))


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


class Floor:
    """The convolutions alone, on maps that stand ready."""

    def __init__(self, model, batch, device, dtype):
        frames, slices = batch * NUM_FRAMES, len(model.cells[0].flow.velocities)
        widths = (1, *CHANNELS)
        embedding = [(frames, widths[i], weight) for i, weight in enumerate(weights_of(model.embedding.convolutions))]
        hidden = model.cells[0].convolution.weight
        steps = [(batch, CHANNELS[-1], hidden)] + [(slices * batch, CHANNELS[-1], hidden)] * (NUM_FRAMES - 2)
        self.calls = []
        for index, (count, width, weight) in enumerate([*embedding, *steps]):
            maps = torch.rand(count, width, SIZE, SIZE, device=device, dtype=dtype, requires_grad=index > 0)
            self.calls.append((maps, weight.detach().to(dtype).requires_grad_()))

    def __call__(self):
        for maps, weight in self.calls:
            found = F.conv2d(maps, weight, padding=weight.shape[-1] // 2)
            found.backward(found.detach())
            maps.grad = weight.grad = None


def weights_of(convolutions):
    return [convolution.weight for convolution in convolutions]


def training_step(logits_of, clips, labels, dtype):
    def step():
        with torch.autocast(clips.device.type, dtype, enabled=dtype != torch.float32):
            logits = logits_of(clips)
        F.cross_entropy(logits.float(), labels).backward()

    return step


def seconds(step, device):
    began = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def measure(name, batch, dtype, device, repeats):
    torch.manual_seed(0)
    model = MODELS["kth"][name].build().to(device).train()
    clips = torch.rand(batch, NUM_FRAMES, 1, SIZE, SIZE, device=device)
    labels = torch.arange(batch, device=device) % 6
    steps = {
        "published": training_step(lambda clips: published_logits(model, clips), clips, labels, dtype),
        "ours": training_step(model, clips, labels, dtype),
        "floor": Floor(model, batch, device, dtype),
    }
    for step in steps.values():
        seconds(step, device)
    runs = [{kind: seconds(step, device) for kind, step in steps.items()} for _ in range(repeats)]
    middle = {kind: statistics.median(run[kind] for run in runs) for kind in steps}
    ratios = [run["ours"] / run["floor"] for run in runs]
    return {
        "model": name, "batch": batch, "precision": str(dtype).removeprefix("torch."),
        **{f"{kind} s": f"{value:.3g}" for kind, value in middle.items()},
        "ours/floor": f"{middle['ours'] / middle['floor']:.2f}", "spread": f"{min(ratios):.2f}-{max(ratios):.2f}",
        "published/ours": f"{middle['published'] / middle['ours']:.2f}",
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, help="one batch size for all models; by default 8, 4 and 2")
    parser.add_argument("--models", nargs="+", default=[name for name, _ in DEFAULTS])
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = [
        measure(name, asked.batch or dict(DEFAULTS)[name], getattr(torch, precision), asked.device, asked.repeats)
        for precision in asked.precisions
        for name in asked.models
    ]
    hardware = describe("torch") | {"threads": torch.get_num_threads()}
    if asked.device == "cuda":
        hardware["gpu"] = torch.cuda.get_device_name()
    if asked.json:
        print(json.dumps({"hardware": hardware, "rows": rows}))
    else:
        show("One training step of KTH's FERNNs, 128 channels", rows, hardware)


if __name__ == "__main__":
    main()
