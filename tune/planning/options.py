"""The command line of a search, and the grid, fields and sampler that it makes of a preset."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from data.terminal import options_of
from tune.core.given_weights import FIELD, weights_digest
from tune.core.search_spec import Preset
from tune.core.study import Space
from tune.planning.budget import Budgets
from tune.planning.notices import Notices

SAMPLER_NAMES = "tpe, cmaes, qmc, random or gp"
VELOCITY = "data.velocity_range"
OPTIONED = ("model", "optim.lr", "seed", VELOCITY)
"""Searched fields that have options of their own."""


def _default(text: str, metavar: str | None = None, aliases: tuple[str, ...] = ()) -> Any:
    """The help of an option whose default is None: the text names the effective default."""
    return tyro.conf.arg(metavar=metavar, aliases=aliases or None, help_behavior_hint=f"(default: {text})")


PRESETS = "the preset's"


@dataclass(frozen=True)
class Grid:
    """The cells: which models, learning rates and seeds, and how many epochs."""

    preset: Annotated[str, tyro.conf.arg(metavar="NAME")] = "paper"
    """paper: the grid of the paper's table. paper-exact: by the published code's choices too, where they are known.
    demo: a small grid on data that the command makes, minutes on two cores. The text above names the others."""
    models: Annotated[tuple[str, ...] | None, _default(PRESETS, "NAME ...")] = None
    """Models by name (KTH: fernn-v1, fernn-v2, grnn, grnn-plus, 3dcnn; fernn-v1-circular and fernn-v2-circular, whose
    embedding wraps as the flow does), or package.module:ConfigClass for one of your own."""
    lrs: Annotated[tuple[float, ...] | None, _default(PRESETS, "RATE ...")] = None
    """Learning rates of the grid."""
    seeds: Annotated[tuple[int, ...] | None, _default(PRESETS, "SEED ...")] = None
    """Seeds, 0 or more; every learning rate is trained with each."""
    epochs: Annotated[int | None, _default(PRESETS, "N")] = None
    """Epochs of a cell. With more epochs than before, training continues from the study's shorter cells."""
    search: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="FIELD=VALUES")] = ()
    """Any other field to search, as often as you like: optim.clip_norm=0.5,1 lists values, data.velocity_range=0..3
    whole numbers; optim.lr=log:1e-5:1e-2 and lin:LOW:HIGH are ranges for a sampler; grnn.model.hidden_channels=16,32
    is of one model alone. Values of data.* make rows of their own; of other fields validation chooses."""


@dataclass(frozen=True)
class Strategy:
    """Which choices of searched fields are tried, and for how long; by default all of the grid, to the last epoch."""

    sampler: Literal["grid", "tpe", "cmaes", "qmc", "random", "gp"] = "grid"
    """One of Optuna's samplers proposes choices for each model separately, four at a time, from the mean validation
    metric over the seeds of earlier ones: tpe (tree-structured Parzen estimator), cmaes (CMA-ES, for numbers), gp
    (Gaussian process). qmc (scrambled Sobol sequence) and random do not look at results."""
    num_samples: Annotated[int | None, _default("12", "N")] = None
    """With a sampler: how many choices each model tries in all."""
    lr_range: Annotated[tuple[float, float] | None, _default("from the preset's lowest to its highest", "LOW HIGH")] = (
        None
    )
    """With a sampler: the range of learning rates, sampled on a logarithmic scale."""
    warm_start: Annotated[str | None, _default("none", "STUDY")] = None
    """With tpe, gp or cmaes: another study, by its name in the storage or its folder, whose finished choices the
    sampler knows from the beginning; they are copied, and stand in no table."""
    objective: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="NAME")] = ()
    """What choices are compared by, as often as you like, in place of the validation metric: a metric that cells
    record, as validation/accuracy or time/gpu_seconds, num_parameters, or law_error; max: or min: before it says which
    values are better. Of the choices on the Pareto front the best by the first one is reported."""
    constraint: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="NAME<=NUMBER")] = ()
    """What a reported choice must meet in the mean over seeds, as law_error<=1e-3; >= as well, as often as you like."""
    scheduler: Literal["none", "halving", "asha", "race"] = "none"
    """halving (asha is its old name): synchronous successive halving. After 1/27, 1/9 and 1/3 of the epochs, but not
    before the third, a model continues with the third (rounded up) of its choices, as learning rates, that have the
    best mean validation metric over seeds; the others stop with all their seeds. race: seed after seed, and a choice
    that the leader beats on the seeds so far gets no further ones; needs three seeds. A decision is taken when all of
    a model have reached it, so the outcome does not depend on the speed of workers."""


