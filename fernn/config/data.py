"""What the config of every data set has."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from fernn.config.base import Config

Protocol = Literal["default", "published"]
TaskName = Literal["classification", "prediction", "video", "fields", "stochastic", "states", "derivatives"]

DIGIT = 28
"""Height and width of MNIST's pictures, pixels."""


@dataclass(frozen=True)
class Motion:
    """The velocities with which a data set's clips can be set in motion, all frames of a clip with one."""

    radius: int
    """Steps from 0 to the outermost velocity of the paper's figures."""
    most: int
    """Steps beyond which velocities repeat."""
    axes: tuple[str, ...] = ("vy", "vx")
    """("vy", "vx"), ("vx",) for what drifts to the left and right alone, or ("angle",)."""
    step: float = 1
    """Between two velocities of an axis, in ``unit``."""
    unit: str = "pixels per frame"

    def velocity(self, *along: float) -> tuple[float, ...]:
        """The velocity with these parts along the axes: (vy, vx), or (angle,)."""
        return (0, *along) if self.axes == ("vx",) else along


@dataclass(frozen=True)
class DataConfig(Config):
    """Sequences of square frames, each moving with constant velocities."""

    name: str
    size: int
    """Height and width of a frame, pixels."""
    num_frames: int
    velocity_range: int
    """k of V_k, from which velocities are drawn."""
    protocol: Protocol = "default"

    task: ClassVar[TaskName]
    demo_note: ClassVar[str]
    """What stands in for the data in a demo."""
    source: ClassVar[str]
    """What the data is and where it comes from."""
    card: ClassVar[str]
    """The data card's path in the repository."""
    published_draws: ClassVar[str] = ""
    """What ``protocol="published"`` draws in the order of the published code, in words."""
    classes: ClassVar[tuple[str, ...]] = ()
    """The names of the labels 0, 1, ... of a data set for classification."""
    num_actions: ClassVar[int] = 0
    """Numbers of what acts between two frames; 0 where nothing acts."""
    motion_radius: ClassVar[int] = 0
    """Steps from 0 to the outermost velocity of the paper's figures; 0 where clips move by themselves alone."""

    place = "data."
    later: ClassVar[tuple[str, ...]] = ("test_velocity_range",)
    least = {"velocity_range": 0, "size": 1, "num_frames": 1}

    @property
    def revision(self) -> int:
        """Above 1 where a later version makes other clips of the same fields: a part of a cell's key."""
        return 1

    def moving(self, velocity_range: int) -> Self:
        """The same with velocities from V_velocity_range in every split."""
        names = [name for name in ("velocity_range", "test_velocity_range") if hasattr(self, name)]
        ranges: dict[str, Any] = dict.fromkeys(names, velocity_range)
        return replace(self, **ranges)

    def in_split(self, split: str) -> Self:
        """As the split's clips are set in motion: those of the test by ``test_velocity_range`` where that is given."""
        other = getattr(self, "test_velocity_range", None) if split == "test" else None
        return self if other is None else self.moving(other)

    @property
    def family(self) -> str:
        """The family of models in :data:`fernn.models.MODELS` that the data takes."""
        return self.name

    @property
    def motion(self) -> Motion | None:
        """How clips can be set in motion; None where they move by themselves alone."""
        return Motion(self.motion_radius, self.size // 2) if self.motion_radius else None

    @property
    def channels(self) -> int:
        """Of a frame."""
        return 1

    @property
    def label_shape(self) -> tuple[int, ...]:
        """The shape of a clip's label."""
        return ()

    def split_note(self) -> str:
        """Which clips each split has, for the reproducibility card."""
        return f"Training, validation and test sequences: see {self.card}."

    def note(self) -> str:
        """How the data is read, as it stands under every table."""
        return f"Protocol: {self.protocol}."


@dataclass(frozen=True)
class PredictionConfig(DataConfig):
    """Sequences of which the first frames are given, the others to be predicted."""

    input_frames: int = 1
    """Frames that are given."""

    least = {**DataConfig.least, "input_frames": 1}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.input_frames >= self.num_frames:
            got = f"got {self.input_frames}"
            raise ValueError(f"data.input_frames must be below data.num_frames = {self.num_frames}, {got}")

    @property
    def horizon(self) -> int:
        """Frames that are to be predicted."""
        return self.num_frames - self.input_frames
