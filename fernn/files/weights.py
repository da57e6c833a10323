"""Weights as people save them: inside a bundle, with the prefixes of wrappers, in any precision.

A bundle is a dict that has a state dict under some name, beside epoch, optimizer and the like, or has another
bundle. Of several state dicts the network's own comes first, its moving average after it: see :data:`NAMES`.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fernn.files.kinds import SAFETENSORS, UnreadableError, kind_of, require_content
from fernn.files.torch_files import load_torch

Place = tuple[str, ...]
Fits = Callable[[Collection[str]], bool]
"""Whether names of weights are those of the network that is wanted."""
NAMES = (
    "state_dict", "model_state_dict", "model_state", "model_dict", "model", "net", "network", "module", "weights",
    "params", "parameters",
)  # fmt: skip
"""Where a bundle has its weights, the first that is there; other names come after these."""
AVERAGED = r"(^|_)(ema|swa|avg|averaged?|shadow)(_|$)"
"""Names of moving averages, which come last."""
OTHERS = r"optim|sched|scaler|loss|metric|history|rng|callback|^opt$"
"""Names under which a bundle keeps other things than weights."""
WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Parts of names that DataParallel, torch.compile and others put before a network's own."""
COUNTED = "n_averaged"
"""What torch's AveragedModel keeps beside the weights."""
DEEPEST, MOST_PARTS, SHOWN = 4, 8, 6
RULE = "must be a state dict saved by torch.save or as safetensors"


class WeightsError(ValueError):
    """What is given has no weights that can be used; the message says what it must and does hold."""


@dataclass(frozen=True)
class LoadedWeights:
    """A state dict, and what was done to get it, for the user to read."""

    weights: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def read(path: Path) -> Any:
    """What a file of torch.save or safetensors holds; raises UnreadableError for any other, OSError for none."""
    require_content(path)
    if kind_of(path) != SAFETENSORS:
        return load_torch(path)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise UnreadableError("it cannot be read: it is cut short or damaged: get it again") from error


def weights_in(path: Path, fits: Fits = lambda names: True) -> LoadedWeights:
    """The state dict in a file, in single precision.

    Raises WeightsError where there is none that can be used, OSError for a file that cannot be opened.
    """
    try:
        return in_float32(unwrapped(read(path), fits))
    except WeightsError as error:
        raise WeightsError(f"{path} {error}") from error
    except UnreadableError as error:
        raise WeightsError(f"{path} {RULE}, {error}") from error


def unwrapped(content: Any, fits: Fits = lambda names: True) -> LoadedWeights:
    """The state dict in ``content``, without wrappers' prefixes, and without one behind which a network's names fit.

    What has another prefix, as Lightning keeps a loss's weights or a moving average, is left out. Raises WeightsError
    where there is none or no choice between several, and for weights that are no finite, dense numbers.
    """
    place, weights, left = _state_dict(content)
    weights, prefixes, others = _renamed(weights, fits)
    left = [*left, *map(repr, others)]
    notes = [f"the weights are those under {_quoted(place)}"] if place else []
    notes += [f"left out: {_few(left)}"] if left else []
    notes += [f"their names are read without {' and '.join(map(repr, prefixes))}"] if prefixes else []
    for name, weight in weights.items():
        _require_numbers(name, weight)
    return LoadedWeights({name: weight.detach() for name, weight in weights.items()}, tuple(notes))


def in_float32(loaded: LoadedWeights) -> LoadedWeights:
    """The same weights in single precision; integers stay. Raises WeightsError for numbers beyond it."""
    others = {name: w for name, w in loaded.weights.items() if w.is_floating_point() and w.dtype != torch.float32}
    if not others:
        return loaded
    single = {name: weight.float() for name, weight in others.items()}
    for name, weight in single.items():
        _require_numbers(name, weight, " in float32")
    kinds = sorted({str(weight.dtype).removeprefix("torch.") for weight in others.values()})
    note = f"{len(others)} tensors are turned from {' and '.join(kinds)} to float32"
    return LoadedWeights(loaded.weights | single, (*loaded.notes, note))


def _state_dict(content: Any) -> tuple[Place, Mapping[str, Tensor], list[str]]:
    """Where the state dict is, the state dict, and what beside it is no weight or another state dict."""
    candidates = sorted(_candidates(content, (), set()), key=lambda candidate: _rank(candidate[0]))
    if not candidates:
        return (), *_among_others(content)
    (place, weights), *others = candidates
    _require_first(place, [other for other, _ in others])
    return place, weights, [_quoted(other) for other, _ in others]


