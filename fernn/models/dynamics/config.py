"""Dynamics networks by the fields that decide them, and how they are rolled out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import ceil
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from fernn.models.base import ModelConfig
from fernn.models.dynamics.networks import MagnitudeParts, Parts, PlainParts, UniformMotionParts
from fernn.models.dynamics.rotation import Resampling, RotationParts
from fernn.models.dynamics.scaling import ScaleParts

Symmetry = Literal["none", "uniform-motion", "magnitude", "rotation", "scale"]
SHORT: dict[Symmetry, str] = {
    "none": "", "uniform-motion": "-um", "magnitude": "-mag", "rotation": "-rot", "scale": "-scale",
}  # fmt: skip
PARTS: dict[Symmetry, Callable[[int, int], Parts]] = {
    "none": PlainParts, "uniform-motion": UniformMotionParts, "magnitude": MagnitudeParts, "scale": ScaleParts,
}  # fmt: skip
"""By symmetry, from the kernel's size and a field's components; those of rotations need a group as well."""


class DynamicsNetwork(nn.Module):
    """A network that predicts one velocity field, rolled out: its predictions are its next inputs.

    ``output_length`` is the number of steps in the loss of training, with gradients through all of them;
    ``augmentation`` the short name of the shift of training windows, empty for none
    (:data:`fernn.flows.field_symmetries.SHIFTS`).
    """

    def __init__(
        self, network: nn.Module, lengths: tuple[int, int], components: int = 2, augmentation: str = ""
    ) -> None:
        """``lengths``: the frames that are read, and ``output_length``."""
        super().__init__()
        self.network, self.components, self.augmentation = network, components, augmentation
        self.input_length, self.output_length = lengths

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        """The ``horizon`` fields (b, horizon, c, h, w) that follow ``frames`` (b, t, c, h, w), t at least L.

        A field's c components are (u, v), and a scalar T where the network has one.
        """
        if frames.shape[2] != self.components:
            raise ValueError(
                f"model.scalars is {self.components - 2}, but fields have {frames.shape[2]} components: set "
                f"model.scalars={frames.shape[2] - 2}"
            )
        if frames.shape[1] < self.input_length:
            raise ValueError(
                f"model.input_length is {self.input_length}, but {frames.shape[1]} frames are given: "
                f"lower it, or raise data.input_frames"
            )
        frames, predictions = frames[:, -self.input_length :], []
        for _ in range(horizon):
            predictions.append(self.network(frames.flatten(1, 2)))
            frames = torch.cat([frames[:, 1:], predictions[-1][:, None]], dim=1)
        return torch.stack(predictions, dim=1)


@dataclass(frozen=True)
class DynamicsConfig(ModelConfig):
    """A network from the last ``input_length`` velocity fields to the next one.

    Source: Wang, Walters and Yu, ICLR 2021; widths as in the published code. Layers that it builds and never uses
    (batch normalisation beside uniform motion and magnitude, skips around blocks of one width with rotation, biases
    and two levels of the last layer with scale) are not built here: tests/fernn/models/dynamics/test_networks.py
    counts them.
    """

    name: str = "resnet"
    symmetry: Symmetry = "none"
    base: int = 64
    """Channels (rotation: regular fields) of the narrowest layers; all widths are multiples of it."""
    narrowing: int = 1
    """What all widths are divided by, so that networks of all symmetries are made smaller alike."""
    input_length: int = 24
    """L, the frames that a prediction is made from."""
    output_length: int = 4
    """Steps that the loss of training is rolled out over."""
    kernel_size: int = 3
    group_order: int = field(default=8, kw_only=True)
    """N of the rotations C_N; without effect on other symmetries."""
    resampling: Resampling = field(default="published", kw_only=True)
    """How the U-Net of rotations halves and doubles: by every second pixel and along a diagonal, or by means and
    transposed convolutions, which keep quarter turns; without effect on other networks."""

    augmentation: Symmetry = field(default="none", kw_only=True)
    """The symmetry by which every training window is transformed at random, inputs and targets alike."""

    scalars: int = field(default=0, kw_only=True)
    """Quantities beside the velocity, 1 for a temperature; widths are then rounded up to whole sets of components."""

    later = ("resampling", "augmentation", "scalars")
    architecture: ClassVar[Literal["ResNet", "U-Net"]] = "ResNet"
    least = {"base": 1, "narrowing": 1, "input_length": 1, "output_length": 1}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, so that a pixel has a middle, got {self.kernel_size}")
        if self.scalars not in (0, 1):
            raise ValueError(f"scalars must be 0, or 1 for a temperature, got {self.scalars}")
        if not self.scalars and self.base % (self.base_unit * self.narrowing):
            rule = f"base / narrowing must be a multiple of {self.base_unit} for {self.name}"
            raise ValueError(f"{rule}, got {self.base} / {self.narrowing}")
        if self.group_order < 4 or self.group_order % 4:
            raise ValueError(f"group_order must be a multiple of 4, which has quarter turns, got {self.group_order}")

    @property
    def revision(self) -> int:
        """2 for networks whose layers became the published ones: scale, and the U-Nets of magnitude and rotation."""
        became = ("scale", "magnitude", "rotation") if self.architecture == "U-Net" else ("scale",)
        return 2 if self.symmetry in became else 1

    @property
    def base_unit(self) -> int:
        """What every width can be divided by: sets of components, halves and quarters of them in a U-Net."""
        components = 2 + self.scalars
        if self.architecture == "ResNet":
            return 1 if self.symmetry in ("none", "rotation") else components
        return {"none": 4, "rotation": 2}.get(self.symmetry, 4 * components)

    def build(self) -> DynamicsNetwork:
        """The network with initial weights: PyTorch's, with rotation escnn's, with scale the paper's."""
        components, width = 2 + self.scalars, self.base // self.narrowing
        width = ceil(width / self.base_unit) * self.base_unit
        if self.symmetry == "rotation":
            parts: Parts = RotationParts(self.kernel_size, components, self.group_order, self.resampling)
        else:
            parts = PARTS[self.symmetry](self.kernel_size, components)
        build = parts.unet if self.architecture == "U-Net" else parts.resnet
        lengths, augmentation = (self.input_length, self.output_length), SHORT[self.augmentation].lstrip("-")
        return DynamicsNetwork(build(self.input_length, width), lengths, components, augmentation)


