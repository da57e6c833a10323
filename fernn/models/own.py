"""Models of a user's own: imported where the user names them, plain values where only a file does.

A file never leads to code: what it says of such a model is read into a :class:`StoredConfig`, from which no network
can be built. :func:`import_model` brings the class in, when the user has named it.
"""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

from torch import nn

from fernn.config import unknown_name
from fernn.models.base import ModelConfig

NAMED: dict[str, ModelConfig] = {}
"""The models of a user's own that were named in this process."""


class UnnamedModelError(ValueError):
    """A model of a user's own whose class is needed, and which the user has not named."""


@dataclass(frozen=True)
class StoredConfig(ModelConfig):
    """The fields of a user's own model as a file holds them, without its class."""

    values: tuple[tuple[str, Any], ...] = ()
    """The other fields by name."""

    def __post_init__(self) -> None:
        require_own_name(self.name)

    @classmethod
    def of(cls, name: str, values: Mapping[str, Any]) -> Self:
        """The config with values as JSON has them; raises TypeError for one that no field can have."""
        return cls(name, tuple((field, _frozen(field, value)) for field, value in values.items()))

    def flatten(self, *, for_record: bool = False) -> dict[str, Any]:
        """Every field by name."""
        return {"name": self.name, **dict(self.values)}

    def override(self, values: Mapping[str, Any]) -> Self:
        """A copy with the named fields changed; raises KeyError for a name that does not exist."""
        fields = dict(self.values)
        for name in values:
            if name not in fields:
                raise KeyError(unknown_name(name, fields, kind="field"))
        return replace(self, values=tuple({**fields, **values}.items()))

    def build(self, **shape: int) -> nn.Module:
        """Raises UnnamedModelError: there is no class to build from."""
        raise UnnamedModelError(how_to_name(self.name))


def named_config(name: str) -> ModelConfig:
    """The config of a user's own model that was named; raises UnnamedModelError for another."""
    if name not in NAMED:
        require_own_name(name)
        raise UnnamedModelError(how_to_name(name))
    return NAMED[name]


def how_to_name(name: str) -> str:
    """What a user does who wants the network of a model of their own."""
    if name in NAMED:
        return (
            f"model {name!r} is not what these cells were trained with: its module has changed since, bring that back"
        )
    return (
        f"model {name!r} is a user's own, and no file of a study leads to code: name it yourself, with "
        f"--models {name} or models=[{name!r}]"
    )


def _frozen(field: str, value: Any) -> Any:
    """Lists as tuples, so that configs compare and hash as others do."""
    if isinstance(value, list | tuple):
        return tuple(_frozen(field, item) for item in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{field} must be a number, a text or a list of them, got {value!r:.80}")


def require_own_name(name: str) -> None:
    """ValueError for a name that does not read package.module:ConfigClass."""
    parts = name.replace(":", ".", 1).split(".")
    if name.count(":") != 1 or not all(part.isidentifier() for part in parts):
        raise ValueError(f"a model of your own must be named package.module:ConfigClass, got {name!r:.80}")


def import_model(name: str, outside: Iterable[str | Path] = ()) -> ModelConfig:
    """The config that "package.module:ConfigClass" names, imported; files may name it from now on.

    The module is imported from where Python finds it, the current folder at last, and never from a folder in
    ``outside``. Raises ValueError for a name that leads to no config.
    """
    require_own_name(name)
    folders = [Path(folder).resolve() for folder in outside]
    module, _, attribute = name.partition(":")
    try:
        with _path_without(folders):
            kind = getattr(_module(module, folders), attribute)
    except Exception as error:  # a user's module may raise anything
        hidden = f"; not looked for in {Path.cwd()}, where studies are kept" if _is_inside(".", folders) else ""
        reason = f"model {name!r} cannot be imported ({error}{hidden})"
        raise ValueError(f"{reason}: install it, or run from its folder") from error
    return name_model(name, kind)


def name_model(name: str, kind: Any) -> ModelConfig:
    """The config of the class ``kind``, registered as ``name``; raises ValueError where it is no config's class."""
    if not (isinstance(kind, type) and issubclass(kind, ModelConfig)):
        raise ValueError(f"model {name!r} must be a class derived from fernn.models.ModelConfig, got {kind!r}")
    try:
        config = kind()  # type: ignore[call-arg]
        NAMED[name] = replace(config.override(config.flatten()), name=name)  # 0 becomes 0.0 where a float stands
    except TypeError as error:
        raise ValueError(f"model {name!r} must have a default for every field: {error}") from error
    return NAMED[name]


def _module(name: str, folders: Sequence[Path]) -> Any:
    """The module, each package above it looked at before it is imported."""
    for dotted in accumulate(name.split("."), "{}.{}".format):
        spec = None if dotted in sys.modules else find_spec(dotted)
        places = [] if spec is None else [*(spec.submodule_search_locations or ()), spec.origin]
        for place in filter(None, places):
            if _is_inside(place, folders):
                raise ImportError(f"{place} is among the studies, whose files are never imported: keep it elsewhere")
        import_module(dotted)
    return sys.modules[name]


def _is_inside(place: str | Path, folders: Sequence[Path]) -> bool:
    where = Path(place).resolve()
    is_installed = any(where.is_relative_to(Path(prefix).resolve()) for prefix in (sys.prefix, sys.base_prefix))
    return not is_installed and any(where.is_relative_to(folder) for folder in folders)


@contextmanager
def _path_without(folders: Sequence[Path]) -> Iterator[None]:
    """Python's path with the current folder at its end; folders in ``folders`` are off it while the import lasts."""
    if os.getcwd() not in sys.path and not _is_inside(".", folders):
        sys.path.append(os.getcwd())
    hidden = [entry for entry in sys.path if _is_inside(entry or ".", folders)]
    sys.path[:] = [entry for entry in sys.path if entry not in hidden]
    try:
        yield
    finally:
        sys.path.extend(hidden)


def source_hash(name: str) -> str:
    """SHA-256 of the module that "package.module:ConfigClass" names; nothing for a registered model."""
    path = getattr(sys.modules.get(name.partition(":")[0]), "__file__", None) if name in NAMED else None
    return "" if path is None or not Path(path).is_file() else hashlib.sha256(Path(path).read_bytes()).hexdigest()
