"""The study in Optuna's database: one trial for each model and choice, its value the mean over seeds.

optuna-dashboard reads it. It can be written again from the cells' folders at any time, with the same content.
"""

from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from tune.analysis.objectives import objectives_of
from tune.analysis.optuna_trials import several, trials
from tune.core.identity import OWNER, OWNER_ID, is_view_of, owner_tags
from tune.core.study import Study, StudyError
from tune.services.databases import OPTUNA, check_usable, view_errors


def mirror(study: Study, url: str | None) -> None:
    """Bring the Optuna study of that name in the database at ``url`` up to date.

    Raises ViewError where the database cannot be used, StudyError where another study has the name.
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
    for other in optuna.get_all_study_summaries(storage, include_best_trial=False):
        if other.study_name != study.name and other.user_attrs.get(OWNER_ID) == study.id != "":  # its earlier name
            optuna.delete_study(study_name=other.study_name, storage=storage)
    wanted, mirrored = several(study) if study.objectives or study.constraints else trials(study), _open(study, storage)
    if mirrored.directions != directions(study):  # other objectives
        optuna.delete_study(study_name=study.name, storage=storage)
        mirrored = _open(study, storage)
    stored = mirrored.get_trials(deepcopy=False)
    if [_content(trial) for trial in stored] != [_content(trial) for trial in wanted[: len(stored)]]:
        # a finished trial cannot be changed, and the seeds or the order of trials are different now
        optuna.delete_study(study_name=study.name, storage=storage)
        mirrored, stored = _open(study, storage), []
    mirrored.add_trials(wanted[len(stored) :])


def directions(study: Study) -> list[StudyDirection]:
    """Of the study's objectives, in their order."""
    ways = (objective.higher_is_better for objective in objectives_of(study))
    return [StudyDirection.MAXIMIZE if higher_is_better else StudyDirection.MINIMIZE for higher_is_better in ways]


def _open(study: Study, storage: optuna.storages.RDBStorage) -> optuna.Study:
    wanted = directions(study)
    opened = optuna.create_study(study_name=study.name, storage=storage, directions=wanted, load_if_exists=True)
    marks = opened.user_attrs
    if (marks or opened.trials) and not is_view_of(study, marks, str(storage.engine.url)):
        raise StudyError(
            f"Optuna's database has a study {study.name!r} of {marks.get(OWNER) or 'an unknown owner'}, not of "
            f"{study.folder.root}: give this study another name with --study, rename its folder, or give another "
            "--optuna-storage"
        )
    for name, value in owner_tags(study).items():
        if marks.get(name) != value:
            opened.set_user_attr(name, value)
    return opened


def _content(trial: FrozenTrial) -> tuple[Any, ...]:
    """The content of a trial, which is equal for equal trials."""
    facts = (trial.params, trial.distributions, trial.values, trial.user_attrs)
    return *facts, trial.intermediate_values, trial.constraints
