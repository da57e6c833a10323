"""The plan of a search: the study that the options describe, and its data or the way to get it."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from data.bucket import at_hand, is_bucket
from data.errors import DownloadError
from data.files import full_path
from data.manifest import MANIFEST, Manifest
from data.registry import data_set, read_corpus
from data.stream import Corpus
from data.terminal import say
from fernn.config import DataConfig, nearest
from tune.analysis.statistics import mean_and_deviation
from tune.core.data_source import address_in, verified
from tune.core.folder import Folder, check_storage_name
from tune.core.identity import STUDY_FILE
from tune.core.protocol import check_plan, import_models, load_study, num_to_come
from tune.core.search_spec import Preset, Search
from tune.core.study import SCHEDULER_NAMES, Cell, Space, Study, StudyError, check_study_name, plan_cells
from tune.planning.options import Options, chosen_sampler, chosen_settings, chosen_space
from tune.planning.tpe import Sampler


@dataclass(frozen=True)
class Planned:
    """A study and the folder of its data; without a manifest the data is not prepared yet."""

    study: Study
    home: Path
    manifest: Manifest | None
    first: str = ""
    """What a run does first to get the data, in words; empty where the data is prepared."""

    def corpus(self) -> Corpus:
        """The prepared clips."""
        assert self.manifest is not None
        return read_corpus(self.study.cells[0].experiment.data, self.home, self.manifest)

    def num_clips(self, data: DataConfig) -> Mapping[str, int]:
        """The number of clips of each split, as prepared or as in the whole data set."""
        return data_set(data.name).num_clips(data, self.manifest, self.study.demo)


def plan(search: Search, options: Options) -> Planned:
    """The study that the options describe, on its prepared data, or with the way to get the data.

    Raises StudyError, DataError, KeyError, TypeError or ValueError for options that cannot be carried out.
    """
    check_storage_name(options.records.storage)
    import_models(options.grid.models or (), options.records.storage)
    if options.grid.preset not in search.presets:
        presets = ", ".join(search.presets)
        raise StudyError(f"--preset must be one of {presets} in this search, got {options.grid.preset!r}")
    preset, sketch = search.presets[options.grid.preset], make_study(search, options, "")
    data = sketch.cells[0].experiment.data
    dataset = data_set(data.name)
    if preset.demo and options.clips.videos is not None and not dataset.demo_may_be_real:
        raise StudyError("--videos goes with --preset paper: the demo renders its own")
    if options.clips.videos is not None and not full_path(options.clips.videos).exists():
        raise StudyError(f"--videos must name files that are there, {options.clips.videos} is not")
    address = data_address(data, preset, options)
    home = at_hand(address)
    if not home.exists():
        check_resolution(data, home.parent, preset, options)
        check_plan(sketch)
        return Planned(sketch, home, None, first_step(data, home, preset, options))
    manifest = verified(home)
    if options.clips.videos is not None:
        dataset.require_same(home, manifest, options.clips.videos)
    manifest = replace(manifest, demo=preset.demo) if dataset.is_generated else manifest
    study = make_study(search, options, manifest.hash)
    check_plan(study)
    absent = (*manifest.missing, *(entry.name for entry in manifest.skipped))
    study = replace(study, demo=manifest.demo, stand_in=dataset.stand_in(manifest), partial=absent, data=address)
    return Planned(study, home, manifest)


def replan(search: Search, planned: Planned, options: Options) -> Study:
    """The study after a round, with the next learning rates of its sampler."""
    assert planned.manifest is not None
    study, before = make_study(search, options, planned.manifest.hash), planned.study
    study = replace(study, demo=before.demo, stand_in=before.stand_in, partial=before.partial)
    return replace(study, data=before.data, code=before.code)


def make_study(search: Search, options: Options, data_hash: str) -> Study:
    """The study with its name, folder, space and cells on data of that hash; raises errors as :func:`plan` does."""
    preset = search.presets[options.grid.preset]
    space, sampler = chosen_space(preset, options), chosen_sampler(preset, options)
    given = options.records.study
    name = f"{search.base.data.name}-{options.grid.preset}" if given is None else given
    check_study_name(name)
    scheduler = SCHEDULER_NAMES.get(options.strategy.scheduler, options.strategy.scheduler)
    folder = (Folder(options.records.storage) / name).as_root()
    study = Study(name, folder, space, (), preset.demo, scheduler=scheduler)
    settings = chosen_settings(preset, options)

    def cells_of(space: Space) -> tuple[Cell, ...]:
        return plan_cells(search.base, space, data_hash, preset.defaults, settings)

    return replace(study, cells=cells_of(space)) if sampler is None else with_rates(study, sampler, cells_of)


def with_rates(study: Study, sampler: Sampler, cells_of: Callable[[Space], tuple[Cell, ...]]) -> Study:
    """The study with the learning rates that its models have tried and the sampler's next round."""

    def space_at(rates: Iterable[float]) -> Space:
        return {**study.space, "optim.lr": tuple(dict.fromkeys(rates))}

    labels = list(dict.fromkeys(study.model_label(cell) for cell in cells_of(space_at(sampler.lr_range[:1]))))
    tried = {label: _tried(study, label) for label in labels}
    tried_cells = cells_of(space_at(chain(*tried.values()))) if any(tried.values()) else ()
    rates = {label: sampler.plan(label, rate_values(study, tried_cells, label, tried[label])) for label in labels}
    space = space_at(chain(*rates.values()))
    cells = tuple(cell for cell in cells_of(space) if cell.experiment.optim.lr in rates[study.model_label(cell)])
    study = replace(study, space=space, cells=cells, sampling=sampler.facts())
    return replace(study, num_to_come=num_to_come(study))


