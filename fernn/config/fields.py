"""What velocity fields an experiment predicts: ocean currents, or convection, published or solved for here.

Source: Wang, Walters and Yu, "Incorporating Symmetry into Deep Dynamics Models", ICLR 2021, and the released script.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from fernn.config.data import PredictionConfig


@dataclass(frozen=True)
class FieldsConfig(PredictionConfig):
    """Windows of frames of square tiles; a frame is a velocity field (u, v), u to the right and v up the picture.

    Each tile's time is cut into periods of training, validation and test. By default a window lies within one period,
    so that splits share no frame; ``protocol="published"`` takes the first windows of all tiles for training, the next
    for validation and the next for test, as the released script does, whose windows at the cuts share frames. Tiles
    that ``domain`` names are in no period: all their windows are the domain test.
    """

    name: str = ""
    size: int = 64
    """Height and width of a tile, pixels."""
    num_frames: int = 40
    velocity_range: int = 0
    """Without effect: fields move by themselves."""
    input_frames: int = 30
    """Frames that are given; a model reads the last of them."""
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    """Of a tile's time, for training, validation and test; without effect on the published protocol."""
    num_clips: tuple[int, int, int, int] = (6000, 2000, 2000, 2000)
    """Most windows of training, validation, test and domain test; where there are more, they are taken evenly,
    and the first ones by the published protocol."""
    domain: tuple[str, ...] = ()
    """Patterns of the tiles "region/row/column" of the domain test, with * for anything."""
    validation_steps: Literal["horizon", "loss"] = "horizon"
    """Frames that validation predicts: all that follow, or as many as the loss of training (``model.output_length``),
    as the released script does."""

    later: ClassVar[tuple[str, ...]] = ("validation_steps",)
    task = "fields"
    standardised: ClassVar[bool] = False
    """Whether fields are shifted and scaled to mean 0 and deviation 1 over the training frames."""

    @property
    def kelvin(self) -> float | None:
        """The unit of the temperature T of fields (u, v, T), in kelvin; None where fields are (u, v)."""
        return None

    @property
    def channels(self) -> int:
        return 2 if self.kelvin is None else 3

    @property
    def revision(self) -> int:
        """2 for the published windows, which were once taken evenly."""
        return 2 if self.protocol == "published" else 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"data.shares must be above 0 and sum to 1, got {self.shares}")
        if min(self.num_clips[:3]) < 1 or self.num_clips[3] < 0:
            raise ValueError(f"data.num_clips must be 1 or more each, the last 0 or more, got {self.num_clips}")

    def note(self) -> str:
        held = f"; domain test: {', '.join(self.domain)}" if self.domain else ""
        given = f"{self.input_frames} of {self.num_frames} frames are given, tiles of {self.size} x {self.size} pixels"
        return f"Protocol: {self.protocol}; {given}{held}."


@dataclass(frozen=True)
class OceanConfig(FieldsConfig):
    """Daily surface currents, m/s, not standardised; land is 0.

    Temperatures beside them have their zero at the mean of the training frames.
    """

    name: str = "ocean"
    shares: tuple[float, float, float] = (2 / 3, 1 / 6, 1 / 6)
    num_clips: tuple[int, int, int, int] = (8000, 2000, 2000, 2000)
    domain: tuple[str, ...] = ("south_pacific*",)
    quantities: Literal["currents", "currents-and-temperature"] = "currents"
    temperature_unit: float = 10.0
    """Kelvin that weigh as much as 1 m/s, in loss and in RMSE over all components; without effect on currents alone."""

    later = (*FieldsConfig.later, "quantities", "temperature_unit")
    positive = ("temperature_unit",)
    demo_note = "eddies on a drifting current, made here, not the ocean"
    source = "surface currents in NetCDF files from Copernicus Marine Service (with an account) or GlobCurrent"
    card = "data/ocean/CARD.md"

    @property
    def kelvin(self) -> float | None:
        return self.temperature_unit if self.quantities == "currents-and-temperature" else None

    def note(self) -> str:
        beside = "" if self.kelvin is None else f" Temperatures stand beside the currents, {self.kelvin:g} K as 1 m/s."
        return f"{super().note()}{beside}"


@dataclass(frozen=True)
class ConvectionConfig(FieldsConfig):
    """Rayleigh-Benard convection in squares as high as the layer, standardised by the training frames.

    The released script standardises by all frames, those of the test included, as does ``protocol="published"``.
    """

    name: str = "convection"

    standardised: ClassVar[bool] = True
    demo_note = "fields solved for here, not the published ones"
    source = (
        "Rayleigh-Benard convection, rbc_data.pt, public where the README of "
        "https://github.com/Rose-STL-Lab/Equivariant-Net says"
    )
    card = "data/convection/CARD.md"
    family = "convection"

    def note(self) -> str:
        seen = "all" if self.protocol == "published" else "the training"
        return f"{super().note()} Fields are standardised by {seen} frames."


@dataclass(frozen=True)
class MadeConvectionConfig(ConvectionConfig):
    """Rayleigh-Benard convection that is solved for here, between walls without slip, periodic sideways.

    Lengths are in depths of the layer, times in free-fall times sqrt(depth / (g alpha temperature difference)).
    """

    name: str = "made-convection"
    rayleigh: float = 1e7
    """Ra, how strongly the layer is heated; 1,708 is where convection begins."""
    prandtl: float = 0.71
    """Pr, viscosity over thermal diffusivity; 0.71 is air's."""
    squares: int = 7
    """Squares side by side, the layer's width."""
    num_fields: int = 2000
    """Frames that are solved for."""
    interval: float = 0.2
    """Time between two frames."""
    warm_up: float = 100.0
    """Time in which convection develops from noise, in whole intervals; the first frame is one interval after it."""
    refinement: int = 2
    """Cells of the solver's grid along each side of a pixel, which is their mean."""

    demo_note = "fields of a small layer, solved for here"
    source = "Rayleigh-Benard convection, solved for by this repository"
    least = {**ConvectionConfig.least, "squares": 1, "num_fields": 1, "refinement": 1, "warm_up": 0}
    positive = ("rayleigh", "prandtl", "interval")

    def note(self) -> str:
        solved = f"Ra {self.rayleigh:g}, Pr {self.prandtl:g}, {self.size * self.refinement} rows"
        return f"{super().note()} Solved for: {solved}, a frame each {self.interval:g} free-fall times."
