"""Bring the filmed pendulum to disk as Parquet: ``python data/real_pendulum/prepare.py --out DIR --files FILES``.

``FILES`` is real_pend_h_1.txt, invar_datasets.zip, or the folder that has one of them. ``DIR/PROTOCOL`` then holds the
states with their derivatives, the manifest last. A folder that is finished is left as it is.

Source of the derivatives and of the published split: Greydanus et al., "Hamiltonian Neural Networks", NeurIPS 2019, and
greydanus/hamiltonian-nn, experiment-real/data.py.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from data.errors import DataError, DownloadError
from data.files import full_path
from data.manifest import Manifest
from data.preparing.folders import DEMO_MARK, ready_or_made, versions_of, write_folder
from data.real_pendulum.source import ARCHIVE, NAME, PUBLISHED, Motion, read_motion
from data.systems.dynamics import States
from data.systems.prepare import NUMBERS, write_states
from data.terminal import answer, options_of
from fernn.config import KNOWN, DataConfig, Protocol, RealPendulumConfig
from fernn.experiment import Split

DATASET, LIBRARIES, TRAINED = "real-pendulum", ("numpy", "pyarrow"), 0.8
"""Of all states the share before the test, as published."""


@dataclass(frozen=True)
class PrepareConfig:
    """Turn the filmed pendulum's states into Parquet with a manifest."""

    out: Path
    """Folder for the prepared states; each protocol has a folder of its own in it."""
    files: Path
    """The published text or archive, or the folder that has it."""
    protocol: Protocol = "default"
    """published: training is on the validation states as well."""


def folder_of(out: Path | str, data: DataConfig) -> Path:
    """Where the states split by the config's protocol are in the folder ``out``."""
    return full_path(out) / data.protocol


def prepare(out: Path | str, data: DataConfig, files: Path | str | None = None) -> Manifest:
    """The manifest of the states in ``folder_of(out, data)``, which are read unless they are there.

    Raises DataError with one clear line if that cannot be done, or if those there were read from another file.
    """
    folder, given = folder_of(out, data), None if files is None else full_path(files)
    name = DATASET if given is None else _name(given)

    def make() -> Manifest:
        if given is None:
            raise DownloadError(f"{NAME} is not downloaded: give --files DIR with it or with {ARCHIVE}")
        read = read_motion(given)
        return write_folder(folder, partial(_fill, read=read, data=data, name=name, origin=str(given)))

    return ready_or_made(folder, name, make, lambda ready: require_same(folder, ready, given))


def _name(files: Path) -> str:
    """The data set's name, or its demo's for a file with a mark beside it."""
    beside = files if files.is_dir() else files.parent
    return f"{DATASET}-demo" if (beside / DEMO_MARK).exists() else DATASET


def require_same(folder: Path, manifest: Manifest, files: Path | str | None) -> None:
    """Raise DataError where ``files`` is another file than the one that the states in ``folder`` are of."""
    if files is not None and read_motion(files).sha256 != manifest.source_sha256:
        raise DataError(
            f"{folder} is not made of {files}, which has other content than {manifest.origin} had: give another folder "
            "(--out, --data of a search), or drop --files"
        )


def sequences(moments: States, protocol: Protocol) -> dict[Split, States]:
    """Each split's one sequence (1, t, 7) of the moments (n, 3): q and p, then :data:`fernn.config.KNOWN`.

    A derivative is the difference to the next moment over the time to it, so that the last moment has none.
    """
    times, states = moments[:, :1], moments[:, 1:]
    slopes = np.diff(states, axis=0) / np.diff(times, axis=0)
    known = np.concatenate([states[:-1], states[:-1], slopes, times[:-1]], axis=1)
    before, number = int(len(known) * TRAINED), int(len(known) * (1 - TRAINED))
    validation, test = known[before - number : before], known[before : before + number]
    parts = [known[:before], known[before + number :]] if protocol == "published" else [known[: before - number]]
    return {"train": np.concatenate(parts)[None], "validation": validation[None], "test": test[None]}


def _fill(folder: Path, read: Motion, data: DataConfig, name: str, origin: str) -> Manifest:
    details: dict[str, object] = {NUMBERS: 2 + len(KNOWN), "moments": len(read.moments)}
    is_demo = name != DATASET
    if not is_demo and read.sha256 != PUBLISHED:
        details["stand_in"] = f"a file of other content than the published {NAME}"
    facts = {"dataset": name, "origin": origin, "source_sha256": read.sha256, "details": details, "demo": is_demo}
    return write_states(folder, sequences(read.moments, data.protocol), versions_of(LIBRARIES), **facts)


def main(config: PrepareConfig) -> str:
    """Prepare; what there is, in one line."""
    data = RealPendulumConfig(protocol=config.protocol)
    manifest = prepare(config.out, data, config.files)
    marks = f"; STAND-IN: {manifest.details['stand_in']}" if "stand_in" in manifest.details else ""
    return f"{folder_of(config.out, data)}: {manifest.dataset}, {manifest.details['moments']} moments{marks}"


if __name__ == "__main__":
    sys.exit(answer(main, options_of(PrepareConfig)))
