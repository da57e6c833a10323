"""What data hands to training."""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Clips (b, t, c, h, w) as uint8 grey levels or float32 in [0, 1], their labels (b, ...) and names."""

    clips: Tensor
    labels: Tensor
    ids: list[str]
