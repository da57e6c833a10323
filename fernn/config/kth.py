"""Clips of human actions, to be classified."""

from dataclasses import dataclass
from typing import Literal

from fernn.config.data import DataConfig


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