@dataclass(frozen=True)
class ResNetConfig(DynamicsConfig):
    """Residual blocks at full resolution."""


@dataclass(frozen=True)
class UNetConfig(DynamicsConfig):
    """Stages of half the resolution and back."""

    name: str = "unet"

    architecture = "U-Net"


BASES = {"resnet-rot": 16, "unet-rot": 32, "resnet-scale": 32, "unet-scale": 32}
"""Published widths other than 64."""
DYNAMICS: tuple[DynamicsConfig, ...] = tuple(
    kind(name := f"{kind.name}{short}", symmetry, BASES.get(name, 64))
    for kind in (ResNetConfig, UNetConfig)
    for symmetry, short in SHORT.items()
)
"""All ten with the widths, frames and kernels of the published defaults."""
LENGTHS: dict[str, tuple[int, int]] = {
    "resnet": (24, 4), "unet": (21, 5), "resnet-rot": (21, 3), "unet-rot": (21, 3), "resnet-um": (24, 5),
    "unet-um": (24, 5), "resnet-mag": (21, 5), "unet-mag": (21, 6), "resnet-scale": (26, 3), "unet-scale": (26, 3),
}  # fmt: skip
"""Frames read, and steps of the training loss, that the authors tuned for ocean currents."""


def with_augmented(configs: Iterable[DynamicsConfig]) -> tuple[DynamicsConfig, ...]:
    """The models, then those without a symmetry once for each: trained on windows that it transforms at random."""
    models = tuple(configs)
    augmented = (
        replace(config, name=f"{config.name}-augmented{short}", augmentation=symmetry)
        for config in models if config.symmetry == "none"
        for symmetry, short in SHORT.items() if short
    )  # fmt: skip
    return *models, *augmented


OCEAN = with_augmented(
    replace(config, input_length=read, output_length=rolled, kernel_size=5 if config.symmetry == "scale" else 3)
    for config in DYNAMICS
    for read, rolled in [LENGTHS[config.name]]
)
CONVECTION = with_augmented(
    replace(config, output_length=4 if config.architecture == "U-Net" else 3) for config in DYNAMICS
)
"""With the steps of the training loss that the released commands give for convection."""
