"""Make the episodes of the controlled pendulum as Parquet: ``prepare(out, config)``.

They depend on the config alone, by seeds named (seed, split, episode), so that no two splits share an episode.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa

from data.controlled_pendulum.dynamics import Numbers, draw_start, draw_torques, episode
from data.controlled_pendulum.render import RENDERER, drawn
from data.data_set import by_split
from data.errors import DataError
from data.files import full_path
from data.manifest import Manifest
from data.preparing.folders import deciding, ready_or_made, versions_of, write_folder
from data.preparing.frames import ClipRow, content_hash, fingerprint, frames_type, write_clips
from data.preparing.parquet import columns
from fernn.config import ControlledPendulumConfig, DataConfig
from fernn.experiment import Split
from fernn.seeding import generator

ROWS_PER_FILE = 64
DECIDING = ("size", "num_frames", "num_episodes", "torque", "push_frames", "seed")
"""Fields of the config that the episodes depend on."""
NUMBERS = pa.list_(pa.float64())
SCHEMA = columns(
    id=pa.string(), split=pa.string(), torques=NUMBERS, states=NUMBERS, frames=frames_type(4), sha256=pa.string()
)
"""One row an episode: a torque a frame, angle and angular velocity in turn, and RGB frames (t, size, size, 3)."""


def folder_of(out: Path | str, data: DataConfig) -> Path:
    """Where in the folder ``out`` the episodes of the config are."""
    return full_path(out) / f"{data.size}px-{deciding(data, DECIDING)[1][:8]}"


def prepare(out: Path | str, data: DataConfig, files: Path | str | None = None, demo: bool = False) -> Manifest:
    """The manifest of the episodes in ``folder_of(out, data)``, which are made unless they are there."""
    assert isinstance(data, ControlledPendulumConfig)
    if files is not None:
        raise DataError(f"{data.name} is made from named seeds: leave --files out")
    folder = folder_of(out, data)
    return ready_or_made(folder, data.name, lambda: write_folder(folder, partial(_fill, data=data, demo=demo)))


def made(data: ControlledPendulumConfig, split: Split, number: int) -> tuple[Numbers, Numbers]:
    """The states (t, 2) of one episode, and the torques (t,), of which the last one is felt by no frame."""
    random = generator("controlled-pendulum", data.seed, split, number)
    start = draw_start(random)
    torques = draw_torques(random, data.num_frames, data.torque, data.push_frames)
    return episode(start, torques), torques


def _fill(folder: Path, data: ControlledPendulumConfig, demo: bool) -> Manifest:
    files, rows = write_clips(folder, SCHEMA, _rows(data), ROWS_PER_FILE)
    config, digest = deciding(data, DECIDING)
    torques = [" ".join(f"{torque:.9f}" for torque in row["torques"]) for row in rows]
    hashed = [{**row, "torques": text} for row, text in zip(rows, torques, strict=True)]
    return Manifest(
        dataset=data.name,
        demo=demo,
        size=data.size,
        origin="generated",
        source_sha256=digest,
        clips={"episodes": by_split(data.num_episodes)},
        files=tuple(files),
        versions=versions_of(("numpy", "pyarrow", "ray")),
        hash=content_hash(f"{data.name} renderer {RENDERER}", hashed, ("id", "sha256", "torques")),
        details={"config": config},
    )


def _rows(data: ControlledPendulumConfig) -> Iterator[ClipRow]:
    for split, count in by_split(data.num_episodes).items():
        for number in range(count):
            states, torques = made(data, split, number)  # type: ignore[arg-type]
            frames = drawn(states[:, 0], data.size)
            facts = {"id": f"{split}-{number}", "split": split, "frames": frames, "sha256": fingerprint(frames)}
            yield {**facts, "torques": torques.tolist(), "states": states.ravel().tolist()}
