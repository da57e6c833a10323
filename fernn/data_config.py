"""What the data of an experiment is, field by field: one config class for each data set, by name."""

from dataclasses import dataclass
from typing import Literal

from fernn.config import unknown_name
from fernn.convection_config import ConvectionConfig, MadeConvectionConfig
from fernn.data_base import DIGIT, DataConfig, Protocol, TaskName
from fernn.fields_config import OceanConfig
from fernn.noether_config import RampConfig, SystemConfig
from fernn.video_config import KTHVideoConfig, MovingConfig

__all__ = [
    "DATA", "DIGIT", "DataConfig", "DigitsConfig", "KTHConfig", "Protocol", "RotatingConfig", "TaskName",
    "TranslatingConfig", "data_config",
]  # fmt: skip


@dataclass(frozen=True)
class KTHConfig(DataConfig):
    """Clips of annotated actions, set in motion by translation flows."""

    name: str = "kth"
    size: int = 32
    num_frames: int = 16
    velocity_range: int = 2
    """Each clip drifts with one (vy, vx), both from -range to range, pixels per frame."""
    frame_step: int = 2
    """Every ``frame_step``-th frame of the video is a frame of the clip."""
    flip: bool = True
    """Mirror half of the training clips, after they are set in motion."""
    split: Literal["paper", "official"] = "paper"

    task = "classification"
    demo_note = "rendered stick figures, not KTH"

    @property
    def span(self) -> int:
        """Frames of video that a clip needs: the annotated range must have at least as many."""
        return self.num_frames * self.frame_step

    def counts(self) -> tuple[str, ...]:
        return *super().counts(), "frame_step"

    def note(self) -> str:
        return f"Protocol: {self.protocol}; split: {self.split}."


@dataclass(frozen=True)
class DigitsConfig(DataConfig):
    """MNIST digits that move, to be predicted frame by frame."""

    name: str = ""
    size: int = 28
    num_frames: int = 20
    velocity_range: int = 1
    input_frames: int = 10
    """So many frames are given, the others are to be predicted."""
    num_digits: int = 2
    num_sequences: tuple[int, int, int] = (54_000, 6_000, 10_000)
    """Sequences of an epoch of training, of the validation set and of the test set."""

    task = "prediction"
    demo_note = "digits rendered from fonts, not MNIST"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_future(self.input_frames)
        if min(self.num_sequences) < 1:
            raise ValueError(f"data.num_sequences must be 1 or more each, got {self.num_sequences}")

    def counts(self) -> tuple[str, ...]:
        return *super().counts(), "input_frames", "num_digits"

    def note(self) -> str:
        train, validation, test = (f"{number:,}" for number in self.num_sequences)
        counted = f"{train} sequences an epoch, {validation} for validation, {test} for test"
        return f"Protocol: {self.protocol}; {counted}; {self.input_frames} of {self.num_frames} frames are given."


@dataclass(frozen=True)
class TranslatingConfig(DigitsConfig):
    """Digits that drift and wrap at the border."""

    name: str = "translating-mnist"
    size: int = 28
    velocity_range: int = 2
    """Each digit drifts with one (vy, vx), both from -range to range, pixels per frame."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size < DIGIT:
            raise ValueError(f"data.size must be {DIGIT} or more, as a digit has, got {self.size}")


@dataclass(frozen=True)
class RotatingConfig(DigitsConfig):
    """Digits that turn about the centre."""

    name: str = "rotating-mnist"
    size: int = 40
    """40 as in the paper, which shows a digit whole at any angle; 28 as in the published code cuts corners off."""
    velocity_range: int = 4
    """Each digit turns by a constant multiple of ``angle_step`` degrees per frame, up to so many, either way."""
    angle_step: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.angle_step > 0:
            raise ValueError(f"data.angle_step must be above 0 degrees, got {self.angle_step:g}")


DATA: dict[str, DataConfig] = {
    config.name: config
    for config in (
        KTHConfig(),
        TranslatingConfig(),
        RotatingConfig(),
        MovingConfig(),
        KTHVideoConfig(),
        OceanConfig(),
        ConvectionConfig(),
        MadeConvectionConfig(),
        RampConfig(),
        SystemConfig("ideal-pendulum"),
        SystemConfig("ideal-spring"),
    )
}


def data_config(name: str) -> DataConfig:
    """The data set registered as ``name``; raises KeyError with the nearest name."""
    if name not in DATA:
        raise KeyError(unknown_name(name, list(DATA), kind="data set"))
    return DATA[name]