@dataclass(frozen=True)
class Training:
    """How a cell is trained; a study's choices cannot be changed later."""

    batch_size: Annotated[int | None, _default(PRESETS, "N")] = None
    """Clips in a batch."""
    precision: Annotated[Literal["float32", "bf16"] | None, _default("float32", "{float32,bf16}")] = None
    """bf16: matrix products in bfloat16; weights and sums stay float32."""
    weights: Annotated[Path | None, _default("random weights", "FILE")] = None
    """Checkpoint from which training starts, a cell's best/model.safetensors, for models that can be fine-tuned."""
    set: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="FIELD=VALUE")] = ()
    """Any other field of the experiment by its dotted name, as in data.split=official or model.hidden_channels=64;
    for a field that the preset searches, all its values, as in model.inner_steps=[0,1,5]."""


@dataclass(frozen=True)
class Clips:
    """Where the clips come from, and how they move."""

    data: Annotated[str | None, _default("datasets/NAME", "DIR|URL")] = None
    """Folder of the prepared data; a missing resolution is prepared in it. Or the URL in a bucket to which
    data/upload.py has copied it, as s3://bucket/kth; each machine that reads it caches a copy by its hash."""
    videos: Annotated[Path | None, _default("they are downloaded", "DIR", aliases=("--files",))] = None
    """Folder with the original files on disk: KTH's videos, MNIST's four files or mnist.npz."""
    download: bool = True
    """Whether missing data may be downloaded."""
    data_velocity: Annotated[int | None, _default(PRESETS, "N")] = None
    """Velocities are drawn from V_N: up to N pixels per frame on each axis, or N steps of 10 degrees per frame."""
    protocol: Annotated[Literal["default", "published"] | None, _default("default", "{default,published}")] = None
    """published: annotations are read and velocities are drawn as in the published code."""


@dataclass(frozen=True)
class Records:
    """The study's name and the places of its records."""

    study: Annotated[str | None, _default("the data's name and the preset's", "NAME")] = None
    """Name of the study. The name of an existing study continues it or adds cells to it."""
    storage: Annotated[str, tyro.conf.arg(metavar="DIR|URL")] = "studies"
    """Where studies are kept: a folder, on a cluster one that every node has mounted, or a bucket as in
    s3://bucket/studies (AWS_ENDPOINT_URL names a server that is not Amazon's)."""
    tracking_uri: Annotated[str | None, _default("SQLite in the storage", "URI")] = None
    """MLflow server or database; required where the storage is a bucket."""
    optuna_storage: Annotated[str | None, _default("SQLite in the storage, none in a bucket", "URI")] = None
    """Database of Optuna's study, for optuna-dashboard: SQLite, PostgreSQL or MySQL."""


