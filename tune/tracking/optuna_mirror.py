"""Optuna's study as a view of ours: one trial for each model and learning rate, its value the mean over seeds.

It is what optuna-dashboard, importances and parallel coordinates read. It can be made anew from the cells' folders
at any time, and is the same every time.
"""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from tune.analysis.optuna_trials import trials
from tune.core.identity import OWNER, OWNER_ID, is_view_of, owner_tags
from tune.core.study import Study, StudyError
from tune.services.databases import OPTUNA, check_usable, view_errors


def mirror(study: Study, url: str | None) -> None:
    """Bring the Optuna study of that name in the database at ``url`` up to date.

    Raises BehindError where that cannot be used, StudyError where it has a study of that name that is not this one.
    """
    if url is None or not study.cells:
        return
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with view_errors(OPTUNA, url):
        check_usable(OPTUNA, url, study=study.folder.root)
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
    if (marks or known) and not is_view_of(study, marks, str(storage.engine.url), lambda: _shows_ours(study, known)):
        raise StudyError(
            f"Optuna's database has a study {study.name!r} of {marks.get(OWNER) or 'somebody else'}, not of "
            f"{study.folder.root}: give this study another name with --study, rename its folder, or give another "
            "--optuna-storage"
        )
    for name, value in owner_tags(study).items():
        if marks.get(name) != value:
            found.set_user_attr(name, value)
    return found


def _shows_ours(study: Study, known: Sequence[FrozenTrial]) -> bool:
    """Whether a trial began at the very moment at which this folder's cells did."""
    return bool({one.datetime_start for one in known} & {one.datetime_start for one in trials(study)})


def _content(trial: FrozenTrial) -> tuple[Any, ...]:
    """What two trials that say the same agree in."""
    return trial.params, trial.distributions, trial.values, trial.user_attrs, trial.intermediate_values
