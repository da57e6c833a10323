"""Optuna's study as a view of ours: one trial for each model and learning rate, its value the mean over seeds.

It is what optuna-dashboard, importances and parallel coordinates read. It can be made anew from the cells' folders
at any time, and is the same every time.
"""

import datetime
from collections.abc import Sequence
from math import isnan
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from tune.analysis.statistics import mean_and_deviation
from tune.core.ownership import OWNER, OWNER_ID, is_of, marks_of
from tune.core.study import Cell, Study, StudyError
from tune.planning.tpe import RATE
from tune.services.databases import OPTUNA, examine, plainly


def mirror(study: Study, url: str | None) -> None:
    """Bring the Optuna study of that name in the database at ``url`` up to date.

    Raises BehindError where that cannot be used, StudyError where it has a study of that name that is not this one.
    """
    if url is None or not study.cells:
        return
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with plainly(OPTUNA, url):
        examine(OPTUNA, url, study=study.folder.root)
        storage = optuna.storages.RDBStorage(url)
        try:
            _mirror(study, storage)
        finally:
            storage.remove_session()
            storage.engine.dispose()


def _mirror(study: Study, storage: optuna.storages.RDBStorage) -> None:
    _forget_other_names(study, storage)
    wanted, mirrored = trials(study), _open(study, storage)
    known = mirrored.get_trials(deepcopy=False)
    if [_content(trial) for trial in known] == [_content(trial) for trial in wanted[: len(known)]]:
        fresh = wanted[len(known) :]
    else:  # a finished trial cannot be changed, and this one has other seeds or neighbours by now
        optuna.delete_study(study_name=study.name, storage=storage)
        mirrored, fresh = _open(study, storage), wanted
    mirrored.add_trials(fresh)


def _forget_other_names(study: Study, storage: optuna.storages.RDBStorage) -> None:
    """Delete what the database has of the study under the names that its folder had before."""
    for other in optuna.get_all_study_summaries(storage, include_best_trial=False):
        if other.study_name != study.name and other.user_attrs.get(OWNER_ID) == study.id != "":
            optuna.delete_study(study_name=other.study_name, storage=storage)


def _open(study: Study, storage: optuna.storages.RDBStorage) -> optuna.Study:
    direction = StudyDirection.MAXIMIZE if study.metric.higher_is_better else StudyDirection.MINIMIZE
    found = optuna.create_study(study_name=study.name, storage=storage, direction=direction, load_if_exists=True)
    marks, known = found.user_attrs, found.get_trials(deepcopy=False)
    if (marks or known) and not is_of(study, marks, str(storage.engine.url), lambda: _shows_ours(study, known)):
        raise StudyError(
            f"Optuna's database has a study {study.name!r} of {marks.get(OWNER) or 'somebody else'}, not of "
            f"{study.folder.root}: give this study another name with --study, rename its folder, or give another "
            "--optuna-storage"
        )
    for name, value in marks_of(study).items():
        if marks.get(name) != value:
            found.set_user_attr(name, value)
    return found


def _shows_ours(study: Study, known: Sequence[FrozenTrial]) -> bool:
    """Whether a trial began at the very moment at which this folder's cells did."""
    return bool({one.datetime_start for one in known} & {one.datetime_start for one in trials(study)})


def trials(study: Study) -> list[FrozenTrial]:
    """A trial for each model and learning rate whose seeds are all settled, in the order of the plan."""
    groups: dict[tuple[str, float], list[Cell]] = {}
    for cell in study.cells:
        groups.setdefault((study.model_label(cell), cell.experiment.optim.lr), []).append(cell)
    rates = [rate for _, rate in groups]
    space: dict[str, BaseDistribution] = {
        "model": CategoricalDistribution(list(dict.fromkeys(label for label, _ in groups))),
        RATE: FloatDistribution(min(rates), max(rates), log=True),
    }
    found = [_trial(study, label, rate, cells, space) for (label, rate), cells in groups.items()]
    return [trial for trial in found if trial is not None]


def _trial(
    study: Study, label: str, rate: float, cells: Sequence[Cell], space: dict[str, BaseDistribution]
) -> FrozenTrial | None:
    histories = study.folder.each(lambda cell: study.cell_folder(cell).history(), cells)
    values = [study.value(cell) for cell in cells]
    known = [study.metric.worst if isnan(value) else value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    metric = f"validation/{study.metric.name}"
    by_epoch = [[row[metric] for row in rows] for rows in zip(*histories, strict=False)]
    trial = create_trial(
        state=TrialState.COMPLETE,
        value=mean_and_deviation(known)[0],
        params={"model": label, RATE: rate},
        distributions=space,
        user_attrs={"seeds": [cell.experiment.seed for cell in cells], "values": known, "keys": [c.key for c in cells]},
        intermediate_values={
            epoch: mean_and_deviation(values)[0]
            for epoch, values in enumerate(by_epoch, start=1)
            if not any(map(isnan, values))
        },
    )
    times = [row["time/recorded_at"] for history in histories for row in history] or [0.0]
    trial.datetime_start, trial.datetime_complete = map(datetime.datetime.fromtimestamp, (min(times), max(times)))
    return trial


def _content(trial: FrozenTrial) -> tuple[Any, ...]:
    """What two trials that say the same agree in."""
    return trial.params, trial.distributions, trial.values, trial.user_attrs, trial.intermediate_values