@dataclass(frozen=True)
class Cluster:
    """Where trials run, and the resources of each."""

    address: Annotated[str | None, _default("Ray is started on this machine", "ADDRESS")] = None
    """A running Ray cluster."""
    cpus_per_trial: Annotated[float, tyro.conf.arg(metavar="N")] = 1
    """CPUs of a trial, and its number of threads."""
    gpus_per_trial: Annotated[
        float | Literal["auto"] | None, _default("0.25 where the cluster has a GPU, else 0", "N|auto")
    ] = None
    """GPUs of a trial, a fraction to pack several on one. auto: measured for each model and kind of GPU before the
    search; without a GPU the CPUs of a trial are measured instead. A number holds for all kinds of GPU; the default is
    for the largest, and more on smaller ones. A trial that runs out of the GPU's memory continues with twice the
    share."""
    max_concurrent: Annotated[int | None, _default("as many as fit", "N")] = None
    """Most trials at the same time."""
    cuda_graphs: bool = True
    """On a GPU, whether a training step is recorded as a CUDA graph and launched at once; the numbers are the same."""
    price_per_gpu_hour: Annotated[float | None, _default("no price is shown", "PRICE")] = None
    """What an hour of a GPU costs, in any currency: the plan then shows the price of the search."""


@dataclass(frozen=True)
class Options:
    """All options of a search; without options it is the paper's search."""

    grid: Grid = Grid()
    strategy: Strategy = Strategy()
    training: Training = Training()
    clips: Clips = Clips()
    records: Records = Records()
    cluster: Cluster = Cluster()
    budget: Budgets = Budgets()
    notices: Notices = Notices()
    plan: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print what would run and its cost, and stop."""
    yes: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Do not ask before a search of the paper's size starts without a GPU."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print events and results as JSON, one object a line, instead of texts and tables."""


def parse(description: str) -> Options:
    """The options on the command line."""
    return options_of(Options, description=description, config=(tyro.conf.OmitArgPrefixes,))


def chosen_space(preset: Preset, options: Options) -> Space:
    """The preset's grid with the values that the user gave; raises ValueError for an empty dimension."""
    grid, velocity = options.grid, options.clips.data_velocity
    given: dict[str, Sequence[Any] | None] = {"model": grid.models, "optim.lr": grid.lrs, "seed": grid.seeds}
    if VELOCITY in preset.space and velocity is not None:
        given[VELOCITY] = (velocity,)
    for name, value in settings(options).items():
        if is_searched(preset, name):
            given[name] = tuple(value) if isinstance(value, list) else (value,)
    for option, values in (("--models", grid.models), ("--lrs", grid.lrs), ("--seeds", grid.seeds)):
        if values == ():
            raise ValueError(f"{option} must name at least one value, or be left out")
    return {**preset.space, **{name: values for name, values in given.items() if values is not None}}


def chosen_settings(preset: Preset, options: Options) -> dict[str, Any]:
    """The values of fields that the user gave, by an option or by ``--set``; raises ValueError without weights."""
    given: dict[str, Any] = {
        "epochs": options.grid.epochs,
        "batch_size": options.training.batch_size,
        "precision": options.training.precision,
        VELOCITY: None if VELOCITY in preset.space else options.clips.data_velocity,
        "data.protocol": options.clips.protocol,
    }
    if (path := options.training.weights) is not None:
        given[FIELD] = weights_digest(path)
    elif preset.finetunes:
        raise ValueError(f"--preset {options.grid.preset} starts from weights: give --weights FILE")
    elif settings(options).get("model.frozen_decoder"):
        raise ValueError("model.frozen_decoder keeps the decoder of given weights: give --weights FILE")
    named = {name: value for name, value in given.items() if value is not None}
    return named | {name: value for name, value in settings(options).items() if not is_searched(preset, name)}


def is_searched(preset: Preset, name: str) -> bool:
    """Whether ``--set`` gives the values of a searched field, one or a list of them."""
    return name in preset.space and name not in OPTIONED


def settings(options: Options) -> dict[str, Any]:
    """The values by ``--set``."""
    return dict(map(parse_setting, options.training.set))


def parse_setting(text: str) -> tuple[str, Any]:
    """``field=value`` as a name and a value; the value is JSON where it reads as JSON, else text."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ValueError(f"--set must read FIELD=VALUE, got {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
