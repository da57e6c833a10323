"""What others report on video prediction, where it was read, and what differs here from how it was made."""

from collections.abc import Mapping
from dataclasses import dataclass

from tune.planning.options import Sentences


@dataclass(frozen=True)
class Reported:
    """A row of a published table; what it does not have is None."""

    model: str
    source: str
    psnr: float | None = None
    """dB."""
    ssim: float | None = None
    mse: float | None = None
    """Summed over the pixels of a frame, mean over frames."""


TAN = "Tan, 2019, table of results on KTH"
E3D = "Wang et al., ICLR 2019, as quoted by Tan, 2019"
ISSUES = "reported by users in the released code's issues"
REPORTED: Mapping[str, tuple[Reported, ...]] = {
    "kth-video": (
        Reported("ConvLSTM", E3D, 23.58, 0.712),
        Reported("DFN", E3D, 27.26, 0.794),
        Reported("FRNN", E3D, 26.12, 0.771),
        Reported("PredRNN", E3D, 27.55, 0.839),
        Reported("PredRNN++", E3D, 28.47, 0.865),
        Reported("E3D-LSTM", E3D, 29.31, 0.879),
        Reported("E3D-LSTM, trained anew", TAN, 27.73, 0.844),
        Reported("E3D-LSTM, 2-D convolutions", TAN, 26.30, 0.824),
        Reported("E3D-LSTM, residual", TAN, 27.61, 0.863),
        Reported("E3D-LSTM, residual, fine-tuned, l1 and l2", TAN, 29.87, 0.881),
        Reported("E3D-LSTM, trained anew for 200,000 steps", ISSUES, 23.27, 0.7315),
        Reported("E3D-LSTM, the released weights", ISSUES, 23.06),
        Reported("E3D-LSTM, ported to Paddle", ISSUES, 26.92),
    ),
    "moving-mnist": (Reported("E3D-LSTM, trained anew for 80,000 steps", ISSUES, psnr=17.9, mse=77.5),),
}
"""By data set."""

RANGE = (
    "SSIM: Tan's code calls scikit-image on floats in [0, 1] without a data range, which then takes 2: such values are "
    "inflated. Here the data range is 1, the window Gaussian; the numbers are not to be compared digit by digit."
)
PSNR = "PSNR: the published code casts frames to 8 bits by cutting off; here frames keep their floats."
MSE = (
    "MSE is summed over the pixels of a frame and averaged over frames, as on Moving MNIST; published sums over frames "
    "were divided by their number."
)
NOTES = (RANGE, PSNR, MSE)
"""What must stand under numbers of others."""

MOVING_STEPS = (
    "Published networks took 80,000 steps of 4 clips at learning rate 0.001; fine-tuned ones 30,000 more at 0.000001."
)
KTH_STEPS = (
    "Published networks took 200,000 steps of 2 clips at learning rate 0.001; fine-tuned ones as many more at 0.00001."
)
ALWAYS_DEVIATES: Sentences = (
    "Adam has its usual moments (0.9 and 0.999) and epsilon; the published code has 0.95, 0.9995 and an epsilon inside "
    "the root.",
    "The loss is a mean over clips of sums, the published one a sum over all: Adam's steps are the same.",
    "Weights, clips and scheduled sampling come from named seeds; the published code sets no seed.",
    "The epoch is chosen on validation clips; the published code reports its last step, on test clips.",
    RANGE,
)
MOVING_DEVIATIONS: Mapping[str, Sentences] = {
    "default": ("Test clips are generated, from test digits; the published ones are those of a fixed file.",),
    "published": (),
}
KTH_DEVIATIONS: Mapping[str, Sentences] = {
    "default": (
        "Clips are windows of the annotated ranges; the published frames were selected by hand and cut by file number.",
        "Every tenth range of the training persons validates and does not train; the published code trains on all.",
    ),
}
