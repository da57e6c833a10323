"""The filmed pendulum, or one in its file's format that is made here."""

from pathlib import Path

from data.data_set import DataSet, by_split
from data.manifest import Manifest
from data.real_pendulum.demo import DemoConfig, render
from data.real_pendulum.prepare import folder_of, prepare, require_same
from data.stream import Corpus
from data.systems.stream import StateStream, read_trajectories
from fernn.config import RealPendulumConfig


def prepare_demo(out: Path, data: RealPendulumConfig) -> Manifest:
    """A made file in the published format, read and split as the published one is."""
    return prepare(out, data, render(DemoConfig(out / "files")).parent)


REAL_PENDULUM = DataSet(
    config=RealPendulumConfig(),
    folder="real-pendulum",
    prepare=prepare,
    prepare_demo=prepare_demo,
    folder_of=folder_of,
    num_clips=lambda data, manifest, is_demo: by_split((data.passes, 1, 1)),
    read=lambda folder, manifest: Corpus(read_trajectories(folder, manifest), StateStream),
    require_same=require_same,
)
