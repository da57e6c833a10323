"""ResNet and U-Net that predict velocity fields, with one of five symmetries each."""

from fernn.models.dynamics.config import DYNAMICS, OCEAN, DynamicsConfig, ResNetConfig, UNetConfig

__all__ = ["DYNAMICS", "OCEAN", "DynamicsConfig", "ResNetConfig", "UNetConfig"]