def _tried(study: Study, label: str) -> list[float]:
    """The learning rates of a model in the study's folder, in the order in which they were added."""
    if study.folder.read(STUDY_FILE) is None:
        return []
    saved = load_study(study.folder)
    rates = {cell.experiment.optim.lr for cell in saved.cells if saved.model_label(cell) == label}
    return [rate for rate in saved.space["optim.lr"] if rate in rates]


def rate_values(study: Study, cells: tuple[Cell, ...], label: str, rates: list[float]) -> dict[float, float | None]:
    """Each learning rate's mean validation metric over seeds, negated where lower is better; None until all have one.

    A seed that was stopped before its first epoch, with the others of its learning rate, does not count.
    """
    ranks: dict[float, float | None] = {}
    for rate in rates:
        of_rate = [cell for cell in cells if study.model_label(cell) == label and cell.experiment.optim.lr == rate]
        values = [study.value(cell) for cell in of_rate if not _stopped_untrained(study, cell)]
        known = [value for value in values if value is not None]
        is_complete = bool(known) and len(known) == len(values)
        ranks[rate] = cells[0].metric.rank(mean_and_deviation(known)[0]) if is_complete else None
    return ranks


def _stopped_untrained(study: Study, cell: Cell) -> bool:
    folder = study.cell_folder(cell)
    return study.settled(cell) and not folder.history() and not folder.diverged()


def data_address(data: DataConfig, preset: Preset, options: Options) -> str:
    """The folder or URL of the prepared clips of the data's config, which may not exist yet."""
    given = options.clips.data
    if given is not None and is_bucket(given):
        return address_in(given, data)
    return str(data_set(data.name).folder_of(data_folder(data, preset, options), data))


def data_folder(data: DataConfig, preset: Preset, options: Options) -> Path:
    """The folder that holds the data in every resolution; for the folder of one resolution, the folder above it."""
    given, dataset = options.clips.data, data_set(data.name)
    if given is not None:
        path = full_path(given)
        return path.parent if (path / MANIFEST).exists() else path
    real = Path("datasets") / dataset.folder
    return Path("datasets") / f"{dataset.folder}-demo" if renders(data, preset, real, options) else real


def renders(data: DataConfig, preset: Preset, real: Path, options: Options) -> bool:
    """Whether the search is a demo that makes its own data; some demos use real data where it is on disk."""
    dataset = data_set(data.name)
    on_disk = options.clips.videos is not None or dataset.folder_of(real, data).exists()
    return preset.demo and not (dataset.demo_may_be_real and on_disk)


def check_resolution(data: DataConfig, folder: Path, preset: Preset, options: Options) -> None:
    """Raises StudyError where the folder has only clips of other resolutions and no videos to prepare them from."""
    if not data_set(data.name).has_sizes:
        return
    sizes = sorted(Manifest.read(path.parent).size for path in folder.glob(f"*/{MANIFEST}"))
    if sizes and not preset.demo and options.clips.videos is None and not (folder / "raw/videos").exists():
        resolutions = " and ".join(f"{size}x{size}" for size in sizes)
        raise StudyError(
            f"data.size is {data.size}, but {folder} has clips of {resolutions}: give --set data.size={sizes[0]}, "
            f"or --videos DIR to make clips of {data.size}x{data.size} from"
        )


def first_step(data: DataConfig, home: Path, preset: Preset, options: Options) -> str:
    """How a run gets the data into ``home``, in words; raises StudyError where it cannot."""
    folder, dataset, clips = data_folder(data, preset, options), data_set(data.name), options.clips
    check_data_folder(home, clips.data)
    lacking = "" if clips.data is None or folder.is_dir() else f"makes {folder}{_resembling(folder)} and "
    if renders(data, preset, folder, options) or dataset.is_generated:
        return f"{lacking}generates the data there"
    if clips.videos is not None:
        return f"{lacking}prepares it there from {clips.videos}"
    if not clips.download:
        raise StudyError(f"{home} has no data: drop --no-download, or give --videos DIR or --preset demo")
    if not dataset.download:
        return "needs --files DIR, since this data is not downloaded"
    return f"{lacking}downloads {dataset.download} to {folder}"


def check_data_folder(home: Path, given: str | None) -> None:
    """Raises StudyError where the data's folder does not exist and cannot be created."""
    above = next(path for path in home.absolute().parents if os.path.lexists(path))
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        why = "cannot be written" if above.is_dir() else "is no folder"
        way_out = "name the folder that has it, or one that can be made" if given else "give --data DIR"
        raise StudyError(
            f"--data must be a folder with the data, or for it: there is no {home}, and {above} {why}: {way_out}"
        )


def _resembling(folder: Path) -> str:
    """A hint at a folder beside it with a similar name."""
    is_readable = folder.parent.is_dir() and os.access(folder.parent, os.R_OK)
    beside = [path.name for path in folder.parent.iterdir() if path.is_dir()] if is_readable else []
    return "".join(f" (did you mean {folder.parent / name}?)" for name in nearest(folder.name, beside))


def prepare_data(search: Search, planned: Planned, options: Options) -> Planned:
    """Render, read from disk or download the data; then the plan on it. Raises StudyError or DataError."""
    preset, data = search.presets[options.grid.preset], planned.study.cells[0].experiment.data
    folder, dataset, clips = data_folder(data, preset, options), data_set(data.name), options.clips
    if planned.first:
        say(f"there is no data in {planned.home} yet: the search {planned.first}")
    if renders(data, preset, folder, options):
        dataset.prepare_demo(folder, data)
    else:
        try:
            dataset.prepare(folder, data, clips.videos)
        except DownloadError as error:
            raise StudyError(f"{error}; or try the search without them: --preset demo") from error
    return plan(search, replace(options, clips=replace(clips, videos=None)))
