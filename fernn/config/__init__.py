"""Frozen configs: what an experiment's data is, field by field, and what every config can do.

Imports nothing of this project but :mod:`fernn.seeding`.
"""

from fernn.config.base import Config, fitted, nearest, nearest_field, unknown_name
from fernn.config.convection import ConvectionConfig, MadeConvectionConfig
from fernn.config.data import DIGIT, DataConfig, Motion, Protocol, TaskName
from fernn.config.digits import DigitsConfig, RotatingMNISTConfig, TranslatingMNISTConfig
from fernn.config.fields import FieldsConfig, OceanConfig
from fernn.config.kth import KTHConfig
from fernn.config.noether import RampConfig, SystemConfig
from fernn.config.registry import DATA, data_config, register
from fernn.config.video import KTHVideoConfig, MovingConfig, VideoConfig

__all__ = [
    "DATA", "DIGIT", "Config", "ConvectionConfig", "DataConfig", "DigitsConfig", "FieldsConfig", "KTHConfig",
    "KTHVideoConfig", "MadeConvectionConfig", "Motion", "MovingConfig", "OceanConfig", "Protocol", "RampConfig",
    "RotatingMNISTConfig", "SystemConfig", "TaskName", "TranslatingMNISTConfig", "VideoConfig", "data_config", "fitted",
    "nearest", "nearest_field", "register", "unknown_name",
]  # fmt: skip
