"""Choices beyond the grid: Optuna's samplers propose them for each row of the table, round by round.

A round depends only on the finished rounds before it, not on time or on the order in which trials end: Optuna's study
is made anew from them, with a seed of its own. So a search that was killed proposes the same choices again.
"""

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, product, repeat
from math import inf, isfinite
from types import MappingProxyType
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, create_trial

from fernn.seeding import seed_of
from tune.analysis.objectives import Score
from tune.core.choice import Choice, Domain, lies_in, num_left

ROUND = 4
"""Choices of one round; those of the first are random, or QMC's, as no other sampler has values yet."""
MOST = 1e9
"""The violation of a constraint by what diverged."""
ATTEMPTS = 10
"""How often a sampler is asked for another choice that was not tried, beside once for each that was."""
Domains = Mapping[str, Domain]
Space = Mapping[str, BaseDistribution]
Scores = Mapping[Choice, Score]
"""Of each choice that was tried."""
NONE: Scores = MappingProxyType({})


@dataclass(frozen=True)
class Sampler:
    """One of Optuna's samplers, over all chosen fields of a model together."""

    name: str
    """One of :data:`SAMPLERS`."""
    num_samples: int
    """The number of choices that each row of the table tries."""
    domains: Domains
    """By dimension: what it may choose."""
    num_objectives: int = 1
    is_constrained: bool = False

    def __post_init__(self) -> None:
        if self.num_samples < 1:
            raise ValueError(f"--num-samples must be 1 or more, got {self.num_samples}")
        evolving = any(is_ordered(domain) and domain.size != 1 for domain in self.domains.values())
        if self.name == "cmaes" and not evolving:
            raise ValueError("--sampler cmaes must have numbers to choose: search such a field, or give --sampler tpe")
        if self.name == "cmaes" and (self.num_objectives > 1 or self.is_constrained):
            raise ValueError("--sampler cmaes goes with one objective and no constraint: give --sampler tpe or gp")

    def facts(self) -> dict[str, Any]:
        """As ``study.json`` has it."""
        ranges = {name: domain.facts() for name, domain in self.domains.items()}
        return {"sampler": self.name, "num_samples": self.num_samples, "ranges": ranges}

    def proposals(
        self, label: str, names: Sequence[str], tried: Mapping[Choice, Score | None], foreign: Scores = NONE
    ) -> list[Choice]:
        """The next round of the row ``label``, over the dimensions ``names``, beside what was ``tried``.

        ``tried`` has the score of each choice, in the order of proposal. While one has None, and once all are tried,
        there is no round. ``foreign`` scores of another study are known to the sampler, and may be proposed.
        """
        domains = {name: self.domains[name] for name in names}
        values = {choice: value for choice, value in tried.items() if lies_in(choice, domains)}
        known = {choice: value for choice, value in values.items() if value is not None}
        count = min(ROUND, num_left(self.num_samples, domains, values))
        if len(known) < len(values):
            return []
        with warnings.catch_warnings():  # of experimental parts, and of fields that are drawn without the others
            warnings.simplefilter("ignore")
            return [*islice(new_choices(self, label, domains, known, foreign), count)]


def new_choices(sampler: Sampler, label: str, domains: Domains, known: Scores, foreign: Scores) -> Iterator[Choice]:
    """Choices that are not ``known``: those of the sampler; where it repeats itself drawn ones, then the first left."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    taken = list(known)
    ask, draw = (asking(name, label, domains, known, foreign) for name in (sampler.name, "random"))
    while True:
        asked = chain(repeat(ask, ATTEMPTS + len(taken)), repeat(draw, ATTEMPTS))
        proposed = chain((decoded(one(), domains, taken) for one in asked), _listed(domains))
        choice = next(one for one in proposed if one not in taken)
        taken.append(choice)
        yield choice


def _listed(domains: Domains) -> Iterator[Choice]:
    for values in product(*map(values_of, domains.values())):
        yield Choice(tuple(zip(domains, values, strict=True)))


def asking(name: str, label: str, domains: Domains, known: Scores, foreign: Scores) -> Callable[[], Mapping[str, Any]]:
    """What asks the sampler, which knows the values so far, for the parameters of one more trial.

    QMC's sequence is drawn from its beginning, and what was tried is passed over: it needs no values.
    """
    space = {key: distribution(domain) for key, domain in domains.items()}
    others = trials_of(foreign, domains, space, foreign)
    trials = trials_of(known, domains, space, foreign)
    number = max((len(trial.values) for trial in (*others, *trials)), default=1)
    if name == "qmc":
        study = _study(QMCSampler(scramble=True, seed=seed_of(name, label) % 2**32), number)
        study.add_trials(trials[:1])  # which tells it the space
    elif name == "cmaes":
        study = _evolved(others, trials, space, seed_of(name, label, len(known)) % 2**32)
    else:
        study = _study(SAMPLERS[name](seed_of(name, label, len(known)) % 2**32), number)
        study.add_trials([*others, *trials])
    return lambda: study.ask(dict(space)).params


def trials_of(scores: Scores, domains: Domains, space: Space, foreign: Scores) -> list[FrozenTrial]:
    """Optuna's trials of the choices; with several objectives finite, below what the others reach, where one diverged.

    Those of ``foreign`` are marked by an attribute.
    """
    worst = lowest([*scores.values(), *foreign.values()])
    return [
        create_trial(
            values=[*map(max, score.ranks, worst)],
            params=encoded(choice, domains),
            distributions=dict(space),
            constraints={str(place): min(part, MOST) for place, part in enumerate(score.violations)},
            user_attrs={"foreign": scores is foreign},
        )
        for choice, score in scores.items()
    ]


SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(n_startup_trials=ROUND, multivariate=True, constant_liar=True, seed=seed),
    "gp": lambda seed: GPSampler(n_startup_trials=ROUND, seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
}
"""By name: those that know all trials before a round, from the round's seed."""


