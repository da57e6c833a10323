"""The data of the Noether Networks: objects that slide down a ramp, and the states of small physical systems.

Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from fernn.config.data import PredictionConfig, TaskName


@dataclass(frozen=True)
class ConservedConfig(PredictionConfig):
    """Sequences that move by themselves alone."""

    name: str = ""
    size: int = 1
    num_frames: int = 2
    velocity_range: int = 0

    has_published: ClassVar[bool] = False
    """Whether there is a published protocol."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.velocity_range != 0:
            raise ValueError(f"data.velocity_range must be 0 on {self.name}, got {self.velocity_range}")
        if self.protocol != "default" and not self.has_published:
            raise ValueError(f"data.protocol must be default on {self.name}, got {self.protocol}")


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
    source = (
        "Physics 101, the ramp (J. Wu, J. J. Lim, H. Zhang, J. B. Tenenbaum, W. T. Freeman, BMVC 2016), public at "
        "http://phys101.csail.mit.edu"
    )
    card = "data/physics101/CARD.md"
    channels = 3
    least = {**ConservedConfig.least, "input_frames": 2, "frame_step": 1}

    def note(self) -> str:
        return f"Split by {self.split}; {self.input_frames} of {self.num_frames} frames are given."


@dataclass(frozen=True)
class StatesConfig(ConservedConfig):
    """States (q, p): to be predicted from each other, or with derivatives, which are then learned and integrated.

    Labels of sequences with derivatives have of every state :data:`KNOWN`, (b, t, 5).
    """

    passes: int = 100
    """How often an epoch goes through the training trajectories."""

    channels = 2
    least = {**ConservedConfig.least, "passes": 1}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size != 1:
            raise ValueError(f"data.size must be 1, as states are no pictures, got {self.size}")

    @property
    def has_derivatives(self) -> bool:
        """Whether sequences have derivatives."""
        return self.protocol == "published"

    @property
    def task(self) -> TaskName:  # type: ignore[override]
        return "derivatives" if self.has_derivatives else "states"

    @property
    def label_shape(self) -> tuple[int, ...]:
        return (self.num_frames, len(KNOWN)) if self.has_derivatives else ()

    @property
    def energy(self) -> str:
        """The formula of what the system is known to conserve, or nearly so, but for an offset."""
        return ENERGIES[self.name]


KNOWN = ("q", "p", "dq/dt", "dp/dt", "t")
"""What is known of a state: the true one, or the measured one where no other is, its derivative, and when it was."""
ENERGIES = {
    "ideal-pendulum": "p**2 - 3*cos(q)",
    "ideal-spring": "q**2 + p**2",
    "real-pendulum": "p**2 - 2.4*cos(q)",
}


@dataclass(frozen=True)
class SystemConfig(StatesConfig):
    """States (q, p) of an ideal pendulum or spring, from any direction of the plane.

    protocol="published": drawn as the code of Hamiltonian Neural Networks does, with derivatives; noise is on the
    states of every split, and validation is on the training trajectories.
    """

    name: str = "ideal-pendulum"
    num_frames: int = 16
    duration: float = 3.0
    """Time from the first state to the last."""
    noise: float = 0.0
    """Standard deviation of the noise on training and validation states; by default test states are exact."""
    num_sequences: tuple[int, int, int] = (25, 200, 200)
    """Trajectories for training, validation and test."""

    has_published = True
    demo_note = "few trajectories"
    published_draws = "trajectories and their noise, by numpy's generator at seed 0"
    card = "data/systems/CARD.md"
    least = {**StatesConfig.least, "num_sequences": 1, "noise": 0}
    positive = ("duration",)

    def __post_init__(self) -> None:
        super().__post_init__()
        train, validation, _ = self.num_sequences
        if self.has_derivatives and validation != train:
            rule = "as many for validation as for training with data.protocol published: they are the same"
            raise ValueError(f"data.num_sequences must have {rule}, got {self.num_sequences}")

    @property
    def source(self) -> str:  # type: ignore[override]
        return f"states of an {self.name.replace('-', ' ')}, generated by this repository"

    def note(self) -> str:
        train, validation, test = self.num_sequences
        given = f"{self.input_frames} of {self.num_frames} states are given."
        if self.has_derivatives:
            return (
                f"Protocol: published. {train} trajectories for training, {test} for test, with noise {self.noise:g}; "
                f"validation: rollouts of the training trajectories from their exact starts; {given}"
            )
        return (
            f"{train} trajectories for training and {validation} for validation with noise {self.noise:g}, {test} for "
            f"test without; {given}"
        )


@dataclass(frozen=True)
class RealPendulumConfig(StatesConfig):
    """A pendulum that was filmed: its angle and angular velocity, with friction, and derivatives by differences.

    The last fifth is for test, the fifth before it for validation. protocol="published": as the code of Hamiltonian
    Neural Networks does, training is on the validation states as well, and on one that is later than the test.
    """

    name: str = "real-pendulum"
    num_frames: int = 110
    """States of the test sequence of the published file."""

    has_published = True
    has_derivatives = True
    demo_note = "a damped pendulum with noise, made here in the published file's format"
    source = (
        "a pendulum filmed by M. Schmidt and H. Lipson, Distilling Free-Form Natural Laws from Experimental Data, "
        "Science 324, 2009: real_pend_h_1.txt of the supplement's invar_datasets.zip"
    )
    card = "data/real_pendulum/CARD.md"

    def note(self) -> str:
        trained = "validation states are trained on" if self.protocol == "published" else "validation states are not"
        return f"Protocol: {self.protocol}; {trained}. Derivatives are differences of neighbouring states."
