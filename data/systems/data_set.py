"""Ideal systems: the states of a pendulum, and of a spring."""

from dataclasses import replace

from data.data_set import DataSet, by_split
from data.stream import Corpus
from data.systems.prepare import folder_of, prepare
from data.systems.stream import StateStream, read_trajectories
from fernn.config import SystemConfig

PENDULUM = DataSet(
    config=SystemConfig("ideal-pendulum"),
    folder="systems",
    prepare=prepare,
    prepare_demo=lambda out, data: prepare(out, data, demo=True),
    folder_of=folder_of,
    num_clips=lambda data, manifest, is_demo: by_split(
        (data.num_sequences[0] * data.passes, *data.num_sequences[1:])  # training's as often as an epoch goes through
    ),
    read=lambda folder, manifest: Corpus(read_trajectories(folder, manifest), StateStream),
    is_generated=True,
)
SPRING = replace(PENDULUM, config=SystemConfig("ideal-spring"))