def _study(sampler: BaseSampler, num_objectives: int = 1) -> optuna.Study:
    return optuna.create_study(directions=["maximize"] * num_objectives, sampler=sampler)


def lowest(scores: Sequence[Score]) -> list[float]:
    """By objective: a number below all that are finite, which several objectives and constraints want; else none."""
    if not scores or (len(scores[0].ranks) == 1 and not scores[0].violations):
        return [-inf]
    columns = [[rank for rank in ranks if isfinite(rank)] for ranks in zip(*(one.ranks for one in scores), strict=True)]
    return [2 * min(column) - max(column) - 1 if column else -1.0 for column in columns]


def _evolved(others: Sequence[FrozenTrial], trials: Sequence[FrozenTrial], space: Space, seed: int) -> optuna.Study:
    """CMA-ES after all its generations of ROUND trials: it begins at the best of others, else of random ones."""
    first = others or trials[:ROUND]
    evolving = {
        name for name, one in space.items() if not isinstance(one, CategoricalDistribution) and not one.single()
    }
    sources = [_of_fields(trial, evolving) for trial in first] * 10 if evolving else []  # it takes the best tenth
    sampler = CmaEsSampler(popsize=ROUND, source_trials=sources or None, seed=seed)
    study = _study(sampler)
    study.add_trials(first)
    for trial in trials[0 if others else ROUND :]:
        study.enqueue_trial(trial.params)
        asked = study.ask(dict(space))
        assert asked.relative_params is not None  # it counts a trial to a generation when it draws for it
        study.tell(asked, trial.value)
    return study


def _of_fields(trial: FrozenTrial, names: Collection[str]) -> FrozenTrial:
    """The trial with those parameters alone."""
    distributions = {name: one for name, one in trial.distributions.items() if name in names}
    return create_trial(
        value=trial.value, params={name: trial.params[name] for name in distributions}, distributions=distributions
    )


def is_ordered(domain: Domain) -> bool:
    """Whether a sampler may tell greater values from smaller ones: those of a range, and lists of numbers."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in domain.values)


def values_of(domain: Domain) -> Sequence[Any]:
    """The values of a domain that has finitely many, numbers in their order."""
    if domain.values:
        return sorted(domain.values) if is_ordered(domain) else domain.values
    return range(int(domain.low), int(domain.high) + 1)


def distribution(domain: Domain) -> BaseDistribution:
    """A list is a parameter of places in it, ordered where it holds numbers."""
    if domain.values:
        last = len(domain.values) - 1
        return IntDistribution(0, last) if is_ordered(domain) else CategoricalDistribution(range(last + 1))
    if domain.is_whole:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.is_log)
    return FloatDistribution(domain.low, domain.high, log=domain.is_log)


def encoded(choice: Choice, domains: Domains) -> dict[str, Any]:
    """A choice as parameters of an Optuna trial."""
    given = {name: choice.get(name) for name in domains}
    return {name: values_of(one).index(given[name]) if one.values else given[name] for name, one in domains.items()}


def decoded(params: Mapping[str, Any], domains: Domains, taken: Sequence[Choice]) -> Choice:
    """The choice of a trial's parameters; real numbers with three digits where these lie in the domain and are new."""
    exact = {name: values_of(one)[params[name]] if one.values else params[name] for name, one in domains.items()}
    short = {name: _rounded(exact[name], one) for name, one in domains.items()}
    choice = Choice(tuple(short.items()))
    return Choice(tuple(exact.items())) if choice in taken and choice.values != tuple(exact.items()) else choice


def _rounded(value: Any, domain: Domain) -> Any:
    if domain.size is not None:
        return value
    rounded = float(f"{value:.3g}")
    return rounded if rounded in domain else value
