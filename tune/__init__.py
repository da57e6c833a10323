"""Studies: searches over models, learning rates and seeds, and their results.

``tune.load_best`` is :func:`tune.commands.load_best.load_best`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tune.commands.load_best import load_best as load_best


def __getattr__(name: str) -> Any:
    """Import PyTorch and Ray only when a model is asked for, not with the package."""
    if name != "load_best":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tune.commands.load_best import load_best

    return load_best
