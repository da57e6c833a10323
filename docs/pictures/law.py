"""The picture of README: the law of flow equivariance, kept and broken. ``python docs/pictures/law.py``.

A rendered clip of a waving figure drifts by one pixel a frame down and two to the right. Three networks with equal
initial weights see it: FERNN-V2 with a circular embedding, FERNN-V2 with the published zero padding, and the G-RNN.

The law says that the hidden state at the clip's velocity rides along with the clip. Moved back by the drift, it is then
the hidden state of the still clip. The maps show by how much it differs, the curves the largest difference by frame.
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from data.kth.annotations import video_of
from data.kth.demo import frames_of
from fernn.equivariance import drift
from fernn.flows import TranslationFlow
from fernn.models.fernn import FERNNConfig

PICTURE = Path(__file__).with_suffix(".png")
VELOCITY = (1, 2)
NUM_FRAMES, SIZE, SHOWN = 16, 32, (0, 5, 10, 15)
CHANNELS = 16
NETWORKS = {
    "FERNN-V2, circular": ((2, 2), "circular"),
    "FERNN-V2, zeros as published": ((2, 2), "zeros"),
    "G-RNN, circular": ((0, 0), "circular"),
}
COLORS = ("tab:blue", "tab:orange", "tab:red")


@dataclass(frozen=True)
class Measured:
    """What one network makes of the drifting clip, moved back by the drift, and of the still one: (t, c, h, w)."""

    moved_back: Tensor
    still: Tensor

    @property
    def deviation(self) -> Tensor:
        """Largest deviation over channels at each pixel (t, h, w), relative to the largest hidden value."""
        return (self.moved_back - self.still).abs().amax(dim=1) / self.still.abs().max()

    @property
    def by_frame(self) -> Tensor:
        """Largest deviation of each frame (t,)."""
        return self.deviation.amax(dim=(-2, -1))


def clip() -> Tensor:
    """A rendered figure that waves (1, t, 1, h, w) in [0, 1]: every second frame, its square middle."""
    frames = islice(frames_of(video_of("person03_handwaving_d1", [(0, 2 * NUM_FRAMES - 1)])), 0, None, 2)
    pixels = np.stack([cv2.resize(frame[:, 20:140], (SIZE, SIZE), interpolation=cv2.INTER_AREA) for frame in frames])
    return torch.from_numpy(pixels)[None, :, None].float() / 255


@torch.no_grad()
def measure(velocity_range: tuple[int, int], padding: str) -> Measured:
    """The hidden states of a network with the picture's weights.

    A FERNN answers with its state at the clip's velocity, a G-RNN with the one state that it has.
    """
    torch.manual_seed(0)
    config = FERNNConfig(velocity_range=velocity_range, hidden_channels=CHANNELS, embedding_padding=padding)
    model, flow = config.build().eval(), TranslationFlow.box(*velocity_range)
    rider = flow.velocities.index(VELOCITY) if VELOCITY in flow.velocities else flow.velocities.index((0, 0))
    still = [state[flow.velocities.index((0, 0)), 0] for state in model.hidden_states(clip())]
    moving = model.hidden_states(drift(flow, clip(), VELOCITY))
    back = [flow.act_hidden(state[rider, 0], VELOCITY, -time) for time, state in enumerate(moving)]
    return Measured(torch.stack(back), torch.stack(still))


def show(axes: Axes, pixels: Tensor, title: str = "", **how: object) -> None:
    """One picture without ticks."""
    axes.imshow(pixels.numpy(), **how)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=9)


def draw(found: dict[str, Measured]) -> Figure:
    """The clip, the deviation maps of each network, and the deviation by frame."""
    figure = Figure(figsize=(10.5, 5.2), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    maps, plot = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    grid = maps.subplots(1 + len(found), len(SHOWN))
    drifting = drift(TranslationFlow.box(2, 2), clip(), VELOCITY)[0, :, 0]
    for column, time in enumerate(SHOWN):
        show(grid[0, column], drifting[time], f"frame {time}", cmap="gray", vmin=0, vmax=1)
        for row, measured in enumerate(found.values(), 1):
            show(grid[row, column], measured.deviation[time], cmap="magma", vmin=0, vmax=1)
    for axes, label in zip(
        grid[:, 0], ("the clip\ndrifts", *(name.replace(", ", ",\n") for name in found)), strict=True
    ):
        axes.set_ylabel(label, fontsize=8)
    maps.suptitle("Deviation of the hidden state from the law (black: none)", fontsize=10)
    curves(plot.subplots(), found)
    plot.suptitle("Largest deviation, as a share of the largest hidden value", fontsize=10)
    return figure


def curves(axes: Axes, found: dict[str, Measured]) -> None:
    """Deviation by frame."""
    for (name, measured), color in zip(found.items(), COLORS, strict=True):
        axes.plot(measured.by_frame, marker="o", markersize=3, color=color, label=name)
    axes.set(xlabel="frame", ylim=(-0.03, 1.03))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.08))


if __name__ == "__main__":
    networks = {name: measure(*choice) for name, choice in NETWORKS.items()}
    draw(networks).savefig(PICTURE, metadata={"Software": None})
    for name, measured in networks.items():
        print(f"{name}: {measured.by_frame.max():.2g}")
