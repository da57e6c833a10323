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

    @property
    def is_own(self) -> bool:
        """Whether it is a model from elsewhere, of a user's own."""
        return ":" in self.name

    @property
    def revision(self) -> int:
        """Increased when a network of equal fields computes something else: above 1 it is part of a cell's key."""
        return 1

    @property
    def repeats_steps(self) -> bool:
        """Whether all training steps make the same tensor calls, so that a GPU may replay one: no draw on the host, no
        choice by a number that steps change. A model of a user's own says so itself."""
        return not self.is_own

    def build(self) -> nn.Module:
        """The network, freshly initialised.

        A classifier maps clips (b, t, c, h, w) in [0, 1] to logits (b, classes); a predictor maps frames
        (b, t, c, h, w) in [0, 1] and a horizon to the frames (b, horizon, c, h, w) that follow.
        """
        raise NotImplementedError(f"{type(self).__name__} must define build()")
