"""What fields of convection an experiment predicts: the published ones, or those of a solver.

Source: Wang, Walters and Yu, "Incorporating Symmetry into Deep Dynamics Models", ICLR 2021, and the released script.
"""

from dataclasses import dataclass
from typing import ClassVar

from fernn.config.fields import FieldsConfig


@dataclass(frozen=True)
class ConvectionConfig(FieldsConfig):
    """Rayleigh-Benard convection in squares as high as the layer, standardised by the training frames.

    The released script standardises by all frames, those of the test included, and uses the windows that begin in the
    first 1,429 of 2,000 frames; ``protocol="published"`` uses these windows, and standardises by training frames.
    """

    name: str = "convection"

    standardised: ClassVar[bool] = True
    published_frames: ClassVar[int | None] = 1468
    demo_note = "fields solved for here, not the published ones"
    source = (
        "Rayleigh-Benard convection, rbc_data.pt, public where the README of "
        "https://github.com/Rose-STL-Lab/Equivariant-Net says"
    )
    card = "data/convection/CARD.md"
    family = "convection"

    def note(self) -> str:
        return f"{super().note()} Fields are standardised by the training frames."


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

    published_frames: ClassVar[int | None] = None
    demo_note = "fields of a small layer, solved for here"
    source = "Rayleigh-Benard convection, solved for by this repository"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("rayleigh", "prandtl", "interval"):
            if not getattr(self, name) > 0:
                raise ValueError(f"data.{name} must be above 0, got {getattr(self, name):g}")
        if not self.warm_up >= 0:
            raise ValueError(f"data.warm_up must be 0 or more, got {self.warm_up:g}")

    def counts(self) -> tuple[str, ...]:
        return *super().counts(), "squares", "num_fields", "refinement"

    def note(self) -> str:
        solved = f"Ra {self.rayleigh:g}, Pr {self.prandtl:g}, {self.size * self.refinement} rows"
        return f"{super().note()} Solved for: {solved}, a frame each {self.interval:g} free-fall times."
