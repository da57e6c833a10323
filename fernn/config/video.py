"""What the data of video prediction is, what of it the loss counts, and which true frames training shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fernn.config.data import DIGIT, PredictionConfig
from fernn.config.digits import MNIST
from fernn.config.kth import KTH
from fernn.seeding import generator


@dataclass(frozen=True)
class VideoConfig(PredictionConfig):
    """Clips whose first frames are given, the others to be predicted; the defaults are E3D-LSTM's.

    The loss of a clip is l1_weight * sum |e| + l2_weight / 2 * sum e^2, over the pixels of all predicted frames; with
    l2_root that of a batch is l1_weight * sum |e| + l2_weight * sqrt(sum e^2), divided by its number of clips. While
    training, a frame beyond the given ones is shown to the model with the probability sampling_start - sampling_rate *
    step (scheduled sampling), from sampling_stop on with none, and the model's own prediction is shown in its place.
    Source: Wang et al., "Eidetic 3D LSTM", ICLR 2019, and its code.
    """

    name: str = ""
    size: int = 64
    num_frames: int = 20
    velocity_range: int = 0
    """Each clip drifts as a whole with one (vy, vx), both from -range to range, pixels per frame, and wraps."""
    input_frames: int = 10
    num_clips: tuple[int, int, int] = (10_000, 1_000, 10_000)
    """Clips of an epoch of training, of the validation set and of the test set."""
    l1_weight: float = 1.0
    l2_weight: float = 1.0
    sampling_start: float = 1.0
    """0 shows no true frame beyond the given ones."""
    sampling_rate: float = 2e-5
    sampling_stop: int = 50_000
    l2_root: bool = False
    """Whether the l2 part is the root of a batch's squared error, as in the loss of Tan's ``e3d_lstm_concat``."""

    later = (*PredictionConfig.later, "l2_root")
    task = "video"
    motion_radius = 2
    least = {
        **PredictionConfig.least, "num_clips": 1, "sampling_start": 0, "sampling_rate": 0, "sampling_stop": 0,
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.l1_weight, self.l2_weight) < 0 or self.l1_weight == self.l2_weight == 0:
            weights = f"{self.l1_weight:g} and {self.l2_weight:g}"
            raise ValueError(f"data.l1_weight and data.l2_weight must be 0 or more, and one above 0, got {weights}")

    @property
    def label_shape(self) -> tuple[int, ...]:
        """For each frame between the given ones and the last, whether training shows it."""
        return (self.horizon - 1,)

    def truth_share(self, step: int) -> float:
        """The probability with which step ``step`` of training, counted from 1, shows a true frame."""
        return self.sampling_start - self.sampling_rate * step if step < self.sampling_stop else 0.0

    def shown_in_epoch(self, seed: int, epoch: int, count: int, batch_size: int) -> NDArray[np.bool_]:
        """Which frames an epoch's steps show of its ``count`` clips: (count, horizon - 1).

        The draws of a step come from (seed, step) alone, where steps are counted from the first of the first epoch.
        """
        firsts = range(0, count, batch_size)
        shown = []
        for step, first in enumerate(firsts, start=(epoch - 1) * len(firsts) + 1):
            shape = min(batch_size, count - first), *self.label_shape
            shown.append(generator("scheduled-sampling", seed, step).random(shape) < self.truth_share(step))
        return np.concatenate(shown)

    def note(self) -> str:
        train, validation, test = (f"{number:,}" for number in self.num_clips)
        falling = f"{self.sampling_start:g} - {self.sampling_rate:g} a step, none from step {self.sampling_stop:,} on"
        sampled = f"true frames shown beyond those in training: {falling if self.sampling_start else 'none'}"
        return (
            f"Protocol: {self.protocol}; {train} clips an epoch, up to {validation} for validation, {test} for test; "
            f"{self.input_frames} of {self.num_frames} frames are given; loss: {self.l1_weight:g} l1 + "
            f"{self.l2_weight:g} {'root of l2' if self.l2_root else 'l2'}; {sampled}."
        )


@dataclass(frozen=True)
class MovingConfig(VideoConfig):
    """Moving MNIST: digits that bounce off the borders, the brighter one in front.

    With ``protocol="published"`` the test clips are those of the standard file, mnist_test_seq.npy.
    Source: Srivastava et al., "Unsupervised Learning of Video Representations using LSTMs", ICML 2015.
    """

    name: str = "moving-mnist"
    num_digits: int = 2
    speed: float = 3.6
    """Pixels per frame, in any direction; 3.6 is the usual tenth of the room that a digit has in 64 pixels."""

    demo_note = "digits rendered from fonts, not MNIST"
    source = MNIST
    card = "data/mnist/CARD.md"
    least = {**VideoConfig.least, "num_digits": 1, "size": DIGIT, "speed": 0}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.protocol == "published" and (self.size, self.num_frames) != (64, 20):
            given = f"data.size {self.size} and data.num_frames {self.num_frames}"
            raise ValueError(f"data.protocol published has 64x64 pixels and 20 frames, got {given}")


@dataclass(frozen=True)
class KTHVideoConfig(VideoConfig):
    """KTH's videos: persons 1 to 16 train, 17 to 25 test; of the former every tenth range validates.

    A range of the annotation is cut into windows of ``num_frames`` frames from its end: one behind the other, of
    jogging and running every third. An epoch draws from all of them; the evaluation sets are spread evenly over theirs.
    """

    name: str = "kth-video"
    size: int = 128
    num_frames: int = 30
    frame_step: int = 1
    """Every ``frame_step``-th frame of the video is a frame of the clip."""
    num_clips: tuple[int, int, int] = (10_000, 1_000, 4_086)

    demo_note = "rendered stick figures, not KTH"
    source = KTH
    card = "data/kth/CARD.md"
    least = {**VideoConfig.least, "frame_step": 1}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.protocol != "default":
            raise ValueError(f"data.protocol must be default for {self.name}, got {self.protocol}")

    @property
    def span(self) -> int:
        """Frames of video from the first of a clip to its last, both included."""
        return (self.num_frames - 1) * self.frame_step + 1
