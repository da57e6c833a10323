"""What every model's config is."""

from dataclasses import dataclass

from torch import nn

from fernn.config import Config


@dataclass(frozen=True)
class ModelConfig(Config):
    """A model by the fields that decide it; a subclass is a frozen dataclass with a default for each."""

    name: str
    """A registered name, or "package.module:ConfigClass" for a model from elsewhere."""

    @property
    def label(self) -> str:
        """The name for people, and for folders."""
        return self.name.rpartition(":")[2]

    def build(self, *, in_channels: int = 1, num_classes: int = 6) -> nn.Module:
        """The network, freshly initialised: clips (b, t, c, h, w) in [0, 1] to logits (b, classes)."""
        raise NotImplementedError(f"{type(self).__name__} must define build()")
