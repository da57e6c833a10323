"""The data of the Noether Networks: objects that slide down a ramp, and the states of small physical systems.

Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021.
"""

from dataclasses import dataclass
from typing import Literal

from fernn.config.data import DataConfig


@dataclass(frozen=True)
class ConservedConfig(DataConfig):
    """Sequences of which the first frames are given and the others are to be predicted."""

    name: str = ""
    size: int = 1
    num_frames: int = 2
    velocity_range: int = 0
    """Nothing is set in motion that does not move by itself."""
    input_frames: int = 1
    """So many frames are given."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_future(self.input_frames)
        if self.velocity_range != 0:
            raise ValueError(f"data.velocity_range must be 0 on {self.name}, got {self.velocity_range}")
        if self.protocol != "default":
            raise ValueError(f"data.protocol must be default on {self.name}, got {self.protocol}")

    def counts(self) -> tuple[str, ...]:
        return *super().counts(), "input_frames"


@dataclass(frozen=True)
class RampConfig(ConservedConfig):
    """Clips of objects on a ramp of 20 degrees, from Physics 101, in color."""

    name: str = "physics101"
    size: int = 128
    num_frames: int = 22
    input_frames: int = 2
    frame_step: int = 2
    """Every ``frame_step``-th frame of the video is a frame of the clip, whose frames are the middle ones of these."""
    split: Literal["clip", "object"] = "clip"
    """clip: as published, where nearly every test object has training clips; object: objects are held out."""
    flip: bool = True
    """Mirror half of the training clips."""

    task = "stochastic"
    demo_note = "rendered blocks, not Physics 101"
    channels = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.input_frames < 2:
            raise ValueError(f"data.input_frames must be 2 or more, got {self.input_frames}")

    def counts(self) -> tuple[str, ...]:
        return *super().counts(), "frame_step"

    def note(self) -> str:
        return f"Split by {self.split}; {self.input_frames} of {self.num_frames} frames are given."


@dataclass(frozen=True)
class SystemConfig(ConservedConfig):
    """States (q, p) of an ideal pendulum or spring, from any direction of the plane."""

    name: str = "ideal-pendulum"
    num_frames: int = 16
    duration: float = 3.0
    """Time from the first state to the last."""
    noise: float = 0.0
    """Standard deviation of the noise on training and validation states; test states are exact."""
    num_sequences: tuple[int, int, int] = (25, 200, 200)
    """Trajectories for training, validation and test."""
    passes: int = 100
    """How often an epoch goes through the training trajectories."""

    task = "states"
    demo_note = "few trajectories"
    channels = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size != 1:
            raise ValueError(f"data.size must be 1, as states are no pictures, got {self.size}")
        if not self.duration > 0 or not self.noise >= 0:
            raise ValueError(
                f"data.duration must be above 0 and data.noise 0 or more, got {self.duration} and {self.noise}"
            )
        if min(self.num_sequences) < 1:
            raise ValueError(f"data.num_sequences must be 1 or more each, got {self.num_sequences}")

    def counts(self) -> tuple[str, ...]:
        return *super().counts(), "passes"

    def note(self) -> str:
        train, validation, test = self.num_sequences
        return (
            f"{train} trajectories for training and {validation} for validation with noise {self.noise:g}, {test} for "
            f"test without; {self.input_frames} of {self.num_frames} states are given."
        )
