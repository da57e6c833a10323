"""Models by name: a new one is a file here and a line below."""

from fernn.config import unknown_name
from fernn.models.cnn3d import CNN3DConfig
from fernn.models.fernn import FERNNConfig, GRNNPlusConfig

ModelConfig = FERNNConfig | GRNNPlusConfig | CNN3DConfig

MODELS: dict[str, ModelConfig] = {
    config.name: config
    for config in (
        FERNNConfig("fernn-v1", velocity_range=(1, 1)),
        FERNNConfig("fernn-v2", velocity_range=(2, 2)),
        FERNNConfig("fernn-v1-circular", velocity_range=(1, 1), embedding_padding="circular"),
        FERNNConfig("fernn-v2-circular", velocity_range=(2, 2), embedding_padding="circular"),
        FERNNConfig("grnn", velocity_range=(0, 0)),
        GRNNPlusConfig("grnn-plus"),
        CNN3DConfig("3dcnn"),
    )
}


def model_config(name: str) -> ModelConfig:
    """The config registered as ``name``; raises KeyError with the nearest name."""
    if name not in MODELS:
        raise KeyError(unknown_name(name, list(MODELS), kind="model"))
    return MODELS[name]
