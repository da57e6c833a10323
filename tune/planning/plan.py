"""From options to a study: its cells, its data, and what of both is there."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from data.bucket import at_hand, is_bucket
from data.errors import DownloadError
from data.files import full_path
from data.manifest import MANIFEST, Manifest
from data.progress import say
from data.registry import data_set, read_corpus
from data.stream import Corpus
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
    """A study and where its data is; without a manifest the data is not prepared yet."""

    study: Study
    home: Path
    manifest: Manifest | None
    first: str = ""
    """Of data that is not prepared yet: what a run does first."""

    def corpus(self) -> Corpus:
        """The clips of the data."""
        assert self.manifest is not None
        return read_corpus(self.study.cells[0].experiment.data, self.home, self.manifest)

    def num_clips(self, data: DataConfig) -> Mapping[str, int]:
        """How many clips each split has: as prepared, or as the whole data set is known to have."""
        return data_set(data.name).num_clips(data, self.manifest, self.study.demo)


def plan(search: Search, options: Options) -> Planned:
    """The study that the options describe, on data that is ready; else on data that is still to be brought."""
    check_storage_name(options.records.storage)
    import_models(options.grid.models or (), options.records.storage)
    if options.grid.preset not in search.presets:
        known = ", ".join(search.presets)
        raise StudyError(f"--preset must be one of {known} in this search, got {options.grid.preset!r}")
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
    """The study after a round: a sampler may have more to propose."""
    assert planned.manifest is not None
    study, known = make_study(search, options, planned.manifest.hash), planned.study
    study = replace(study, demo=known.demo, stand_in=known.stand_in, partial=known.partial)
    return replace(study, data=known.data, code=known.code)


def make_study(search: Search, options: Options, data_hash: str) -> Study:
    """The study's name, folder, space and cells."""
    preset = search.presets[options.grid.preset]
    space, sampler = chosen_space(preset, options), chosen_sampler(preset, options)
    given = options.records.study
    name = f"{search.base.data.name}-{options.grid.preset}" if given is None else given
    check_study_name(name)
    folder, scheduler = (Folder(options.records.storage) / name).as_root(), str(options.strategy.scheduler)
    scheduler = SCHEDULER_NAMES.get(scheduler, scheduler)
    study = Study(name, folder, space, (), preset.demo, scheduler=scheduler)
    settings = chosen_settings(preset, options)

    def cells_of(space: Space) -> tuple[Cell, ...]:
        return plan_cells(search.base, space, data_hash, preset.defaults, settings)

    return replace(study, cells=cells_of(space)) if sampler is None else with_rates(study, sampler, cells_of)


def with_rates(study: Study, sampler: Sampler, cells_of: Callable[[Space], tuple[Cell, ...]]) -> Study:
    """The study with the learning rates that its models have tried and are to try now."""
    at = partial(_space_at, study.space)
    labels = list(dict.fromkeys(study.model_label(cell) for cell in cells_of(at([sampler.lr_range[0]]))))
    tried = {label: _tried(study, label) for label in labels}
    known = cells_of(at(_union(tried))) if any(tried.values()) else ()
    rates = {label: sampler.plan(label, rate_values(study, known, label, tried[label])) for label in labels}
    space, mine = at(_union(rates)), [(label, rate) for label in labels for rate in rates[label]]
    cells = tuple(c for c in cells_of(space) if (study.model_label(c), c.experiment.optim.lr) in mine)
    study = replace(study, space=space, cells=cells, sampling=sampler.facts())
    return replace(study, num_to_come=num_to_come(study))


def _space_at(space: Space, rates: list[float]) -> Space:
    return {**space, "optim.lr": tuple(rates)}


def _union(rates: dict[str, list[float]]) -> list[float]:
    return list(dict.fromkeys(rate for mine in rates.values() for rate in mine))


def _tried(study: Study, label: str) -> list[float]:
    """The learning rates that the study's folder has of a model, in the order in which they came."""
    if study.folder.read(STUDY_FILE) is None:
        return []
    known = load_study(study.folder)
    mine = {cell.experiment.optim.lr for cell in known.cells if known.model_label(cell) == label}
    return [rate for rate in known.space["optim.lr"] if rate in mine]


