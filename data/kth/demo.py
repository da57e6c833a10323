"""Render stick figures as videos in KTH's own format: ``python data/kth/demo.py --out DIR``.

DIR then looks as KTH's videos on disk do (names, 160x120, 25 frames per second, MPEG-4 AVI,
``00sequences.txt``) and is prepared as they are. ``demo.json`` marks it, so that no result from it can
pass for one on KTH. Equal arguments give equal frames.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from data.errors import DataError
from data.files import full_path, write_atomically
from data.kth.annotations import ACTIONS, ANNOTATION, MIN_FRAMES, Range, Video, format_annotation, video_of
from data.kth.decode import WIDTH, encode
from data.kth.figures import POSES, STRIDE, Array, Body, body_of, phases
from data.kth.scenery import Image, Scene, draw_frame, scene_of, zoom_of
from data.kth.source import DATASET
from data.preparing.folders import alone_in, render_videos
from data.terminal import answer, options_of
from fernn.seeding import generator

RENDERER = 1
"""Counts up when equal arguments give other frames than before."""


@dataclass(frozen=True)
class DemoConfig:
    """Render stick figures doing KTH's six actions, in KTH's own file format."""

    out: Path
    """Folder for the videos; made if it is missing."""
    persons: int = 25
    """Persons, from 01 on, at most 25."""
    scenarios: int = 1
    """Scenarios, from d1 on: outdoors, scale variation, other clothes, indoors."""
    ranges: int = 4
    """Annotated ranges in a video."""
    frames: int = 40
    """Frames in a range, at least 32."""

    def __post_init__(self) -> None:
        limits = {"persons": (1, 25), "scenarios": (1, 4), "ranges": (1, 16), "frames": (MIN_FRAMES, 1000)}
        for name, (least, most) in limits.items():
            if not least <= (value := getattr(self, name)) <= most:
                raise DataError(f"{name} must be {least} to {most}, got {value}")

    def videos(self) -> tuple[Video, ...]:
        """The annotation of the videos, in KTH's order."""
        numbers = product(range(1, self.persons + 1), sorted(ACTIONS), range(1, self.scenarios + 1))
        parts = [(i * self.frames, (i + 1) * self.frames - 1) for i in range(self.ranges)]
        return tuple(video_of(f"person{p:02}_{action}_d{s}", parts) for p, action, s in numbers)


def render(config: DemoConfig) -> tuple[Video, ...]:
    """Render the videos into ``out`` and return their annotation, which is written last.

    A folder that was finished with equal arguments is left as it is; one that holds other videos is
    refused.
    """
    out, videos = full_path(config.out), config.videos()
    numbers = {name: value for name, value in vars(config).items() if name != "out"}
    facts = {"dataset": f"{DATASET}-demo", "renderer": RENDERER, **numbers}
    with alone_in(out):
        paths = {out / video.file_name: video for video in videos}
        render_videos(out, "*.avi", facts, paths, lambda path, video: encode(path, frames_of(video)))
        write_atomically(out / ANNOTATION, format_annotation(videos))
    return videos


def frames_of(video: Video) -> Iterator[Image]:
    """The frames of a video, grey, 160x120."""
    body, scene = body_of(video.person), scene_of(video.person, video.scenario)
    facing = 1 if generator("kth-demo", "facing", video.name).uniform() < 0.5 else -1
    for part in video.ranges:
        yield from _frames_of_range(video.action, part, body, scene, facing)
        facing = -facing


def main(config: DemoConfig) -> str:
    """Render; what there is, in one line."""
    return f"{config.out}: {len(render(config))} rendered videos"


def _frames_of_range(action: str, part: Range, body: Body, scene: Scene, facing: int) -> Iterator[Image]:
    rng = generator("kth-demo", "range", part.id)
    phase = phases(action, body, part.num_frames, rng)
    zoom = body.height * zoom_of(scene, part.num_frames, rng)
    x = _path(action, phase, zoom, facing, rng)
    pose = POSES[action](body, phase, rng)
    noises = rng.integers(0, 2**16, part.num_frames)
    places = np.stack([x, np.full_like(x, scene.floor), facing * zoom, zoom], axis=1)
    for t, place in enumerate(places):
        yield draw_frame(scene, body, pose, t, place, noises[t])


def _path(action: str, phase: Array, zoom: Array, facing: int, rng: np.random.Generator) -> Array:
    """Where the figure is along x: on the spot, or passing again and again at a steady pace.

    A passing figure is everywhere equally often, whatever its pace: its place tells nothing.
    """
    if action not in STRIDE:
        return np.full_like(phase, rng.uniform(0.3, 0.7) * WIDTH)
    margin = 0.3 * zoom.mean()
    stride = rng.uniform(*STRIDE[action]) * zoom.mean()
    way = rng.uniform() * (WIDTH + 2 * margin) + facing * stride * (phase - phase[0]) / (2 * np.pi)
    return way % (WIDTH + 2 * margin) - margin


if __name__ == "__main__":
    sys.exit(answer(main, options_of(DemoConfig)))
