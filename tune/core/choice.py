"""A choice: the values of the fields that validation chooses, such as the learning rate, shared by a group of seeds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf, prod
from typing import Any, Self

from fernn.experiment import Experiment


@dataclass(frozen=True)
class Choice:
    """One value of each chosen field that the model has, by the field's name as a dimension of the study's space."""

    values: tuple[tuple[str, Any], ...]

    @property
    def text(self) -> str:
        """In words, with the last part of each name: "lr 0.001, weight_decay 0.0001"."""
        return ", ".join(f"{last_part(name)} {value_text(value)}" for name, value in self.values)

    @property
    def order(self) -> tuple[Any, ...]:
        """What sorts choices: of equal ones the lower counts, by the first field in which they differ."""
        return tuple(_order(value) for _, value in self.values)

    @property
    def words(self) -> str:
        """In a sentence: "learning rate 0.001", or with other chosen fields as :attr:`text`."""
        return f"learning rate {value_text(self.rate)}" if len(self.values) == 1 else self.text

    @property
    def rate(self) -> float:
        """The learning rate, which is the first of the chosen fields."""
        return float(self.values[0][1])

    def get(self, name: str) -> Any:
        """The value of the field, None where the model does not have it."""
        return dict(self.values).get(name)


@dataclass(frozen=True)
class Domain:
    """What a search may choose for a field: one of ``values``, or, without any, a number of a range."""

    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    """Bounds of the range, inclusive; whole numbers alone where both are of type int."""
    is_log: bool = False
    """Whether numbers of the range are drawn evenly by their logarithms."""

    def __post_init__(self) -> None:
        if not self.values and not (self.low < self.high < inf and (self.low > 0 or not self.is_log)):
            rule = "0 < LOW < HIGH" if self.is_log else "LOW < HIGH"
            raise ValueError(f"a range must be LOW:HIGH with {rule}, got {self.low:g}:{self.high:g}")

    def __contains__(self, value: Any) -> bool:
        if self.values:
            return value in self.values
        return isinstance(value, int | float) and self.low <= value <= self.high

    @property
    def is_whole(self) -> bool:
        """Whether it is a range of whole numbers."""
        return not self.values and isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def size(self) -> int | None:
        """The number of its values, None for a range of real numbers."""
        return len(self.values) or (int(self.high - self.low) + 1 if self.is_whole else None)

    @property
    def text(self) -> str:
        """In words: "log-uniform from 1e-05 to 0.01", "32, 64, 128"."""
        if self.values:
            return ", ".join(map(value_text, self.values))
        return f"{'log-uniform' if self.is_log else 'uniform'} from {self.low:g} to {self.high:g}"

    def facts(self) -> dict[str, list[Any]]:
        """As JSON, for :meth:`of`."""
        return {"values": [*self.values]} if self.values else {"log" if self.is_log else "lin": [self.low, self.high]}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """The domain with these :meth:`facts`; raises ValueError for others."""
        match dict(facts):
            case {"values": [*values]}:
                return cls(frozen(values))
            case {"log": [low, high]}:
                return cls((), low, high, True)
            case {"lin": [low, high]}:
                return cls((), low, high)
        raise ValueError(f"a domain must have values, log or lin, got {facts!r:.80}")


def num_left(num_samples: int, domains: Mapping[str, Domain], choices: Collection[Choice]) -> int:
    """How many more choices a sampler proposes beside those of ``choices`` that lie in all ``domains``.

    It proposes none twice, so that it ends early where the domains have fewer values than it may try.
    """
    sizes = [size for domain in domains.values() if (size := domain.size) is not None]
    most = min(num_samples, prod(sizes)) if len(sizes) == len(domains) else num_samples
    return max(0, most - sum(lies_in(choice, domains) for choice in choices))


def lies_in(choice: Choice, domains: Mapping[str, Domain]) -> bool:
    """Whether each domain has the choice's value."""
    return all(choice.get(name) in domain for name, domain in domains.items())


def points_of(space: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of a space's values, by dimension."""
    return [dict(zip(space, values, strict=True)) for values in product(*space.values())]


def field_of(dimension: str, experiment: Experiment, flat: Mapping[str, Any]) -> str | None:
    """The field that a dimension is for an experiment, which ``flat`` holds by name; None where it has none.

    "model" is the field "model.name", and "grnn.model.hidden_channels" is a field of the model "grnn" alone.
    """
    name = "model.name" if dimension == "model" else dimension
    own = name if name in flat else name.removeprefix(f"{experiment.model.label}.")
    return own if own in flat else None


def last_part(name: str) -> str:
    """A field's name without what it is a part of: "weight_decay" of "optim.weight_decay"."""
    return name.rpartition(".")[2]


def value_text(value: Any) -> str:
    """A field's value in words: a number in its shortest form."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def frozen(value: Any) -> Any:
    """A JSON value as a field has it: lists, also inner ones, as tuples."""
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def _order(value: Any) -> tuple[int, float, str]:
    if value is None:
        return 0, 0.0, ""
    return (1, float(value), "") if isinstance(value, int | float) else (2, 0.0, str(value))