def rate_values(study: Study, cells: tuple[Cell, ...], label: str, rates: list[float]) -> dict[float, float | None]:
    """How each learning rate's mean validation metric over seeds ranks, None where a seed has none yet.

    A seed that was stopped before its first epoch, with the others of its learning rate, does not count.
    """
    found: dict[float, float | None] = {}
    for rate in rates:
        mine = [c for c in cells if study.model_label(c) == label and c.experiment.optim.lr == rate]
        begun = [cell for cell in mine if not stopped_at_once(study, cell)]
        values = [study.value(cell) for cell in begun]
        known = [value for value in values if value is not None]
        found[rate] = (
            cells[0].metric.rank(mean_and_deviation(known)[0]) if known and len(known) == len(values) else None
        )
    return found


def stopped_at_once(study: Study, cell: Cell) -> bool:
    """Whether the cell was stopped before its first epoch."""
    folder = study.cell_folder(cell)
    return study.settled(cell) and not folder.history() and not folder.diverged()


def data_address(data: DataConfig, preset: Preset, options: Options) -> str:
    """The folder or the bucket's URL in which the prepared clips of the data's config are, or are to be."""
    given = options.clips.data
    if given is not None and is_bucket(given):
        return address_in(given, data)
    return str(data_set(data.name).folder_of(data_folder(data, preset, options), data))


def data_folder(data: DataConfig, preset: Preset, options: Options) -> Path:
    """Where data of every size is kept; a folder of one size is taken for the one above it."""
    given, dataset = options.clips.data, data_set(data.name)
    if given is not None:
        path = full_path(given)
        return path.parent if (path / MANIFEST).exists() else path
    real = Path("datasets") / dataset.folder
    return Path("datasets") / f"{dataset.folder}-demo" if renders(data, preset, real, options) else real


def renders(data: DataConfig, preset: Preset, real: Path, options: Options) -> bool:
    """Whether the search is a demo that has to make its data: some take the real data where that is on disk."""
    dataset = data_set(data.name)
    on_disk = options.clips.videos is not None or dataset.folder_of(real, data).exists()
    return preset.demo and not (dataset.demo_may_be_real and on_disk)


def check_resolution(data: DataConfig, folder: Path, preset: Preset, options: Options) -> None:
    """Raises StudyError where the folder has clips of another resolution alone, and no videos to make them from."""
    if not data_set(data.name).has_sizes:
        return
    sizes = sorted(Manifest.read(path.parent).size for path in folder.glob(f"*/{MANIFEST}"))
    if sizes and not preset.demo and options.clips.videos is None and not (folder / "raw/videos").exists():
        known = " and ".join(f"{size}x{size}" for size in sizes)
        raise StudyError(
            f"data.size is {data.size}, but {folder} has clips of {known}: give --set data.size={sizes[0]}, "
            f"or --videos DIR to make clips of {data.size}x{data.size} from"
        )


def first_step(data: DataConfig, home: Path, preset: Preset, options: Options) -> str:
    """How a run makes the data in ``home``, in words; raises StudyError where it cannot."""
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
    """Raises StudyError where the data's folder is not there and cannot be made."""
    above = next(path for path in home.absolute().parents if os.path.lexists(path))
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        why = "cannot be written" if above.is_dir() else "is no folder"
        way_out = "name the folder that has it, or one that can be made" if given else "give --data DIR"
        raise StudyError(
            f"--data must be a folder with the data, or for it: there is no {home}, and {above} {why}: {way_out}"
        )


def _resembling(folder: Path) -> str:
    """A hint at the folder beside it that may have been meant."""
    is_readable = folder.parent.is_dir() and os.access(folder.parent, os.R_OK)
    beside = [path.name for path in folder.parent.iterdir() if path.is_dir()] if is_readable else []
    return "".join(f" (did you mean {folder.parent / name}?)" for name in nearest(folder.name, beside))


def prepare_data(search: Search, planned: Planned, options: Options) -> Planned:
    """The plan on data that was rendered, read from disk or downloaded."""
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
