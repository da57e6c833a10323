"""Render blocks that slide down a ramp, in Physics 101's folder layout: ``python data/physics101/demo.py --out DIR``.

DIR then holds ``ramp/OBJECT/20_01/TRIAL/Kinect_RGB_1.mp4``, and is prepared as the real videos are. A block slides with
constant acceleration g (sin 20 - mu cos 20), where its friction mu, size and color are the object's, and its start and
the camera's light the trial's. ``demo.json`` marks the folder. Equal arguments give equal frames.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.files import full_path
from data.physics101.decode import Frames, encode
from data.physics101.source import CAMERA, DATASET
from data.preparing.folders import alone_in, render_videos
from data.terminal import answer, options_of
from fernn.seeding import generator

RENDERER = 1
"""Counts up when equal arguments give other frames than before."""
HEIGHT, WIDTH, NUM_FRAMES = 144, 192, 48
ANGLE = np.radians(20)
BASE, TOP = np.array([168.0, 120.0]), np.array([24.0, 120.0 - 144.0 * np.tan(np.radians(20))])
"""Where the ramp ends and begins, (x, y) in pixels."""
SPEED = 0.7
"""Gravity in pixels per frame squared."""
SHIFT = 4
"""Coordinates are drawn to a sixteenth of a pixel."""


@dataclass(frozen=True)
class DemoConfig:
    """Render sliding blocks in the folder layout of Physics 101."""

    out: Path
    """Folder for the videos; made if it is missing."""
    objects: int = 12
    """Blocks, each with its own friction, size and color."""
    trials: int = 10
    """Videos of each block."""

    def __post_init__(self) -> None:
        for name in ("objects", "trials"):
            if not 1 <= (value := getattr(self, name)) <= 99:
                raise DataError(f"{name} must be 1 to 99, got {value}")

    def names(self) -> list[str]:
        """The videos, "object/setting/trial"."""
        numbers = [(block, trial) for block in range(self.objects) for trial in range(self.trials)]
        return [f"block_{block + 1:02d}/20_01/{trial + 1:02d}" for block, trial in numbers]


def render(config: DemoConfig) -> list[str]:
    """Render the videos into ``out`` and return their names; a folder that was finished so is left as it is."""
    out, names = full_path(config.out), config.names()
    facts = {"dataset": f"{DATASET}-demo", "renderer": RENDERER, "objects": config.objects, "trials": config.trials}
    with alone_in(out):
        paths = {out / "ramp" / name / CAMERA: name for name in names}
        render_videos(out, f"**/{CAMERA}", facts, paths, lambda path, name: encode(path, frames_of(name)))
    return names


def frames_of(name: str) -> Iterator[Frames]:
    """The frames (144, 192, 3) of one video."""
    block, trial = generator("ramp-demo", name.split("/")[0]), generator("ramp-demo", "trial", name)
    friction, length, height = block.uniform(0.05, 0.3), block.uniform(18, 32), block.uniform(12, 22)
    color, light = block.uniform(60, 230, 3), trial.uniform(0.85, 1.1)
    start, wait = trial.uniform(16, 40), trial.integers(0, 8)
    pull = SPEED * (np.sin(ANGLE) - friction * np.cos(ANGLE))
    scene = light * _scene()
    for time in range(NUM_FRAMES):
        way = start + 0.5 * pull * max(0, time - wait) ** 2
        image = scene.copy()
        cv2.fillConvexPoly(image, _corners(way, length, height), tuple(light * color), cv2.LINE_AA, SHIFT)
        yield np.clip(image, 0, 255).astype(np.uint8)


def _scene() -> NDArray[np.float64]:
    """The empty ramp before a wall."""
    image = np.empty((HEIGHT, WIDTH, 3))
    image[:] = np.array([168.0, 172.0, 176.0]) - np.linspace(0, 30, HEIGHT)[:, None, None]
    ramp = np.array([TOP, BASE, [TOP[0], BASE[1]]])
    cv2.fillConvexPoly(image, _fixed(ramp), (120.0, 96.0, 72.0), cv2.LINE_AA, SHIFT)
    cv2.rectangle(image, (0, int(BASE[1])), (WIDTH, HEIGHT), (90.0, 88.0, 84.0), -1)
    return image


def _corners(way: float, length: float, height: float) -> NDArray[np.int32]:
    """The block with its middle ``way`` pixels down the ramp, or lying at its end."""
    along = (BASE - TOP) / np.linalg.norm(BASE - TOP)
    up = np.array([along[1], -along[0]])
    foot = TOP + min(way, np.linalg.norm(BASE - TOP) - length / 2) * along
    ends = (foot - along * length / 2, foot + along * length / 2)
    return _fixed(np.array([ends[0], ends[1], ends[1] + up * height, ends[0] + up * height]))


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(points * 2**SHIFT).astype(np.int32)


def main(config: DemoConfig) -> str:
    """Render; what there is, in one line."""
    return f"{config.out}: {len(render(config))} rendered videos"


if __name__ == "__main__":
    sys.exit(answer(main, options_of(DemoConfig)))
