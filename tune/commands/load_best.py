"""Load a study's best model: ``tune.load_best("kth-paper", "fernn-v2")``."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from torch import nn

from fernn.config import unknown_name
from fernn.experiment import Experiment
from fernn.train.run import Run
from tune.analysis.results import ModelRow, model_rows
from tune.core.protocol import ModelName, find_study
from tune.core.study import Study, StudyError


def load_best(
    study: str | PathLike[str],
    model: str,
    *,
    where: Mapping[str, Any] | None = None,
    storage: str = "studies",
    models: Sequence[ModelName] = (),
) -> tuple[nn.Module, Experiment]:
    """A model of a study in eval mode, on the CPU, with its best weights, and its experiment.

    It has the learning rate that the study's table reports, and of that rate's seeds the one with the best validation
    metric, or the lowest of equally good seeds. ``study`` is a name in ``storage``, or a study's folder.
    ``where`` chooses between rows of one model, as ``{"data.velocity_range": 1}`` does in the study of Figure 5.
    ``models`` names your own models, as "mine:MineConfig" or by their class: a study's files import no code.
    Raises StudyError where there is no such study, KeyError where it has no result of that model, UnnamedModelError
    for a model of your own that ``models`` does not name.
    """
    opened = find_study(study, storage, models)
    best = row_of(opened, model, where or {}).best
    run = Run.start(best.experiment)
    opened.cell_folder(best).load_best(run)
    return run.model.eval(), best.experiment


def row_of(study: Study, model: str, where: Mapping[str, Any]) -> ModelRow:
    """The model's row in the study's table; raises KeyError where there is none, StudyError where there are several."""
    rows = model_rows(study)
    matching = [row for row in rows if row.model == model and where.items() <= row.where.items()]
    if not matching:
        if not rows:
            raise KeyError(f"study {study.name!r} has no finished cell yet: run its search first")
        models = [row.model for row in rows]
        if model in models:
            raise KeyError(f"study {study.name!r} has no {model!r} where {dict(where)}: it has {_labels(rows)}")
        raise KeyError(unknown_name(model, models, kind=f"model of study {study.name!r}"))
    if len(matching) > 1:
        choice = f"say which with where={dict(matching[0].where)}"
        raise StudyError(f"study {study.name!r} has {_labels(matching)}: {choice}")
    return matching[0]


def _labels(rows: Sequence[ModelRow]) -> str:
    return "; ".join(row.label for row in rows)
