"""What a search file declares, what a user can choose, and the grid and fields that both make."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from fernn.experiment import Experiment
from tune.study import Settings, Space

DEFAULT_GPUS = 0.25
"""The share of a GPU that a trial holds where there is one and the user does not say."""


@dataclass(frozen=True)
class Preset:
    """A named set of defaults: the grid, fields that differ from the base, and whose data it is."""

    space: Space
    defaults: Settings = field(default_factory=dict)
    demo: bool = False


@dataclass(frozen=True)
class Published:
    """A published test accuracy, mean ± deviation: where it was read, and how far it can be relied on."""

    mean: float
    deviation: float
    source: str
    certainty: str


@dataclass(frozen=True)
class Search:
    """What a search file declares."""

    base: Experiment
    presets: Mapping[str, Preset]
    description: str
    published: Mapping[str, Published] = field(default_factory=dict)
    """The published table by model; a model without an entry has no number that could be found."""


@dataclass(frozen=True)
class Options:
    """What a user can choose; without any option the search is the paper's."""

    preset: Literal["paper", "demo"] = "paper"
    """The paper's grid, or a small one on rendered videos that takes three minutes on two cores."""
    models: tuple[str, ...] | None = None
    """Models by name."""
    lrs: tuple[float, ...] | None = None
    """Learning rates."""
    seeds: tuple[int, ...] | None = None
    epochs: int | None = None
    batch_size: int | None = None
    precision: Literal["float32", "bf16"] | None = None
    data: Path | None = None
    """Folder of the prepared data; by default datasets/NAME here. It is filled where it is empty."""
    videos: Path | None = None
    """Folder with the videos on disk, instead of a download."""
    download: bool = True
    """Whether data that is not there may be downloaded."""
    data_velocity: int | None = None
    """Every clip drifts with up to this many pixels per frame on each axis."""
    protocol: Literal["default", "published"] | None = None
    """How annotations are read and velocities drawn; "published" repeats the published code."""
    study: str | None = None
    """Name of the study; by default the preset's name after the search's."""
    storage: str = "studies"
    """Folder in which studies are kept."""
    tracking_uri: str | None = None
    """MLflow server or database; by default SQLite inside the storage."""
    address: str | None = None
    """A running Ray cluster; by default Ray is started on this machine."""
    cpus_per_trial: float = 1
    gpus_per_trial: float | None = None
    """By default a quarter of a GPU where the cluster has one, else none."""
    max_concurrent: int | None = None
    plan: bool = False
    """Say what would run, and stop."""
    set: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="FIELD=VALUE")] = ()
    """Any other field of the experiment by its dotted name, as in data.split=official; may be repeated."""


def chosen_space(preset: Preset, options: Options) -> Space:
    """The preset's grid, with the dimensions that the user gave."""
    given = {"model": options.models, "optim.lr": options.lrs, "seed": options.seeds}
    return {**preset.space, **{name: values for name, values in given.items() if values is not None}}


def gpu_share(options: Options, num_gpus: float) -> float:
    """The part of a GPU that a trial holds where there are so many GPUs."""
    if options.gpus_per_trial is not None:
        return options.gpus_per_trial
    return DEFAULT_GPUS if num_gpus else 0.0


def chosen_settings(options: Options) -> dict[str, Any]:
    """The fields that the user gave, by an option of their own or by ``--set``."""
    given = {
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "precision": options.precision,
        "data.velocity_range": options.data_velocity,
        "data.protocol": options.protocol,
    }
    named = {name: value for name, value in given.items() if value is not None}
    return {**named, **dict(parse_setting(text) for text in options.set)}


def parse_setting(text: str) -> tuple[str, Any]:
    """``field=value`` as a name and a value; the value is JSON where it reads as JSON, else text."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ValueError(f"--set must read FIELD=VALUE, got {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
