"""Generate the trajectories of a small physical system as Parquet: ``prepare(out, config)``.

They depend on the config alone, by named seeds: (split) for starts and (split, "noise") for what is observed of them.
"""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.data_set import SPLITS
from data.errors import DataError
from data.files import full_path
from data.manifest import Manifest
from data.preparing.folders import deciding, ready_or_made, versions_of, write_folder
from data.preparing.parquet import columns, write_file
from data.systems.dynamics import States, draw_starts, trajectories
from fernn.config import DataConfig, SystemConfig
from fernn.experiment import Split
from fernn.seeding import generator

FILE = "states.parquet"
LIBRARIES = ("numpy", "pyarrow")
DECIDING = ("name", "num_frames", "duration", "noise", "num_sequences")
"""Fields of the config that the trajectories depend on."""


def schema(num_states: int) -> pa.Schema:
    """One row a trajectory: its split, its number in it, and its states, q and p in turn."""
    return columns(split=pa.string(), index=pa.int32(), states=pa.list_(pa.float64(), 2 * num_states))


def folder_of(out: Path | str, data: DataConfig) -> Path:
    """Where in the folder ``out`` the trajectories of the config are."""
    return full_path(out) / f"{data.name}-{deciding(data, DECIDING)[1][:8]}"


def prepare(out: Path | str, data: DataConfig, files: Path | str | None = None, demo: bool = False) -> Manifest:
    """The manifest of the trajectories in ``folder_of(out, data)``, which are generated unless they are there."""
    assert isinstance(data, SystemConfig)
    if files is not None:
        raise DataError(f"{data.name} is generated from named seeds: leave --files out")
    folder = folder_of(out, data)
    return ready_or_made(folder, data.name, lambda: write_folder(folder, partial(_generate, data=data, demo=demo)))


def observed(data: SystemConfig, split: Split) -> States:
    """The split's states (n, num_frames, 2): with noise for training and validation, exact for test."""
    count = data.num_sequences[SPLITS.index(split)]
    starts = draw_starts(data.name, count, generator("states", data.name, split))
    exact = trajectories(data.name, starts, data.num_frames, data.duration)
    if split == "test":
        return exact
    return exact + data.noise * generator("states", data.name, split, "noise").standard_normal(exact.shape)


def _generate(folder: Path, data: SystemConfig, demo: bool) -> Manifest:
    splits, (config, digest) = {split: observed(data, split) for split in SPLITS}, deciding(data, DECIDING)
    rows = [
        {"split": split, "index": index, "states": states.ravel().tolist()}
        for split, sequences in splits.items() for index, states in enumerate(sequences)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=schema(data.num_frames))
    return Manifest(
        dataset=data.name,
        demo=demo,
        size=data.size,
        origin="generated",
        source_sha256=digest,
        clips={"states": {str(split): len(states) for split, states in splits.items()}},
        files=(write_file(folder / FILE, table.schema, [table]),),
        versions=versions_of(LIBRARIES),
        hash=_content_hash(splits),
        details={"config": config},
    )


def _content_hash(splits: dict[Split, States]) -> str:
    digest = hashlib.sha256(b"states\n")
    for split, states in splits.items():
        digest.update(f"{split} {states.shape}\n".encode())
        digest.update(np.round(states, 9).astype("<f8").tobytes())  # whatever the last bits of a machine's sine
    return digest.hexdigest()
