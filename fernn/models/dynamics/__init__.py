"""ResNet and U-Net that predict velocity fields, with one of five symmetries each."""

from fernn.models.dynamics.config import CONVECTION, DYNAMICS, OCEAN, DynamicsConfig, ResNetConfig, UNetConfig

__all__ = ["CONVECTION", "DYNAMICS", "OCEAN", "DynamicsConfig", "ResNetConfig", "UNetConfig"]
