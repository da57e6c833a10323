"""Frozen configs: flatten to dotted names, override by dotted names."""

import difflib
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Config:
    """A frozen dataclass whose fields are reached by dotted names, and bounded below by what its class says."""

    place: ClassVar[str] = ""
    """What stands before a field's name where it is a part of an experiment."""
    least: ClassVar[Mapping[str, float]] = {}
    """The smallest value of a field that is bounded below; of a tuple, of each entry."""
    positive: ClassVar[tuple[str, ...]] = ()
    """The fields that must be above 0 where they are not None."""
    later: ClassVar[tuple[str, ...]] = ()
    """Fields that came with a later version: records leave them out at their defaults, so that keys of cells stay."""

    def __post_init__(self) -> None:
        for name, least in self.least.items():
            value = getattr(self, name)
            smallest, each = (min(value, default=least), " each") if isinstance(value, tuple) else (value, "")
            if not smallest >= least:
                raise ValueError(f"{self.place}{name} must be {least} or more{each}, got {value}")
        for name in self.positive:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{self.place}{name} must be above 0, got {value}")

    def flatten(self, *, for_record: bool = False) -> dict[str, Any]:
        """Every field by dotted name, in the order of declaration: ``{"optim.lr": 1e-3, ...}``."""
        flat: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Config):
                inner = value.flatten(for_record=for_record)
                flat |= {f"{field.name}.{name}": leaf for name, leaf in inner.items()}
            elif not (for_record and field.name in self.later and value == field.default):
                flat[field.name] = value
        return flat

    def override(self, values: Mapping[str, Any]) -> Self:
        """A copy with the named fields changed, all at once.

        Raises KeyError for a name that does not exist and TypeError or ValueError for a value that
        does not fit its field.
        """
        kind: object = type(self)
        hints, flat = _hints(kind), self.flatten()
        kinds = {field.name: hints[field.name] for field in fields(self)}
        own: dict[str, Any] = {}
        parts: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            head, _, rest = name.partition(".")
            if rest and head in kinds and not isinstance(getattr(self, head), Config):
                raise KeyError(f"field {head!r} has no parts, so {name!r} names nothing")
            if name not in flat and name not in kinds:
                raise KeyError(unknown_name(name, flat, kind="field"))
            if rest:
                parts.setdefault(head, {})[rest] = value
            else:
                own[head] = fitted(name, value, kinds[head])
        return replace(self, **own, **{head: getattr(self, head).override(inner) for head, inner in parts.items()})


@cache
def _hints(kind: object) -> dict[str, Any]:
    """The types of the class's fields, which take long to resolve."""
    return get_type_hints(kind)


def unknown_name(name: str, names: Mapping[str, Any] | list[str], *, kind: str) -> str:
    """The message for a name that is not among ``names``, with the nearest one."""
    near = nearest_field(name, list(names)) if kind == "field" else next(iter(nearest(name, list(names))), None)
    hint = "" if near is None else f"did you mean {near!r}? "
    return f"unknown {kind} {name!r}: {hint}it must be one of {', '.join(names)}"


NEAR = 0.65
"""How alike two words must be for one to be a misspelt other, from 0 to 1: at 0.6 "depth" would be "width"."""


def nearest(name: str, names: Sequence[str], most: int = 1) -> list[str]:
    """The names of which ``name`` may be a misspelling, the nearest first; none where none is near."""
    return difflib.get_close_matches(name, names, n=most, cutoff=NEAR)


def nearest_field(name: str, names: Sequence[str]) -> str | None:
    """The field whose last part is most like that of ``name``, in a part of the experiment that is near, too.

    Where there is none: the one field elsewhere that has this very last part.
    """
    head, _, last = name.rpartition(".")
    parts = {field: field.rpartition(".") for field in names}
    near = [
        field
        for field, (place, _, own) in parts.items()
        if nearest(last, [own]) and (not head or nearest(head, [place]))
    ]
    if not near:
        elsewhere = [field for field, (_, _, own) in parts.items() if own == last]
        return elsewhere[0] if len(elsewhere) == 1 else None
    return max(near, key=lambda field: _likeness(last, parts[field][2]) + _likeness(name, field) / 2)


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def fitted(name: str, value: Any, kind: Any) -> Any:
    """``value`` as the field's type ``kind``: lists become tuples, whole numbers floats; else TypeError."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        if value not in args:
            raise ValueError(f"{name} must be one of {', '.join(map(str, args))}, got {value!r}")
        return value
    if origin in (Union, types.UnionType):
        for inner in args:
            with suppress(TypeError, ValueError):
                return fitted(name, value, inner)
        raise TypeError(f"{name} must be one of {', '.join(map(_type_name, args))}, got {value!r}")
    if origin is tuple:
        return _fitted_tuple(name, value, args)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    kind = origin or kind
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{name} must be of type {_type_name(kind)}, got {value!r}")
    return value


def _fitted_tuple(name: str, value: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, tuple | list):
        raise TypeError(f"{name} must be a list, got {value!r}")
    kinds = [args[0]] * len(value) if args[-1] is Ellipsis else list(args)
    if len(kinds) != len(value):
        raise ValueError(f"{name} must have {len(kinds)} entries, got {value!r}")
    return tuple(fitted(name, item, kind) for item, kind in zip(value, kinds, strict=True))


def _type_name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not is_dataclass(kind) else str(kind)
