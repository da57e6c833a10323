"""Models by name: a new one is a file here and a line below; one from elsewhere is named by where it is."""

from dataclasses import replace

from fernn.config import data_config, unknown_name
from fernn.models.base import ModelConfig
from fernn.models.cnn3d import CNN3DConfig
from fernn.models.dynamics import CONVECTION, OCEAN
from fernn.models.e3d_lstm import E3DLSTMConfig
from fernn.models.fernn import FERNNConfig, GRNNPlusConfig
from fernn.models.noether import NoetherConfig, StateConfig, SymbolicConfig
from fernn.models.noether.derivatives import published
from fernn.models.own import StoredConfig, UnnamedModelError, import_model, name_model, named_config, source_hash
from fernn.models.predictor import RotatingPredictorConfig, TranslatingPredictorConfig

__all__ = [
    "MODELS", "ModelConfig", "StoredConfig", "UnnamedModelError", "import_model", "model_config", "models_of",
    "name_model", "source_hash",
]  # fmt: skip

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
    TranslatingPredictorConfig("grnn", velocity_range=(0, 0)),
    TranslatingPredictorConfig("fernn-v1", velocity_range=(1, 1)),
    TranslatingPredictorConfig("fernn-v2", velocity_range=(2, 2)),
)
ROTATING = (
    RotatingPredictorConfig("grnn", velocities=(0.0,)),
    RotatingPredictorConfig("fernn-v2", velocities=(-20.0, -10.0, 0.0, 10.0, 20.0)),
    RotatingPredictorConfig("fernn-v4"),
)
FLAT = E3DLSTMConfig("e3d-lstm-encoder", encoder=True, flat_maps=True, recall=False)
MOVING = (
    E3DLSTMConfig("e3d-lstm"),
    E3DLSTMConfig("e3d-lstm-residual", residual=True),
    E3DLSTMConfig("e2d-lstm", kernel_depth=1),
    FLAT,
    replace(FLAT, name="e3d-lstm-add", readout="sum"),
    replace(FLAT, name="e3d-lstm-concat", readout="concatenation"),
    *TRANSLATING,
)
KTH_VIDEO = tuple(replace(config, patch_size=8) if isinstance(config, E3DLSTMConfig) else config for config in MOVING)
RAMP = (NoetherConfig("noether"), NoetherConfig("svg", inner_steps=0))
WIDTHS, DEPTHS = (64, 128, 256, 512), (2, 2, 3, 3)
"""Of the published coder for pictures of 64 pixels."""
ROD = (NoetherConfig("noether", widths=WIDTHS, depths=DEPTHS), NoetherConfig("svg", 0, widths=WIDTHS, depths=DEPTHS))
SYSTEM = (StateConfig("noether"), StateConfig("mlp", inner_steps=0))
PENDULUM = (
    *(*SYSTEM, StateConfig("oracle", quantity="pendulum-energy"), SymbolicConfig(formula="p**2 - 3*cos(q)")),
    *published("p**2 - 2.99*cos(q)", "p**2 - 3*cos(q)", interval=3 / 44),
)
SPRING = (
    *(*SYSTEM, StateConfig("oracle", quantity="spring-energy"), SymbolicConfig()),
    *published("q**2 + 1.002*p**2", "q**2 + p**2", interval=3 / 29),
)
REAL_PENDULUM = published("p**2 - 2.39*cos(q)", "p**2 - 2.4*cos(q)", interval=1 / 6)
MODELS: dict[str, dict[str, ModelConfig]] = {
    family: {config.name: config for config in configs}
    for family, configs in (
        ("kth", KTH),
        ("translating-mnist", TRANSLATING),
        ("rotating-mnist", ROTATING),
        ("moving-mnist", MOVING),
        ("kth-video", KTH_VIDEO),
        ("ocean", OCEAN),
        ("convection", CONVECTION),
        ("physics101", RAMP),
        ("controlled-pendulum", ROD),
        ("ideal-pendulum", PENDULUM),
        ("ideal-spring", SPRING),
        ("real-pendulum", REAL_PENDULUM),
    )
}
"""By family, which a data set's config names: the models by name."""


def models_of(data: str) -> dict[str, ModelConfig]:
    """The models of a data set's family by name; raises KeyError for a data set that is not registered."""
    return MODELS.get(data_config(data).family, {})


def model_config(name: str, data: str = "kth") -> ModelConfig:
    """The config registered as ``name`` for a data set, or that of a user's own model which the user has named.

    Imports nothing: see :func:`import_model`. Raises KeyError with the nearest name, UnnamedModelError for a model of
    a user's own that was not named.
    """
    if ":" in name:
        return named_config(name)
    models = models_of(data)
    if name not in models:
        raise KeyError(f"{unknown_name(name, list(models), kind='model')}, or package.module:ConfigClass")
    return models[name]
