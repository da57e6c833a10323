"""How many tensor calls something makes: what a GPU is launched for, and what the host alone takes."""

from collections import Counter
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

FREE = {"detach", "_unsafe_view", "empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided"}
"""Nothing is computed by these, as by views: no memory is read or written."""


class TensorCalls(TorchDispatchMode):
    """Counts PyTorch's operations by name while it is entered, forward and backward, without views.

    What an operation does inside is one call, as a fused optimizer's update of all weights is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_name: Counter[str] = Counter()

    @property
    def number(self) -> int:
        """All of them."""
        return self.by_name.total()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if not func.is_view and name not in FREE:
            self.by_name[name] += 1
        return func(*args, **(kwargs or {}))
