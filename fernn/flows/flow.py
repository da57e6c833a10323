"""What a flow is: the protocol that every family of flows keeps, and its laws."""

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor


class Flow(Protocol):
    """A family of flows psi_t(v) on images, for every velocity v of a finite set V.

    Laws:

        psi_0(v) = id      psi_s(v) psi_t(v) = psi_{s+t}(v)      psi_t(v) psi_t(-v) = id

    Source: Keller, "Flow Equivariant Recurrent Neural Networks", 2025, section 3.
    """

    @property
    def velocities(self) -> tuple[Any, ...]:
        """V, in the order of the hidden state's slices."""

    def act(self, images: Tensor, velocity: Any, time: int = 1) -> Tensor:
        """psi_time(velocity) applied to images (..., h, w); any velocity of the family, also outside V."""

    def act_hidden(self, state: Tensor, velocity: Any, time: int = 1) -> Tensor:
        """psi_time(velocity) applied to a hidden state (..., c, h, w), whose channels may turn with the picture."""

    def act_slices(self, slices: Tensor, time: int = 1) -> Tensor:
        """psi_time(v) applied to slice v of a hidden state (v, ..., c, h, w), or to the one (1, ...) for every v."""

    def shifts(self, time: int) -> Sequence[tuple[int, int]] | None:
        """psi_time(v) for every v of V as shifts (dy, dx) of the periodic grid; None where it is no shift."""

    def difference(self, velocity: Any, other: Any) -> Any:
        """velocity - other."""
