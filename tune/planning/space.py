"""What a search tries: its grid, and the fields that ``--search`` names with their values or ranges.

A condition (a field of the data, or one that the preset searches) makes rows of its own in tables. Of any other
searched field, as of the learning rate, validation chooses the value.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from fernn.config import unknown_name
from fernn.experiment import Experiment
from fernn.train.task import Metric
from tune.analysis.objectives import Constraint, Objective
from tune.core.choice import Domain, field_of, frozen
from tune.core.search_spec import Preset
from tune.core.study import RATE, Settings, Space
from tune.planning.options import SAMPLER_NAMES, Options, chosen_space
from tune.planning.sampling import Sampler

DEFAULT_SAMPLES = 12
OTHER_WAYS = {"model": "--models", "model.name": "--models", "seed": "--seeds", "epochs": "--epochs"}
"""Fields that ``--search`` does not take, and the options that do."""
SINGLE = ("data.name", "optim.name", "data.size")
"""Fields that bring others with them, or that decide which data is prepared."""
WHOLE = re.compile(r"(-?\d+)\.\.(-?\d+)")
MOST_VALUES = 1000


@dataclass(frozen=True)
class SearchSpace:
    """Everything that a search may try."""

    preset: Preset
    space: Space
    """The dimensions in their order: conditions and seeds with their values, chosen fields with none for ranges."""
    domains: Mapping[str, Domain]
    """By dimension: what may be chosen, the learning rate first."""
    experiments: Mapping[str, Experiment]
    """By model: one with it."""

    @property
    def tuned(self) -> tuple[str, ...]:
        """The chosen fields beside the learning rate."""
        return tuple(name for name in self.domains if name != RATE)

    def grid(self) -> list[Settings]:
        """The points of every cell of a grid, by field."""
        own = {model: self.preset.own_values(model, self.space) for model in self.experiments}
        return [{**point, **own[point["model"]]} for point in self._points(self.space)]

    def rows(self) -> list[Settings]:
        """The values of model and conditions of each row of the table, by field."""
        return self._points([name for name in self.space if name not in (*self.domains, "seed")])

    def _points(self, names: Iterable[str]) -> list[Settings]:
        """Every combination of the values, for each model of the dimensions that it has."""
        points: list[Settings] = []
        for model, experiment in self.experiments.items():
            own = {name: field for name in names if (field := self._field(name, experiment))}
            values = [(model,) if name == "model" else self.space[name] for name in own]
            points += [dict(zip(own.values(), point, strict=True)) for point in product(*values)]
        return points

    def _field(self, name: str, experiment: Experiment) -> str | None:
        return field_of(name, experiment, experiment.flatten()) if name in self.tuned else name


def search_space(preset: Preset, base: Experiment, options: Options, settings: Settings) -> SearchSpace:
    """What the options ask for; raises KeyError, TypeError or ValueError for what cannot be searched."""
    space = preset.filled(base, chosen_space(preset, options), settings)
    models = tuple(dict.fromkeys(space["model"]))
    cells = preset.cells(
        base, {name: models if name == "model" else values[:1] for name, values in space.items()}, "", settings
    )
    experiments = {model: cell.experiment for model, cell in zip(models, cells, strict=True)}
    searched = dict(sorted(_searched(text, experiments) for text in _distinct(options.grid.search)))
    _check(searched, experiments, preset, options, settings)
    conditions = {name: domain.values for name, domain in searched.items() if is_condition(name, preset)}
    domains = {RATE: rate_domain(preset, options, searched)}
    domains |= {name: domain for name, domain in searched.items() if name not in (RATE, *conditions)}
    values = {name: domain.values for name, domain in domains.items()}
    return SearchSpace(preset, _ordered(space, conditions, values), domains, experiments)


def _ordered(space: Space, conditions: Space, chosen: Space) -> Space:
    """The space with further dimensions before the seed, so that the cells of a choice stand together."""
    ordered: dict[str, Sequence[Any]] = {}
    for name, values in {**space, **conditions, **chosen}.items():
        if name == "seed":
            ordered |= {other: more for other, more in {**conditions, **chosen}.items() if other not in space}
        ordered.setdefault(name, values)
    return ordered


def is_condition(name: str, preset: Preset) -> bool:
    """Whether each value of a searched field makes rows of its own."""
    return name != RATE and (name.startswith("data.") or name in preset.space)


def chosen_sampler(options: Options, searched: SearchSpace) -> Sampler | None:
    """The sampler, None for the grid; raises ValueError for options that exclude each other."""
    strategy = options.strategy
    if strategy.sampler != "grid":
        number = DEFAULT_SAMPLES if strategy.num_samples is None else strategy.num_samples
        several = max(1, len(strategy.objective))
        return Sampler(strategy.sampler, number, searched.domains, several, bool(strategy.constraint))
    for name in ("num_samples", "lr_range"):
        if getattr(strategy, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} goes with --sampler {SAMPLER_NAMES}: add it, or leave it out")
    return None


def check_goals(options: Options, metric: Metric) -> None:
    """Raises ValueError for objectives and constraints that mean nothing, or that halving could not compare by."""
    strategy = options.strategy
    objectives = [Objective.of(text, metric).name for text in strategy.objective]
    names = {*objectives, *(Constraint.of(text).objective.name for text in strategy.constraint)}
    if len(objectives) > len(set(objectives)):
        raise ValueError(f"--objective must be given once for each name, got {', '.join(objectives)}")
    if names and strategy.scheduler != "none":
        scheduler = f"--scheduler {strategy.scheduler}"
        raise ValueError(f"{scheduler} compares by the validation metric: leave out --objective and --constraint")


def rate_domain(preset: Preset, options: Options, searched: Mapping[str, Domain]) -> Domain:
    """The learning rates: those of ``--search``, else of a grid, else, for a sampler, a logarithmic range."""
    strategy, rates = options.strategy, options.grid.lrs or preset.space[RATE]
    if RATE in searched:
        if options.grid.lrs is not None or strategy.lr_range is not None:
            raise ValueError(f"--search {RATE} replaces --lrs and --lr-range: give one of them")
        return searched[RATE]
    if strategy.sampler == "grid":
        return Domain(tuple(rates))
    if options.grid.lrs is not None:
        raise ValueError(f"--lrs goes with --sampler grid: {strategy.sampler} takes --lr-range LOW HIGH")
    low, high = strategy.lr_range or (min(rates), max(rates))
    if low == high and searched and strategy.lr_range is None:
        return Domain((low,))
    if not 0 < low < high:
        raise ValueError(f"--lr-range must be LOW HIGH with 0 < LOW < HIGH, got {low:g} {high:g}")
    return Domain((), low, high, True)


def _distinct(texts: Sequence[str]) -> Sequence[str]:
    names = [text.partition("=")[0] for text in texts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"--search {twice[0]} must be given once, it is given {len(twice)} times: name all its values")
    return texts


def _searched(text: str, experiments: Mapping[str, Experiment]) -> tuple[str, Domain]:
    """The dimension and the domain of one ``--search``; raises KeyError, TypeError or ValueError."""
    given, separator, spec = text.partition("=")
    if not separator or not given or not spec:
        raise ValueError(f"--search must read FIELD=VALUES, as in {RATE}=log:1e-5:1e-2, got {text!r}")
    owner, name = _owner(given, experiments)
    if name in OTHER_WAYS:
        raise ValueError(f"--search {given} must be left out: use {OTHER_WAYS[name]}")
    if name in SINGLE:
        raise ValueError(f"--search {given} must be left out: give it by --set, with another --study for each value")
    if owner and (name.startswith("data.") or name == RATE):
        raise ValueError(f"--search {given} must be without {owner}: all models share {name}")
    models = [one for model, one in experiments.items() if owner in ("", one.model.label) and name in one.flatten()]
    if not models:
        fields = {field: None for one in experiments.values() for field in one.flatten()}
        raise KeyError(f"--search {given}: {unknown_name(name, fields, kind='field')}")
    try:
        domains = [parsed(name, spec, one) for one in models]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"--search {text}: {error.args[0]}") from error
    return f"{owner}.{name}" if owner else name, domains[0]


def _owner(given: str, experiments: Mapping[str, Experiment]) -> tuple[str, str]:
    """The label of the model before a field, empty for none, and the field; raises ValueError for another model."""
    fields = {field for one in experiments.values() for field in one.flatten()}
    if given in fields:
        return "", given
    for model, experiment in experiments.items():
        for name in (model, experiment.model.label):
            if given.startswith(f"{name}."):
                return experiment.model.label, given.removeprefix(f"{name}.")
    for field in fields:
        if given.endswith(f".{field}"):
            head = given.removesuffix(f".{field}")
            raise ValueError(f"--search {given}: {head} must be a model of this search, {', '.join(experiments)}")
    return "", given


def parsed(name: str, spec: str, experiment: Experiment) -> Domain:
    """``log:LOW:HIGH``, ``lin:LOW:HIGH``, ``FIRST..LAST`` or values with commas, of the type of the experiment's field.

    Raises TypeError or ValueError for what the field does not take.
    """

    def typed(value: Any) -> Any:
        return experiment.override({name: frozen(value)}).flatten()[name]

    scale, *ends = spec.split(":")
    if scale in ("log", "lin") and len(ends) == 2:
        low, high = (typed(_value(end)) for end in ends)
        if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high)):
            raise ValueError(f"a range must be of numbers, {name} has none: list its values")
        return Domain((), low, high, scale == "log")
    if whole := WHOLE.fullmatch(spec):
        first, last = map(int, whole.groups())
        if not 0 <= last - first < MOST_VALUES:
            raise ValueError(f"FIRST..LAST must be 1 to {MOST_VALUES} whole numbers: give lin:LOW:HIGH for more")
        return Domain(tuple(map(typed, range(first, last + 1))))
    return Domain(tuple(dict.fromkeys(map(typed, _listed(spec)))))


def _listed(spec: str) -> list[Any]:
    whole = _value(spec)
    return whole if isinstance(whole, list) and whole else [_value(part) for part in spec.split(",")]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _check(
    searched: Mapping[str, Domain],
    experiments: Mapping[str, Experiment],
    preset: Preset,
    options: Options,
    settings: Settings,
) -> None:
    """Raises ValueError for a range that needs a sampler, and for fields that are given twice."""
    for name, domain in searched.items():
        if domain.values:
            continue
        if is_condition(name, preset):
            raise ValueError(f"--search {name} must list values, since each makes rows of its own: got a range")
        if options.strategy.sampler == "grid":
            raise ValueError(
                f"--search {name} must list values for a grid, got a range: it goes with --sampler {SAMPLER_NAMES}"
            )
    for experiment in experiments.values():
        flat = experiment.flatten()
        owned = {name: field for name in searched if (field := field_of(name, experiment, flat))}
        fields = list(owned.values())
        for name, field in owned.items():
            if fields.count(field) > 1:
                raise ValueError(f"--search {name} must be for all models or for one, {field} is searched for both")
            if field in settings:
                raise ValueError(f"--search {name} and another option give {field}: leave one of them out")
