"""Data sets by name: a new one is a folder here and a line below.

A data set is loaded when it is asked for, so that a search imports the libraries of its own data alone.
"""

from importlib import import_module

from data.data_set import DataSet
from data.manifest import Manifest
from fernn.config import DATA, register, unknown_name

DATA_SETS: dict[str, str | DataSet] = {
    "kth": "data.kth.data_set:KTH",
    "translating-mnist": "data.mnist.data_set:TRANSLATING",
    "rotating-mnist": "data.mnist.data_set:ROTATING",
    "moving-mnist": "data.video.data_set:MOVING",
    "kth-video": "data.video.data_set:KTH_VIDEO",
    "ocean": "data.ocean.data_set:OCEAN",
    "convection": "data.convection.data_set:CONVECTION",
    "made-convection": "data.convection.data_set:MADE_CONVECTION",
    "physics101": "data.physics101.data_set:PHYSICS101",
    "controlled-pendulum": "data.controlled_pendulum.data_set:CONTROLLED_PENDULUM",
    "ideal-pendulum": "data.systems.data_set:PENDULUM",
    "ideal-spring": "data.systems.data_set:SPRING",
    "real-pendulum": "data.real_pendulum.data_set:REAL_PENDULUM",
}
"""A data set, or "module:VALUE" that has it."""


def data_set(name: str) -> DataSet:
    """The data set registered as ``name``; raises KeyError with the nearest name."""
    if name not in DATA_SETS:
        raise KeyError(unknown_name(name, list(DATA_SETS), kind="data set"))
    entry = DATA_SETS[name]
    if isinstance(entry, DataSet):
        return entry
    module, _, value = entry.partition(":")
    loaded: DataSet = getattr(import_module(module), value)
    return loaded


def register_data_set(added: DataSet) -> None:
    """Make a data set from elsewhere known in this process; raises ValueError where its name is another's."""
    register(added.config)
    DATA_SETS[added.config.name] = added


def stand_in(manifest: Manifest) -> str:
    """What prepared data is where it is not the data set that it is named for; "" where it is."""
    return next((title for name in DATA_SETS if (title := data_set(name).stand_in(manifest))), "")


for _name in DATA_SETS.keys() - DATA.keys():  # whose config is here, and not in fernn
    register(data_set(_name).config)
