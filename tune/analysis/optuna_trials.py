"""Optuna's trials of a study, one for each model and choice, its value the mean over seeds."""

import datetime
from collections.abc import Sequence
from math import isfinite, isnan
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState, create_trial

from tune.analysis.objectives import objectives_of, score
from tune.analysis.statistics import mean_and_deviation
from tune.core.study import RATE, Cell, Study


def trials(study: Study) -> list[FrozenTrial]:
    """A trial for each model and choice of which every seed has a value, in the order of the plan."""
    pairs = [(label, choice) for label, choices in study.groups.items() for choice in choices]
    space: dict[str, BaseDistribution] = {"model": CategoricalDistribution(list(study.groups))}
    for name in (RATE, *study.tuned):
        space[name] = _distribution(name, [value for _, choice in pairs for key, value in choice.values if key == name])
    made = [
        _trial(study, {"model": label} | {name: _plain(value) for name, value in choice.values}, cells, space)
        for label, choices in study.groups.items()
        for choice, cells in choices.items()
    ]
    return [trial for trial in made if trial is not None]


def several(study: Study) -> list[FrozenTrial]:
    """The trials of a study with several objectives, each with its values in their order and its violations.

    One whose choice has not finished all its seeds, or reaches no number, is left out.
    """
    objectives, made = objectives_of(study), []
    for trial in trials(study):
        choices = study.groups[trial.params["model"]]
        cells = next(cells for cells in choices.values() if [cell.key for cell in cells] == trial.user_attrs["keys"])
        found = score(study, cells)
        if found is None or not all(isfinite(rank) for rank in found.ranks):
            continue
        values = [found.means[objective.name] for objective in objectives]
        constraints = dict(zip(study.constraints, found.violations, strict=True))
        made.append(
            create_trial(values=values, params=trial.params, distributions=trial.distributions,
                         user_attrs=trial.user_attrs, constraints=constraints)
        )  # fmt: skip
        made[-1].datetime_start, made[-1].datetime_complete = trial.datetime_start, trial.datetime_complete
    return made


def _distribution(name: str, values: Sequence[Any]) -> BaseDistribution:
    """Of all values that a field has in the study: numbers lie in a range, learning rates in a logarithmic one."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        return CategoricalDistribution(list(dict.fromkeys(map(_plain, values))))
    low, high = min(numbers), max(numbers)
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high)
    return FloatDistribution(low, high, log=name == RATE)


def _plain(value: Any) -> Any:
    """As Optuna stores it, which has no lists."""
    return str(value) if isinstance(value, tuple) else value


def _trial(
    study: Study, params: dict[str, Any], cells: Sequence[Cell], space: dict[str, BaseDistribution]
) -> FrozenTrial | None:
    histories = study.folder.each(lambda cell: study.cell_folder(cell).history(), cells)
    values = [study.value(cell) for cell in cells]
    finite = [study.metric.worst if isnan(value) else value for value in values if value is not None]
    if not finite or len(finite) < len(values):
        return None
    metric, seeds = f"validation/{study.metric.name}", [cell.experiment.seed for cell in cells]
    by_epoch = [[row[metric] for row in rows] for rows in zip(*histories, strict=False)]
    trial = create_trial(
        state=TrialState.COMPLETE,
        value=mean_and_deviation(finite)[0],
        params=params,
        distributions={name: space[name] for name in params},
        user_attrs={"seeds": seeds, "values": finite, "keys": [cell.key for cell in cells]},
        intermediate_values={
            epoch: mean_and_deviation(values)[0]
            for epoch, values in enumerate(by_epoch, start=1)
            if not any(map(isnan, values))
        },
    )
    times = [row["time/recorded_at"] for history in histories for row in history] or [0.0]
    trial.datetime_start, trial.datetime_complete = map(datetime.datetime.fromtimestamp, (min(times), max(times)))
    return trial


def finished_trials(study: Study) -> list[FrozenTrial]:
    """Optuna's complete trials of the study, one for each model and choice that has all its seeds."""
    return [trial for trial in trials(study) if trial.value is not None and isfinite(trial.value)]


def importances(study: Study, finished: Sequence[FrozenTrial]) -> dict[str, float]:
    """The share of the trials' variance that each searched field explains, by fANOVA; empty where nothing varies."""
    shared = [name for name in ("model", RATE, *study.tuned) if all(name in trial.params for trial in finished)]
    varied = [name for name in shared if len({trial.params[name] for trial in finished}) > 1]
    variance = np.var([trial.value or 0.0 for trial in finished]) if finished else 0.0
    if not varied or variance <= np.finfo(float).eps:  # below which no tree splits
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    view = optuna.create_study(direction="maximize" if study.metric.higher_is_better else "minimize")
    view.add_trials(finished)
    return get_param_importances(view, evaluator=FanovaImportanceEvaluator(seed=0), params=varied)
