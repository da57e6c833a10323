"""Studies: searches over models, learning rates and seeds, and what they found."""

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from torch import nn

    from fernn.experiment import Experiment
    from tune.core.protocol import ModelName


def load_best(
    study: "str | PathLike[str]",
    model: str,
    *,
    where: "Mapping[str, Any] | None" = None,
    storage: str = "studies",
    models: "Sequence[ModelName]" = (),
) -> "tuple[nn.Module, Experiment]":
    """A model of a study in eval mode with its best weights, and its experiment.

    See :func:`tune.commands.load_best.load_best`.
    """
    from tune.commands import load_best as found  # PyTorch is imported when a model is asked for, not with the package

    return found.load_best(study, model, where=where or {}, storage=storage, models=models)
