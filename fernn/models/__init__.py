"""Models by name: a new one is a file here and a line below; one from elsewhere is named by where it is."""

import hashlib
import os
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from fernn.config import unknown_name
from fernn.models.base import ModelConfig
from fernn.models.cnn3d import CNN3DConfig
from fernn.models.dynamics import CONVECTION, OCEAN
from fernn.models.e3d_lstm import E3DLSTMConfig
from fernn.models.fernn import FERNNConfig, GRNNPlusConfig
from fernn.models.noether import NoetherConfig
from fernn.models.predictor import RotatingConfig, TranslatingConfig
from fernn.models.states import StateConfig

__all__ = ["MODELS", "ModelConfig", "model_config", "source_hash"]

KTH = (
    FERNNConfig("fernn-v1", velocity_range=(1, 1)),
    FERNNConfig("fernn-v2", velocity_range=(2, 2)),
    FERNNConfig("fernn-v1-circular", velocity_range=(1, 1), embedding_padding="circular"),
    FERNNConfig("fernn-v2-circular", velocity_range=(2, 2), embedding_padding="circular"),
    FERNNConfig("grnn", velocity_range=(0, 0)),
    GRNNPlusConfig("grnn-plus"),
    CNN3DConfig("3dcnn"),
)
TRANSLATING = (
    TranslatingConfig("grnn", velocity_range=(0, 0)),
    TranslatingConfig("fernn-v1", velocity_range=(1, 1)),
    TranslatingConfig("fernn-v2", velocity_range=(2, 2)),
)
ROTATING = (
    RotatingConfig("grnn", velocities=(0.0,)),
    RotatingConfig("fernn-v2", velocities=(-20.0, -10.0, 0.0, 10.0, 20.0)),
    RotatingConfig("fernn-v4"),
)
MOVING = (
    E3DLSTMConfig("e3d-lstm"),
    E3DLSTMConfig("e3d-lstm-residual", residual=True),
    E3DLSTMConfig("e2d-lstm", kernel_depth=1),
    *TRANSLATING,
)
KTH_VIDEO = tuple(replace(config, patch_size=8) if isinstance(config, E3DLSTMConfig) else config for config in MOVING)
RAMP = (NoetherConfig("noether"), NoetherConfig("svg", inner_steps=0))
SYSTEM = (StateConfig("noether"), StateConfig("mlp", inner_steps=0))
MODELS: dict[str, dict[str, ModelConfig]] = {
    data: {config.name: config for config in configs}
    for data, configs in (
        ("kth", KTH),
        ("translating-mnist", TRANSLATING),
        ("rotating-mnist", ROTATING),
        ("moving-mnist", MOVING),
        ("kth-video", KTH_VIDEO),
        ("ocean", OCEAN),
        ("convection", CONVECTION),
        ("made-convection", CONVECTION),
        ("physics101", RAMP),
        ("ideal-pendulum", (*SYSTEM, StateConfig("oracle", quantity="pendulum-energy"))),
        ("ideal-spring", (*SYSTEM, StateConfig("oracle", quantity="spring-energy"))),
    )
}
"""By data set: its models by name."""


def model_config(name: str, data: str = "kth") -> ModelConfig:
    """The config registered as ``name`` for a data set, or the one that "package.module:ConfigClass" names.

    The module is imported from where Python finds it, the current folder at last. Raises KeyError with the
    nearest name, ValueError for a class that is no config.
    """
    if ":" in name:
        return _imported(name)
    known = MODELS.get(data, {})
    if name not in known:
        raise KeyError(f"{unknown_name(name, list(known), kind='model')}, or package.module:ConfigClass")
    return known[name]


def _imported(name: str) -> ModelConfig:
    module, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # a user's module may raise anything
        raise ValueError(f"model {name!r} cannot be imported ({error}): install it, or run from its folder") from error
    if not (isinstance(found, type) and issubclass(found, ModelConfig)):
        raise ValueError(f"model {name!r} must be a class derived from fernn.models.ModelConfig, got {found!r}")
    try:
        config = found()  # type: ignore[call-arg]
        return replace(config.override(config.flatten()), name=name)  # 0 becomes 0.0 where a float stands
    except TypeError as error:
        raise ValueError(f"model {name!r} must have a default for every field: {error}") from error


def source_hash(name: str) -> str:
    """SHA-256 of the module that "package.module:ConfigClass" names; nothing for a registered model."""
    path = getattr(sys.modules.get(name.partition(":")[0]), "__file__", None) if ":" in name else None
    return "" if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()
