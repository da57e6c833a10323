"""Read-outs of a hidden state with velocity slices."""

from torch import Tensor


def pool_velocities(state: Tensor) -> Tensor:
    """max over V of a hidden state (v, b, c, h, w): (b, c, h, w).

    A drift of the input permutes the slices, so the maximum only moves with the picture. V is
    finite: slices leave at one edge and enter at the other, which makes this nearly, not exactly so.
    """
    return state.max(dim=0).values
