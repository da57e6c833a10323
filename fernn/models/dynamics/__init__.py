"""ResNet and U-Net that predict velocity fields, with one of five symmetries each."""

from fernn.models.dynamics.config import DYNAMICS, DynamicsConfig, ResNetConfig, UNetConfig

__all__ = ["DYNAMICS", "DynamicsConfig", "ResNetConfig", "UNetConfig"]
