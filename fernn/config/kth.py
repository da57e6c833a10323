"""Clips of human actions, to be classified."""

from dataclasses import dataclass, replace
from typing import Literal

from fernn.config.data import DataConfig, Motion

KTH = (
    'KTH human actions (C. Schuldt, I. Laptev, B. Caputo, "Recognizing Human Actions: A Local SVM Approach", ICPR '
    "2004), public at http://www.csc.kth.se/cvap/actions/"
)
"""What KTH is and where it comes from."""
PERSONS: dict[str, dict[str, frozenset[int]]] = {
    "paper": {
        "train": frozenset(range(1, 17)),
        "validation": frozenset(range(17, 21)),
        "test": frozenset(range(21, 26)),
    },
    "official": {
        "train": frozenset(range(11, 19)),
        "validation": frozenset({19, 20, 21, 23, 24, 25, 1, 4}),
        "test": frozenset({22, 2, 3, 5, 6, 7, 8, 9, 10}),
    },
}
"""The persons of each part: "paper" as in FERNN's KTH experiment, "official" as KTH's authors set it."""


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
    split: Literal["paper", "official", "random"] = "paper"
    """paper and official: by person, see :data:`PERSONS`; random: 70 % of the clips, 15 % and 15 %, drawn."""
    split_seed: int = 42
    """Of the random split; 42 is the published code's."""
    test_velocity_range: int | None = None
    """k of the V_k that the test clips' velocities are drawn from; None: as in training."""
    drift: Literal["plane", "horizontal"] = "plane"
    """horizontal: clips drift to the left and right alone, vy is 0."""

    task = "classification"
    demo_note = "rendered stick figures, not KTH"
    source = KTH
    card = "data/kth/CARD.md"
    published_draws = "the clips' velocities"
    classes = ("walking", "jogging", "running", "boxing", "handwaving", "handclapping")
    motion_radius = 4
    later = (*DataConfig.later, "split_seed", "drift")
    least = {**DataConfig.least, "frame_step": 1, "split_seed": 0}

    @property
    def motion(self) -> Motion | None:
        motion = super().motion
        return motion if motion is None or self.drift == "plane" else replace(motion, axes=("vx",))

    @property
    def span(self) -> int:
        """Frames of video that a clip needs: the annotated range must have at least as many."""
        return self.num_frames * self.frame_step

    def split_note(self) -> str:
        if self.split == "random":
            return f"Split `random`, by clip, of seed {self.split_seed}: every person is in every part."
        parts = (f"{part} {', '.join(map(str, sorted(persons)))}" for part, persons in PERSONS[self.split].items())
        return f"Split `{self.split}`, by person: {'; '.join(parts)}."

    def note(self) -> str:
        return f"Protocol: {self.protocol}; split: {self.split}."
