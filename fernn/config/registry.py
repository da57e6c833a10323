"""Data sets by name: the config of each."""

from fernn.config.base import unknown_name
from fernn.config.convection import ConvectionConfig, MadeConvectionConfig
from fernn.config.data import DataConfig
from fernn.config.digits import RotatingMNISTConfig, TranslatingMNISTConfig
from fernn.config.fields import OceanConfig
from fernn.config.kth import KTHConfig
from fernn.config.noether import RampConfig, SystemConfig
from fernn.config.video import KTHVideoConfig, MovingConfig

DATA: dict[str, DataConfig] = {
    config.name: config
    for config in (
        KTHConfig(),
        TranslatingMNISTConfig(),
        RotatingMNISTConfig(),
        MovingConfig(),
        KTHVideoConfig(),
        OceanConfig(),
        ConvectionConfig(),
        MadeConvectionConfig(),
        RampConfig(),
        SystemConfig("ideal-pendulum"),
        SystemConfig("ideal-spring"),
    )
}


def register(config: DataConfig) -> None:
    """Make a data set known by its config's name; raises ValueError where another config has the name."""
    if DATA.setdefault(config.name, config) != config:
        raise ValueError(f"data.name must be new, {config.name!r} is the name of {type(DATA[config.name]).__name__}")


def data_config(name: str) -> DataConfig:
    """The data set registered as ``name``; raises KeyError with the nearest name."""
    if name not in DATA:
        raise KeyError(unknown_name(name, list(DATA), kind="data set"))
    return DATA[name]