def _require_first(place: Place, others: Sequence[Place]) -> None:
    """Raise WeightsError where the names do not decide for ``place``, where it and another begin to differ."""
    for other in others:
        first, second = next((pair for pair in zip(place, other, strict=False) if pair[0] != pair[1]), ("", ""))
        if _order(first) >= _order(second):
            places = f"{_quoted(place)} and {_quoted(other)}"
            raise WeightsError(f"{RULE}, it holds several, {places}: save the one that is meant by itself")


def _among_others(content: Any) -> tuple[Mapping[str, Tensor], list[str]]:
    """Weights that stand side by side with other entries, and those."""
    if not isinstance(content, Mapping):
        raise WeightsError(f"{RULE}, it holds a {type(content).__name__}")
    weights = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not content:
        raise WeightsError(f"{RULE}, it holds no weights (an empty {type(content).__name__})")
    if not weights:
        names = _few([repr(name) for name in content])
        raise WeightsError(f"{RULE}, it holds a {type(content).__name__} of {names}: save model.state_dict()")
    return weights, [repr(name) for name in content if name not in weights]


def _candidates(content: Any, place: Place, seen: set[int]) -> Iterator[tuple[Place, Mapping[str, Tensor]]]:
    """Every state dict in a bundle, and where it is; each once, however often the file refers to it."""
    if isinstance(content, list | tuple):
        content = {f"[{number}]": value for number, value in enumerate(content)}
    elif id(content) in seen:
        return
    if not isinstance(content, Mapping) or len(place) > DEEPEST:
        return
    seen.add(id(content))
    if content and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()):
        yield place, content
        return
    names = [name for name in content if isinstance(name, str) and not re.search(OTHERS, name.lower())]
    for name in sorted(names, key=_order):
        yield from _candidates(content[name], (*place, name), seen)


def _rank(place: Place) -> tuple[int, ...]:
    return tuple(map(_order, place))


def _order(name: str) -> int:
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()  # modelEMA is model_ema
    if name in NAMES:
        return NAMES.index(name)
    return len(NAMES) + (re.search(AVERAGED, name) is not None)


def _renamed(weights: Mapping[str, Tensor], fits: Fits) -> tuple[dict[str, Tensor], list[str], list[str]]:
    """The weights by shorter names, the prefixes that were taken off, and the names of what is left out."""
    parts = {part for name in weights for part in name.split(".")}
    prefixes = [f"{part}." for part in WRAPPERS if part in parts]
    names = {name: ".".join(part for part in name.split(".") if part not in WRAPPERS) for name in weights}
    if len(set(names.values())) < len(names):
        raise WeightsError(f"{RULE}, without {' and '.join(map(repr, prefixes))} two of its names are the same")
    place = _place(names.values(), fits)
    prefix = "".join(f"{part}." for part in place)
    counted = f"{prefix}{COUNTED}" if "module." in prefixes else None
    own = {name: short for name, short in names.items() if short.startswith(prefix) and short != counted}
    renamed = {short.removeprefix(prefix): weights[name] for name, short in own.items()}
    return renamed, prefixes + [prefix] * bool(prefix), [name for name in weights if name not in own]


def _place(names: Collection[str], fits: Fits) -> Place:
    """The parts of the prefix behind which the network's names are; none where all names fit, or none do."""
    if fits(names):
        return ()
    behind: dict[Place, list[str]] = {}
    for name in names:
        parts = name.split(".", MOST_PARTS)
        for count in range(1, len(parts)):
            behind.setdefault(tuple(parts[:count]), []).append(".".join(parts[count:]))
    place, *others = sorted((place for place, rest in behind.items() if fits(rest)), key=_rank) or [()]
    _require_first(place, others)
    return place


def _require_numbers(name: str, weight: Tensor, precision: str = "") -> None:
    """Raise WeightsError for a weight that is no plain tensor of finite numbers."""
    if weight.layout != torch.strided or weight.is_quantized or weight.is_complex() or weight.is_meta:
        kind = "quantised" if weight.is_quantized else f"{weight.dtype}, {weight.layout}, on {weight.device}"
        raise WeightsError(f"must hold plain tensors of real numbers, {name!r} is {kind}")
    if weight.is_floating_point() and weight.dtype.itemsize == 1:
        raise WeightsError(f"must hold weights that are not quantised, {name!r} is {weight.dtype}")
    if not (finite := torch.isfinite(weight)).all():
        count = weight.numel() - int(finite.sum())
        raise WeightsError(
            f"must hold finite numbers{precision}, {count} of {weight.numel()} in {name!r} are NaN or infinite"
        )


def _quoted(place: Place) -> str:
    return repr(".".join(place))


def _few(names: Sequence[str]) -> str:
    return f"{', '.join(names[:SHOWN])}{f' and {len(names) - SHOWN} more' if len(names) > SHOWN else ''}"
