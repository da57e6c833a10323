"""What velocity fields an experiment predicts: windows and splits of all of them, and ocean currents."""

from dataclasses import dataclass
from typing import ClassVar

from fernn.config.data import DataConfig


@dataclass(frozen=True)
class FieldsConfig(DataConfig):
    """Windows of frames of square tiles; a frame is a velocity field (u, v), u to the right and v up the picture.

    Each tile's time is cut into periods of training, validation and test. By default a window lies within one period,
    so that splits share no frame; ``protocol="published"`` cuts by a window's first frame, as the released script
    does, whose windows at the cuts share all frames but one. Tiles that ``domain`` names are in no period: all their
    windows are the domain test.
    """

    name: str = ""
    size: int = 64
    """Height and width of a tile, pixels."""
    num_frames: int = 40
    velocity_range: int = 0
    """Without effect: fields move by themselves."""
    input_frames: int = 30
    """So many frames are given (a model reads the last of them), the others are to be predicted."""
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    """Of a tile's time, for training, validation and test."""
    num_clips: tuple[int, int, int, int] = (6000, 2000, 2000, 2000)
    """Most windows of training, validation, test and domain test; where there are more, they are taken evenly."""
    domain: tuple[str, ...] = ()
    """Patterns of the tiles "region/row/column" of the domain test, with * for anything."""

    task = "fields"
    channels = 2
    standardised: ClassVar[bool] = False
    """Whether fields are shifted and scaled to mean 0 and deviation 1 over the training frames."""
    published_frames: ClassVar[int | None] = None
    """First frames of a tile that the published windows lie in; None for all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_future(self.input_frames)
        if min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"data.shares must be above 0 and sum to 1, got {self.shares}")
        if min(self.num_clips[:3]) < 1 or self.num_clips[3] < 0:
            raise ValueError(f"data.num_clips must be 1 or more each, the last 0 or more, got {self.num_clips}")

    @property
    def horizon(self) -> int:
        """Frames that are predicted."""
        return self.num_frames - self.input_frames

    def counts(self) -> tuple[str, ...]:
        return *super().counts(), "input_frames"

    def note(self) -> str:
        held = f"; domain test: {', '.join(self.domain)}" if self.domain else ""
        given = f"{self.input_frames} of {self.num_frames} frames are given, tiles of {self.size} x {self.size} pixels"
        return f"Protocol: {self.protocol}; {given}{held}."


@dataclass(frozen=True)
class OceanConfig(FieldsConfig):
    """Daily surface currents, m/s, not standardised; land is 0."""

    name: str = "ocean"
    shares: tuple[float, float, float] = (2 / 3, 1 / 6, 1 / 6)
    num_clips: tuple[int, int, int, int] = (8000, 2000, 2000, 2000)
    domain: tuple[str, ...] = ("south_pacific*",)

    demo_note = "eddies on a drifting current, made here, not the ocean"
    source = "surface currents in NetCDF files from Copernicus Marine Service (with an account) or GlobCurrent"
    card = "data/ocean/CARD.md"
