"""The plan of a search: the study that the options describe, and its data or the way to get it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from data.bucket import at_hand, is_bucket
from data.errors import DownloadError
from data.files import full_path
from data.manifest import MANIFEST, Manifest
from data.registry import data_set
from data.stream import Corpus
from data.terminal import say
from fernn.config import DataConfig, nearest
from fernn.train.run import task_of
from tune.core.clips import address_in
from tune.core.folder import Folder, check_storage_name
from tune.core.protocol import check_plan, import_models
from tune.core.search_spec import Preset, Search
from tune.core.study import RACE, SCHEDULER_NAMES, Study, StudyError, check_study_name
from tune.planning.choices import with_choices
from tune.planning.options import Options, chosen_settings
from tune.planning.race import looks
from tune.planning.space import check_goals, chosen_sampler, search_space
from tune.planning.warm_start import foreign_points


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
        return data_set(self.study.cells[0].experiment.data.name).read(self.home, self.manifest)

    def num_clips(self, data: DataConfig) -> Mapping[str, int]:
        """The number of clips of each split, as prepared or as in the whole data set."""
        return data_set(data.name).num_clips(data, self.manifest, self.study.demo)


def plan(search: Search, options: Options) -> Planned:
    """The study that the options describe, on its prepared data, or with the way to get the data.

    Raises StudyError, DataError, KeyError, TypeError or ValueError for options that cannot be carried out.
    """
    check_storage_name(options.records.storage)
    import_models(options.grid.models or (), options.records.storage)
    sketch = make_study(search, options, "")
    preset, data, videos = search.presets[options.grid.preset], sketch.cells[0].experiment.data, options.clips.videos
    dataset = data_set(data.name)
    if videos is not None and preset.demo and not dataset.demo_may_be_real:
        raise StudyError("--videos goes with --preset paper: the demo renders its own")
    if videos is not None and not full_path(videos).exists():
        raise StudyError(f"--videos must name files that are there, {videos} is not")
    address = data_address(data, preset, options)
    home = at_hand(address)
    if not home.exists():
        check_resolution(data, home.parent, preset, options)
        check_plan(sketch)
        return Planned(sketch, home, None, first_step(data, home, preset, options))
    manifest = Manifest.read(home).verify(home)
    if videos is not None:
        dataset.require_same(home, manifest, videos)
    manifest = replace(manifest, demo=preset.demo) if dataset.is_generated else manifest
    study = make_study(search, options, manifest.hash)
    check_plan(study)
    absent = (*manifest.missing, *(entry.name for entry in manifest.skipped))
    study = replace(study, demo=manifest.demo, stand_in=dataset.stand_in(manifest), partial=absent, data=address)
    return Planned(study, home, manifest)


def replan(search: Search, planned: Planned, options: Options) -> Study:
    """The study after a round, with the next choices of its sampler."""
    assert planned.manifest is not None
    grown = make_study(search, options, planned.manifest.hash)
    return replace(planned.study, space=grown.space, cells=grown.cells, proposed=grown.proposed)


def make_study(search: Search, options: Options, data_hash: str) -> Study:
    """The study with its name, folder, space and cells on data of that hash; raises errors as :func:`plan` does."""
    if options.grid.preset not in search.presets:
        presets = ", ".join(search.presets)
        raise StudyError(f"--preset must be one of {presets} in this search, got {options.grid.preset!r}")
    preset, given = search.presets[options.grid.preset], options.records.study
    settings = chosen_settings(preset, options)
    searched = search_space(preset, search.base, options, settings)
    sampler = chosen_sampler(options, searched)
    metric = task_of(next(iter(searched.experiments.values())).data).metric
    check_goals(options, metric)
    name = f"{search.base.data.name}-{options.grid.preset}" if given is None else given
    check_study_name(name)
    scheduler = SCHEDULER_NAMES.get(options.strategy.scheduler, options.strategy.scheduler)
    if scheduler == RACE and not looks(num_seeds := len(searched.space["seed"])):
        raise StudyError(f"--scheduler race needs three seeds or more to save any, --seeds names {num_seeds}")
    folder = (Folder(options.records.storage) / name).as_root()
    study = Study(name, folder, searched.space, (), preset.demo, scheduler=scheduler, tuned=searched.tuned)
    study = replace(study, objectives=options.strategy.objective, constraints=options.strategy.constraint)
    cells_at = partial(preset.cells_at, search.base, data_hash=data_hash, settings=settings)
    if sampler is None:
        if options.strategy.warm_start is not None:
            raise StudyError("--warm-start goes with --sampler tpe, gp or cmaes: a grid proposes nothing")
        return replace(study, cells=cells_at(searched.grid()))
    given, storage = options.strategy.warm_start, options.records.storage
    study = replace(study, foreign=foreign_points(study, sampler, metric, given, storage))
    return with_choices(study, sampler, searched.rows(), cells_at)


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
