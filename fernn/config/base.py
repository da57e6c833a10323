"""Frozen configs: flatten to dotted names, override by dotted names."""

import difflib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Config:
    """A frozen dataclass whose fields are reached by dotted names."""

    def flatten(self) -> dict[str, Any]:
        """Every field by dotted name, in the order of declaration: ``{"optim.lr": 1e-3, ...}``."""
        flat: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            inner = value.flatten() if isinstance(value, Config) else {}
            flat |= {f"{field.name}.{name}": leaf for name, leaf in inner.items()} or {field.name: value}
        return flat

    def override(self, values: Mapping[str, Any]) -> Self:
        """A copy with the named fields changed, all at once.

        Raises KeyError for a name that does not exist and TypeError or ValueError for a value that
        does not fit its field.
        """
        own: dict[str, Any] = {}
        parts: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            head, _, rest = name.partition(".")
            self._require_field(name, head, rest)
            if rest:
                parts.setdefault(head, {})[rest] = value
            else:
                own[head] = fitted(name, value, get_type_hints(type(self))[head])
        return replace(self, **own, **{head: getattr(self, head).override(inner) for head, inner in parts.items()})

    def _require_field(self, name: str, head: str, rest: str) -> None:
        if head not in {field.name for field in fields(self)}:
            raise KeyError(unknown_name(name, self.flatten(), kind="field"))
        if not rest:
            return
        if not isinstance(getattr(self, head), Config):
            raise KeyError(f"field {head!r} has no parts, so {name!r} names nothing")
        if name not in self.flatten():
            raise KeyError(unknown_name(name, self.flatten(), kind="field"))


def unknown_name(name: str, known: Mapping[str, Any] | list[str], *, kind: str) -> str:
    """The message for a name that is not among ``known``, with the nearest one."""
    near = nearest_field(name, list(known)) if kind == "field" else next(iter(nearest(name, list(known))), None)
    hint = "" if near is None else f"did you mean {near!r}? "
    return f"unknown {kind} {name!r}: {hint}it must be one of {', '.join(known)}"


NEAR = 0.65
"""How alike two words must be for one to be a misspelt other, from 0 to 1: at 0.6 "depth" would be "width"."""


def nearest(name: str, known: Sequence[str], most: int = 1) -> list[str]:
    """The known names of which ``name`` may be a misspelling, the nearest first; none where none is near."""
    return difflib.get_close_matches(name, known, n=most, cutoff=NEAR)


def nearest_field(name: str, known: Sequence[str]) -> str | None:
    """The field whose last part is most like that of ``name``, in a part of the experiment that is near, too.

    Where there is none: the one field elsewhere that has this very last part.
    """
    head, _, last = name.rpartition(".")
    near = []
    for one in known:
        place, _, own = one.rpartition(".")
        if nearest(last, [own]) and (not head or nearest(head, [place])):
            near.append(one)
    elsewhere = [one for one in known if one.rpartition(".")[2] == last]
    if not near:
        return elsewhere[0] if len(elsewhere) == 1 else None
    return max(near, key=lambda one: _likeness(last, one.rpartition(".")[2]) + _likeness(name, one) / 2)


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
        return _fitted_to_any(name, value, args)
    if origin is tuple:
        return _fitted_tuple(name, value, args)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    kind = origin or kind
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{name} must be of type {_type_name(kind)}, got {value!r}")
    return value


def _fitted_to_any(name: str, value: Any, kinds: tuple[Any, ...]) -> Any:
    for kind in kinds:
        try:
            return fitted(name, value, kind)
        except (TypeError, ValueError):
            continue
    raise TypeError(f"{name} must be one of {', '.join(map(_type_name, kinds))}, got {value!r}")


def _fitted_tuple(name: str, value: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, tuple | list):
        raise TypeError(f"{name} must be a list, got {value!r}")
    kinds = [args[0]] * len(value) if args[-1] is Ellipsis else list(args)
    if len(kinds) != len(value):
        raise ValueError(f"{name} must have {len(kinds)} entries, got {value!r}")
    return tuple(fitted(name, item, kind) for item, kind in zip(value, kinds, strict=True))


def _type_name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not is_dataclass(kind) else str(kind)
