"""The authors' table of ocean currents of 2021-22, in full.

Source: README of Rose-STL-Lab/Equivariant-Net at commit e6f4c84; mean and deviation over five seeds. The currents of
2016-17 that the paper itself used can no longer be had. Whether "RMSE" there has its root is not known: the released
test function prints the mean squared error under that name.
"""

from dataclasses import dataclass

Value = tuple[float, float]


@dataclass(frozen=True)
class PublishedRow:
    """Mean and deviation of RMSE and ESE, later in time and in another region."""

    rmse: Value
    ese: Value
    domain_rmse: Value
    domain_ese: Value


TABLE = {
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
