"""Options from Python: the keywords of ``tune.search`` are the command line's options without their dashes."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Union, get_args, get_type_hints

from fernn.config import fitted, unknown_name
from tune.commands.search import refusing
from tune.core.study import StudyError
from tune.planning.options import Options

COMMAND = re.compile(r"python tune/[^;,]*|--(no-)?([a-z][a-z0-9-]*)")
"""A command, which stays as it is, or an option."""
REPEATED = ("search", "set", "objective", "constraint")
"""Options that may be given several times; one text is one of them."""


def options_from(keywords: Mapping[str, Any]) -> Options:
    """The options of a search, as its command line has them; raises StudyError in one line that names the keyword."""
    return Options(**grouped(get_type_hints(Options), keywords))


def grouped(kinds: Mapping[str, Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """A value of each kind by name: a dataclass of options built from its keywords, any other kind one keyword.

    Raises StudyError for a keyword that no kind has, or for a value of another type.
    """
    groups = {name: get_type_hints(kind) for name, kind in kinds.items() if is_dataclass(kind)}
    types = {option: kind for hints in groups.values() for option, kind in hints.items()}
    types |= {name: kind for name, kind in kinds.items() if name not in groups}
    for name in keywords:
        if name not in types:
            raise StudyError(unknown_name(name, types, kind="keyword"))
    values = {name: value_of(name, value, types[name]) for name, value in keywords.items()}
    built = {name: kinds[name](**_chosen(values, hints)) for name, hints in groups.items()}
    return built | _chosen(values, [name for name in kinds if name not in groups])


def _chosen(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def value_of(name: str, value: Any, kind: Any) -> Any:
    """The value as the option holds it; raises StudyError for another type. A list may be any iterable of numbers."""
    inner = [one for one in get_args(kind) if one is not NoneType] if NoneType in get_args(kind) else [kind]
    if value is None and inner != [kind]:
        return None
    with refusing(TypeError, ValueError):
        return fitted(name, _plain(name, value, Path in inner), Union[tuple(inner)])  # noqa: UP007  of a list


def _plain(name: str, value: Any, is_path: bool) -> Any:
    """NumPy's values as Python's own, paths as the option has them, and mappings as the command line's texts."""
    if name == "models" and not isinstance(value, str):
        return [_model_name(model) for model in value]
    if name in REPEATED:
        return _texts(name, value)
    if isinstance(value, str | os.PathLike):
        return Path(value) if is_path else os.fspath(value)
    return _own(value) if isinstance(value, Iterable) or hasattr(value, "tolist") else value


def _own(value: Any) -> Any:
    """A list of an iterable, and Python's number for one of NumPy or PyTorch."""
    return value.tolist() if hasattr(value, "tolist") else list(value)


def _model_name(model: Any) -> Any:
    """A model's name; of a class its module and name, since the module's source is part of what a cell is."""
    if not isinstance(model, type):
        return model
    if model.__module__ == "__main__":
        raise ValueError(
            f"models: the class {model.__qualname__} must be in a module, since its source decides which cells are the "
            f"same: save it as mine.py beside the notebook or script, and give models=['mine:{model.__qualname__}']"
        )
    return f"{model.__module__}:{model.__qualname__}"


def _texts(name: str, value: Any) -> Any:
    """FIELD=VALUE as the command line has it, from a mapping by field; or a text, or texts."""
    if not isinstance(value, Mapping):
        return [value] if isinstance(value, str) else value
    is_spec = name == "search"  # of which a text is a range, as "log:1e-5:1e-2"
    texts = {
        field: one if is_spec and isinstance(one, str) else json.dumps(one, default=_own)
        for field, one in value.items()
    }
    return [f"{field}={text}" for field, text in texts.items()]


@contextmanager
def speaking_python() -> Iterator[None]:
    """Raise a StudyError with keywords for the command line's options."""
    try:
        yield
    except StudyError as error:
        raise StudyError(with_keywords(str(error))) from error.__cause__


def with_keywords(text: str) -> str:
    """The text with keywords for options: "--max-price 3" is "max_price 3", "--no-download" is "download=False"."""

    def keyword(found: re.Match[str]) -> str:
        if found[2] is None:
            return found[0]
        name = found[2].replace("-", "_")
        return f"{name}=False" if found[1] else name

    return COMMAND.sub(keyword, text)
