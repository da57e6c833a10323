"""Ideal systems: the states of a pendulum, and of a spring."""

from collections.abc import Mapping
from dataclasses import replace

from data.data_set import DataSet, by_split
from data.manifest import Manifest
from data.systems.prepare import folder_of, prepare, schema
from data.systems.stream import read_trajectories
from fernn.config import SystemConfig


def num_trajectories(data: SystemConfig, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    """By the config, those of training as often as an epoch goes through them."""
    train, validation, test = data.num_sequences
    return by_split((train * data.passes, validation, test))


PENDULUM = DataSet(
    config=SystemConfig("ideal-pendulum"),
    folder="systems",
    prepare=prepare,
    prepare_demo=lambda out, data: prepare(out, data, demo=True),
    folder_of=folder_of,
    schema=lambda data: schema(data.num_frames),
    num_clips=num_trajectories,
    read=read_trajectories,
    is_generated=True,
)
SPRING = replace(PENDULUM, config=SystemConfig("ideal-spring"))
