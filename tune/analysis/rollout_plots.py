"""Predicted frames beside the true ones, after Figures 2 and 4 of Keller, 2025."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from fernn.files.checkpoint import Tensors
from tune.analysis.plotting import blank_figure, titled
from tune.core.study import Study

NUM_CLIPS, NUM_GIVEN, NUM_PREDICTED = 2, 3, 8
FRAME_INCHES = 0.62


def rollout_figure(study: Study, examples: Mapping[str, Tensors]) -> Figure:
    """A row of true frames and a row for each model, of the first test clips; all models saw the same clips."""
    first = next(iter(examples.values()))
    clips = first["clips"][:NUM_CLIPS]
    num_given = clips.shape[1] - first["predicted"].shape[1]
    shown = frames_shown(num_given, clips.shape[1])
    strips = []
    for index, clip in enumerate(clips):
        strips.append(("truth", clip[shown]))
        strips += [
            (label, with_blank(example["predicted"][index], num_given)[shown]) for label, example in examples.items()
        ]
    return strips_figure(study, strips, shown, num_given)


def frames_shown(num_given: int, num_frames: int) -> list[int]:
    """The last given frames, then at most NUM_PREDICTED of the others at equal distances, the last one included."""
    ahead = np.linspace(num_given, num_frames - 1, min(NUM_PREDICTED, num_frames - num_given)).round().astype(int)
    return [*range(max(0, num_given - NUM_GIVEN), num_given), *ahead.tolist()]


def with_blank(predicted: Tensor, num_given: int) -> Tensor:
    """Predicted frames (horizon, c, h, w) behind white ones in the place of those that were given."""
    blank = predicted.new_full((num_given, *predicted.shape[1:]), 255)
    return torch.cat([blank, predicted])


def strips_figure(study: Study, strips: list[tuple[str, Tensor]], shown: list[int], num_given: int) -> Figure:
    """One line of frames for each strip, numbered below from the first predicted one."""
    figure = blank_figure(len(shown) * FRAME_INCHES + 1.6, len(strips) * FRAME_INCHES + 0.9)
    for axes, (label, frames) in zip(figure.subplots(len(strips), squeeze=False)[:, 0], strips, strict=True):
        size = frames.shape[-1]
        line = np.full((frames.shape[-2], len(shown) * (size + 2) - 2), 255, dtype=np.uint8)
        for place, frame in enumerate(frames):
            line[:, place * (size + 2) : place * (size + 2) + size] = frame[0]
        axes.imshow(line, cmap="gray", vmin=0, vmax=255)
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    names = ["given" if frame < num_given else f"{frame - num_given + 1}" for frame in shown]
    axes.set_xticks([place * (size + 2) + size / 2 for place in range(len(shown))], names, fontsize=8)
    return titled(figure, study, "test sequences")
