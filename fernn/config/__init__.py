"""Frozen configs: what an experiment's data is, field by field, what every config can do, and data sets by name.

Imports nothing of this project but :mod:`fernn.seeding`.
"""

from fernn.config.base import Config, fitted, nearest, nearest_field, unknown_name
from fernn.config.data import DIGIT, DataConfig, Motion, PredictionConfig, Protocol, TaskName
from fernn.config.digits import DigitsConfig, RotatingMNISTConfig, TranslatingMNISTConfig
from fernn.config.fields import ConvectionConfig, FieldsConfig, MadeConvectionConfig, OceanConfig
from fernn.config.kth import KTHConfig
from fernn.config.noether import (
    KNOWN,
    ControlledPendulumConfig,
    RampConfig,
    RealPendulumConfig,
    StatesConfig,
    SystemConfig,
)
from fernn.config.video import KTHVideoConfig, MovingConfig, VideoConfig

__all__ = [
    "DATA", "DIGIT", "KNOWN", "Config", "ControlledPendulumConfig", "ConvectionConfig", "DataConfig", "DigitsConfig",
    "FieldsConfig", "KTHConfig", "KTHVideoConfig", "MadeConvectionConfig", "Motion", "MovingConfig", "OceanConfig",
    "PredictionConfig", "Protocol", "RampConfig", "RealPendulumConfig", "RotatingMNISTConfig", "StatesConfig",
    "SystemConfig", "TaskName", "TranslatingMNISTConfig", "VideoConfig", "data_config", "fitted", "nearest",
    "nearest_field", "register", "unknown_name",
]  # fmt: skip

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
        ControlledPendulumConfig(),
        SystemConfig("ideal-pendulum"),
        SystemConfig("ideal-spring"),
        RealPendulumConfig(),
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
