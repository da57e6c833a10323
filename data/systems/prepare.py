"""Generate the trajectories of a small physical system as Parquet: ``prepare(out, config)``.

They depend on the config alone, by named seeds: (split) for starts and (split, "noise") for what is observed of them;
by the published protocol as :mod:`data.systems.published` says.
"""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data.data_set import SPLITS
from data.errors import DataError
from data.files import full_path
from data.manifest import Manifest
from data.preparing.folders import deciding, ready_or_made, versions_of, write_folder
from data.preparing.parquet import columns, write_file
from data.systems.dynamics import States, draw_starts, trajectories
from data.systems.published import published_sequences
from fernn.config import KNOWN, DataConfig, SystemConfig
from fernn.experiment import Split
from fernn.seeding import generator

FILE = "states.parquet"
LIBRARIES = ("numpy", "pyarrow")
DECIDING = ("name", "num_frames", "duration", "noise", "num_sequences")
"""Fields of the config that the trajectories depend on."""


NUMBERS = "numbers_of_a_state"
"""In a manifest's details, where there are more than q and p."""


def schema(splits: dict[Split, States]) -> pa.Schema:
    """One row a sequence: its split, its number in it, and the numbers of its states, one state after the other."""
    lengths = {states[0].size for states in splits.values()}
    states = pa.list_(pa.float64(), *(lengths if len(lengths) == 1 else ()))
    return columns(split=pa.string(), index=pa.int32(), states=states)


def folder_of(out: Path | str, data: DataConfig) -> Path:
    """Where in the folder ``out`` the trajectories of the config are."""
    return full_path(out) / f"{data.name}-{_deciding(data)[1][:8]}"


def _deciding(data: DataConfig) -> tuple[str, str]:
    return deciding(data, DECIDING if data.protocol == "default" else (*DECIDING, "protocol"))


def prepare(out: Path | str, data: DataConfig, files: Path | str | None = None, demo: bool = False) -> Manifest:
    """The manifest of the trajectories in ``folder_of(out, data)``, which are generated unless they are there."""
    assert isinstance(data, SystemConfig)
    if files is not None:
        raise DataError(f"{data.name} is generated from named seeds: leave --files out")
    folder = folder_of(out, data)
    return ready_or_made(folder, data.name, lambda: write_folder(folder, partial(_generate, data=data, demo=demo)))


def observed(data: SystemConfig, split: Split) -> States:
    """The split's states (n, num_frames, 2): with noise for training and validation, exact for test.

    By the published protocol all have noise, and what is known of each follows: (n, num_frames, 2 + 5).
    """
    if data.has_derivatives:
        return published_sequences(data)[split]
    count = data.num_sequences[SPLITS.index(split)]
    starts = draw_starts(data.name, count, generator("states", data.name, split))
    exact = trajectories(data.name, starts, data.num_frames, data.duration)
    if split == "test":
        return exact
    return exact + data.noise * generator("states", data.name, split, "noise").standard_normal(exact.shape)


def _generate(folder: Path, data: SystemConfig, demo: bool) -> Manifest:
    splits, (config, digest) = {split: observed(data, split) for split in SPLITS}, _deciding(data)
    details = {"config": config} | ({NUMBERS: 2 + len(KNOWN)} if data.has_derivatives else {})
    origin = {"dataset": data.name, "origin": "generated", "source_sha256": digest}
    return write_states(
        folder,
        splits,
        versions_of((*LIBRARIES, *["scipy"] * data.has_derivatives)),
        demo=demo,
        details=details,
        **origin,
    )


def write_states(folder: Path, splits: dict[Split, States], versions: dict[str, str], **facts: Any) -> Manifest:
    """Write the sequences (n, t, k) of every split into the folder; the manifest, of the further ``facts``."""
    rows = [
        {"split": split, "index": index, "states": states.ravel().tolist()}
        for split, sequences in splits.items() for index, states in enumerate(sequences)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=schema(splits))
    return Manifest(
        size=1,
        clips={"states": {str(split): len(states) for split, states in splits.items()}},
        files=(write_file(folder / FILE, table.schema, [table]),),
        versions=versions,
        hash=_content_hash(splits),
        **facts,
    )


def _content_hash(splits: dict[Split, States]) -> str:
    digest = hashlib.sha256(b"states\n")
    for split, states in splits.items():
        decimals = 9 if states.shape[-1] == 2 else 6  # of a library's integrator, whose steps are its own
        digest.update(f"{split} {states.shape}\n".encode())
        digest.update(np.round(states, decimals).astype("<f8").tobytes())  # whatever the last bits of a machine's sine
    return digest.hexdigest()
