"""Sequences of moving digits, to be predicted frame by frame."""

from dataclasses import dataclass

from fernn.config.data import DIGIT, Motion, PredictionConfig

MNIST = (
    'MNIST (Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition", '
    "1998), public through torchvision"
)
"""What MNIST is and where it comes from."""


@dataclass(frozen=True)
class DigitsConfig(PredictionConfig):
    """MNIST digits that move, to be predicted frame by frame."""

    name: str = ""
    size: int = 28
    num_frames: int = 20
    velocity_range: int = 1
    input_frames: int = 10
    num_digits: int = 2
    num_sequences: tuple[int, int, int] = (54_000, 6_000, 10_000)
    """Sequences of an epoch of training, of the validation set and of the test set."""
    test_velocity_range: int | None = None
    """k of the V_k that the test clips' velocities are drawn from; None: as in training."""

    task = "prediction"
    demo_note = "digits rendered from fonts, not MNIST"
    source = MNIST
    card = "data/mnist/CARD.md"
    published_draws = "all sequences"
    least = {**PredictionConfig.least, "num_digits": 1, "num_sequences": 1}

    def note(self) -> str:
        train, validation, test = (f"{number:,}" for number in self.num_sequences)
        counted = f"{train} sequences an epoch, {validation} for validation, {test} for test"
        return f"Protocol: {self.protocol}; {counted}; {self.input_frames} of {self.num_frames} frames are given."


@dataclass(frozen=True)
class TranslatingMNISTConfig(DigitsConfig):
    """Digits that drift and wrap at the border."""

    name: str = "translating-mnist"
    velocity_range: int = 2
    """Each digit drifts with one (vy, vx), both from -range to range, pixels per frame."""

    motion_radius = 2
    least = {**DigitsConfig.least, "size": DIGIT}


@dataclass(frozen=True)
class RotatingMNISTConfig(DigitsConfig):
    """Digits that turn about the centre."""

    name: str = "rotating-mnist"
    size: int = 40
    """40 as in the paper, which shows a digit whole at any angle; 28 as in the published code cuts corners off."""
    velocity_range: int = 4
    """Each digit turns by a constant multiple of ``angle_step`` degrees per frame, either way; the largest multiple."""
    angle_step: float = 10.0
    """Degrees."""

    positive = ("angle_step",)

    @property
    def motion(self) -> Motion:
        return Motion(5, int(180 / self.angle_step), ("angle",), self.angle_step, "degrees per frame")
