"""What is known of the paper's table of convection: one row, and that it could not be repeated.

Source: issue 3 of Rose-STL-Lab/Equivariant-Net, which quotes ResNet-Rot from Table 2 of the paper. Its author corrected
the released script's missing root and its unturned test fields, and measured 0.15 and 0.16 where the paper has 0.65 and
0.76; nobody has explained the factor. The paper's other rows of convection were not at hand.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class QuotedRow:
    """RMSE of the test windows as they are and transformed by the model's own symmetry, of the paper and of a user."""

    rmse: float
    transformed_rmse: float
    repeated_rmse: float
    repeated_transformed_rmse: float


TABLE = {"resnet-rot": QuotedRow(0.65, 0.76, 0.15, 0.16)}
