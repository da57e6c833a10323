"""Published tables that a report shows beside its own: where each was read, and what differs from it here."""

from collections.abc import Mapping
from dataclasses import dataclass

from tune.core.search_spec import Sentences


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


Value = tuple[float, float]


@dataclass(frozen=True)
class PublishedRow:
    """Mean and deviation of RMSE and ESE, later in time and in another region."""

    rmse: Value
    ese: Value
    domain_rmse: Value
    domain_ese: Value


OCEAN = {
    "resnet": PublishedRow((0.82, 0.02), (1.09, 0.13), (1.42, 0.02), (1.23, 0.14)),
    "resnet-um": PublishedRow((0.80, 0.01), (1.10, 0.02), (1.29, 0.01), (1.19, 0.03)),
    "resnet-mag": PublishedRow((0.79, 0.01), (1.01, 0.01), (1.29, 0.00), (1.02, 0.03)),
    "resnet-rot": PublishedRow((0.78, 0.01), (0.88, 0.01), (1.26, 0.01), (0.98, 0.01)),
    "resnet-scale": PublishedRow((0.76, 0.03), (0.98, 0.04), (1.25, 0.02), (1.00, 0.03)),
    "unet": PublishedRow((0.78, 0.03), (1.17, 0.08), (1.30, 0.02), (1.25, 0.05)),
    "unet-um": PublishedRow((0.75, 0.01), (1.19, 0.02), (1.32, 0.02), (1.29, 0.00)),
    "unet-mag": PublishedRow((0.74, 0.01), (0.94, 0.01), (1.27, 0.02), (1.00, 0.03)),
    "unet-rot": PublishedRow((0.74, 0.02), (0.63, 0.00), (1.08, 0.02), (0.85, 0.01)),
    "unet-scale": PublishedRow((0.75, 0.00), (0.89, 0.04), (1.12, 0.00), (0.98, 0.02)),
}
"""The authors' table of ocean currents of 2021-22, in full; mean and deviation over five seeds.

Source: README of Rose-STL-Lab/Equivariant-Net at commit e6f4c84. The currents of 2016-17 that the paper itself used
can no longer be had. Whether "RMSE" there has its root is not known: the released test function prints the mean
squared error under that name.
"""


@dataclass(frozen=True)
class QuotedRow:
    """RMSE of the test windows as they are and transformed by the model's own symmetry, of the paper and of a user."""

    rmse: float
    transformed_rmse: float
    repeated_rmse: float
    repeated_transformed_rmse: float


CONVECTION = {"resnet-rot": QuotedRow(0.65, 0.76, 0.15, 0.16)}
"""What is known of the paper's table of convection: one row, and that it could not be repeated.

Source: issue 3 of Rose-STL-Lab/Equivariant-Net, which quotes ResNet-Rot from Table 2 of the paper. Its author corrected
the released script's missing root and its unturned test fields, and measured 0.15 and 0.16 where the paper has 0.65 and
0.76; nobody has explained the factor. The paper's other rows of convection were not at hand.
"""
