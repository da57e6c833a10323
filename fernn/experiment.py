"""One experiment: everything that decides a result, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from fernn.config import Config
from fernn.models import MODELS, ModelConfig, model_config

Protocol = Literal["default", "published"]
Precision = Literal["float32", "bf16"]
Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class DataConfig(Config):
    """Clips of annotated actions, set in motion by translation flows."""

    name: str = "kth"
    size: int = 32
    """Height and width of a frame, pixels."""
    num_frames: int = 16
    frame_step: int = 2
    """Every ``frame_step``-th frame of the video is a frame of the clip."""
    velocity_range: int = 2
    """Each clip drifts with one (vy, vx), both from -range to range, pixels per frame."""
    flip: bool = True
    """Mirror half of the training clips, after they are set in motion."""
    split: Literal["paper", "official"] = "paper"
    protocol: Protocol = "default"

    def __post_init__(self) -> None:
        if self.velocity_range < 0:
            raise ValueError(f"data.velocity_range must be 0 or more pixels per frame, got {self.velocity_range}")
        for name in ("size", "num_frames", "frame_step"):
            if getattr(self, name) < 1:
                raise ValueError(f"data.{name} must be 1 or more, got {getattr(self, name)}")

    @property
    def span(self) -> int:
        """Frames of video that a clip needs: the annotated range must have at least as many."""
        return self.num_frames * self.frame_step


@dataclass(frozen=True)
class OptimConfig(Config):
    """Adam without weight decay or schedule, gradient norm clipped."""

    lr: float = 3e-4
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("lr", "clip_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"optim.{name} must be above 0, got {getattr(self, name)}")


@dataclass(frozen=True)
class Experiment(Config):
    """A model, its data and how it is trained; the defaults are the paper's (Keller, 2025, section 5.2)."""

    model: ModelConfig = field(default_factory=lambda: MODELS["fernn-v2"])
    data: DataConfig = DataConfig()
    optim: OptimConfig = OptimConfig()
    epochs: int = 500
    batch_size: int = 32
    seed: int = 0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}")

    def override(self, values: Mapping[str, Any]) -> Self:
        """As :meth:`Config.override`; "model" (or "model.name") takes a registered name, and comes first."""
        values = dict(values)
        name = values.pop("model.name", values.pop("model", None))
        changed = self if name is None else replace(self, model=model_config(name))
        return super(Experiment, changed).override(values)
