"""What a study found, for use elsewhere: ``tune.load_best("kth-paper", "fernn-v2")``."""

from collections.abc import Mapping, Sequence
from os import PathLike
from types import MappingProxyType
from typing import Any

from torch import nn

from fernn.config import unknown_name
from fernn.experiment import Experiment
from fernn.train.run import Run
from tune.analysis.results import ModelRow, model_rows
from tune.core.protocol import ModelName, find_study
from tune.core.study import Study, StudyError

NOWHERE: Mapping[str, Any] = MappingProxyType({})


def load_best(
    study: str | PathLike[str],
    model: str,
    *,
    where: Mapping[str, Any] = NOWHERE,
    storage: str = "studies",
    models: Sequence[ModelName] = (),
) -> tuple[nn.Module, Experiment]:
    """A model of a study in eval mode, on the CPU, with its best weights, and the experiment that made them.

    It has the learning rate that the study's table reports, and of that rate's seeds the one with the
    best validation metric, the lowest of equals. ``study`` is a name in ``storage``, or a study's folder.
    ``where`` tells rows of one model apart, as ``{"data.velocity_range": 1}`` does in the study of Figure 5.
    A model of your own is named in ``models``, as "mine:MineConfig" or by its class: a study's files import no code.
    Raises StudyError where there is no such study, KeyError where it has no result of that model, UnnamedModelError
    where it is one of your own that is not named.
    """
    found = find_study(study, storage, models)
    best = row_of(found, model, where).best
    run = Run.start(best.experiment)
    found.cell_folder(best).load_best(run)
    return run.model.eval(), best.experiment


def row_of(study: Study, model: str, where: Mapping[str, Any] = NOWHERE) -> ModelRow:
    """The model's row in the study's table."""
    rows = model_rows(study)
    mine = [row for row in rows if row.model == model and where.items() <= row.where.items()]
    if not mine:
        if not rows:
            raise KeyError(f"study {study.name!r} has no finished cell yet: run its search first")
        known = [row.model for row in rows]
        if model in known:
            raise KeyError(f"study {study.name!r} has no {model!r} where {dict(where)}: it has {_labels(rows)}")
        raise KeyError(unknown_name(model, known, kind=f"model of study {study.name!r}"))
    if len(mine) > 1:
        raise StudyError(f"study {study.name!r} has {_labels(mine)}: say which with where={dict(mine[0].where)}")
    return mine[0]


def _labels(rows: Sequence[ModelRow]) -> str:
    return "; ".join(row.label for row in rows)
