"""Bring weights of the published code into a study: ``python tune/import_reference.py WEIGHTS.pth --model fernn-v2``.

The weights become a cell beside the study's grid that is evaluated and not trained, with their origin, checkpoint and
predictions. They are accepted only if this project's network gives the same outputs as the published one.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from data.bucket import at_hand
from data.files import sha256_of
from data.manifest import Manifest
from data.registry import data_set
from data.stream import Corpus
from data.terminal import options_of
from fernn.experiment import Experiment
from fernn.files.checkpoint import Tensors, pack
from fernn.train.run import Run, available_device, to_unit
from tune.commands.search import refuse
from tune.core.cell_folder import BEST, CellFolder
from tune.core.clips import SealedClips, address_in, find_data
from tune.core.code_record import record
from tune.core.folder import Folder
from tune.core.given_weights import (
    STATUS,
    ImportedCell,
    check_outputs,
    experiments,
    imported_cells,
    imported_folder,
    published_network,
    read_weights,
)
from tune.core.identity import STUDY_FILE, record_folder
from tune.core.protocol import find_study, known_studies, protocol, save_study
from tune.core.result import Result
from tune.core.study import USER_ERRORS, Cell, Settings, Study, StudyError, check_study_name
from tune.engine.ray_tune import ray_runtime
from tune.engine.trial import EVALUATED, evaluated
from tune.planning.options import parse_setting
from tune.reporting.table import mark_lines


@dataclass(frozen=True)
class Options:
    """Bring weights that the published code saved into a study, and evaluate them there."""

    weights: tyro.conf.Positional[Path]
    """File that the published code wrote with torch.save."""
    model: str
    """The registered model that it holds."""
    study: str
    """Name of the study; a new one needs --data."""
    storage: str = "studies"
    """Folder in which studies are kept."""
    data: str | None = None
    """Folder of the prepared data, or its URL in a bucket; by default the study's."""
    seed: int = 0
    """The seed under which the weights stand in the study."""
    set: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="FIELD=VALUE")] = ()
    """Other fields of the experiment, as in model.hidden_channels=16."""


Target = tuple[Study, Experiment, Path, Manifest]
"""The study that gets the weights, the experiment that evaluates them, the folder of its data, and its manifest."""


def main(options: Options) -> int:
    """Import and evaluate the weights, and print the result in one line; 2 for weights or a study that do not fit."""
    try:
        study, experiment, home, manifest = chosen_target(options)
        weights = read_weights(options.weights)
        imported = ImportedCell(Cell(experiment, manifest.hash), options.weights.name, sha256_of(options.weights))
        is_known = imported_folder(study, imported).done() is not None
        if not is_known:
            origin = f"the weights in {options.weights}"
            published_network(weights, experiment.model, origin)  # refuses other weights before Ray starts
            with ray_runtime(None):
                evaluate_weights(study, imported, weights, data_set(experiment.data.name).read(home, manifest))
    except USER_ERRORS as error:
        return refuse(error)
    sys.stdout.write(summary(study, imported, is_known))
    return 0


def chosen_target(options: Options) -> Target:
    """The target that the options name; raises StudyError or DataError for an unusable study or data."""
    fields = {"model": options.model, "seed": options.seed, **dict(parse_setting(text) for text in options.set)}
    if "/" in options.study or options.study in known_studies(options.storage) or options.data is None:
        return _existing_target(options, fields)
    check_study_name(options.study)
    experiment = Experiment().override(fields)
    address = address_in(options.data, experiment.data)
    home = at_hand(address)
    manifest = Manifest.read(home).verify(home)
    partial = (*manifest.missing, *(entry.name for entry in manifest.skipped))
    folder = (Folder(options.storage) / options.study).as_root()
    stand_in = data_set(experiment.data.name).stand_in(manifest)
    study = Study(options.study, folder, {}, (), manifest.demo, partial, address, stand_in=stand_in)
    return study, experiment, home, manifest


def _existing_target(options: Options, fields: Settings) -> Target:
    try:
        study = find_study(options.study, options.storage)
    except StudyError as error:
        raise StudyError(f"{error}; --data DIR begins a new study") from error
    experiment = like_the_study(study, fields)
    data_hash = next(iter(study.cells or [imported.cell for imported in imported_cells(study)])).data_hash
    return study, experiment, *find_data(study, experiment.data, data_hash, options.data)


def like_the_study(study: Study, fields: Settings) -> Experiment:
    """An experiment with the study's data, batch size and precision, and with these fields.

    Raises StudyError for a field that is neither the model's nor searched by the study.
    """
    for name in fields:
        if not name.startswith("model") and name != "seed" and name not in study.space:
            raise StudyError(f"--set may change model fields in an existing study, {name!r} is its protocol")
    like = experiments(study)[0]
    return Experiment(data=like.data, batch_size=like.batch_size, precision=like.precision).override(fields)


def evaluate_weights(study: Study, imported: ImportedCell, weights: Tensors, corpus: Corpus) -> None:
    """Evaluate the weights on the validation and test clips, and write them and the result as a cell of the study.

    Raises StudyError, and writes nothing, where they do not fit the cell's model.
    """
    experiment, published = imported.cell.experiment, published_network(weights, imported.cell.experiment.model)
    run = Run.start(experiment, available_device())
    run.model.load_state_dict(published.state_dict())
    clips = corpus.stream(experiment.data, experiment.batch_size, run.device)
    validation = list(clips.evaluation("validation"))
    check_outputs(run.model, published.to(run.device), run.task.inputs(to_unit(validation[0].clips, run.device)))
    folder = write_cell(study, imported, run)
    predictions, result, examples = evaluated(imported.cell, run, SealedClips(clips, folder), rows=[])
    folder.finish(predictions, replace(result, key=imported.key, status=STATUS), examples)


def write_cell(study: Study, imported: ImportedCell, run: Run) -> CellFolder:
    """Write the cell's config and weights, and the study where it is new, with the cell's data as protocol."""
    if study.folder.read(STUDY_FILE) is not None:
        record_folder(study.folder)
    else:
        save_study(study)
        shared = protocol(Study(study.name, study.folder, {}, (imported.cell,)))
        of_data = {name: value for name, value in shared.items() if name.startswith(("data", "protocol_version"))}
        study.folder.write_json(STUDY_FILE, study.folder.read_json(STUDY_FILE) | {"protocol": of_data})
    folder = imported_folder(study, imported)
    folder.plan(imported.config())
    folder.begin(run, record(study.folder))
    facts = {"epoch": 0, "imported": imported.sha256}
    folder.folder.write(BEST, pack(run.model.state_dict(), facts))
    return folder


def summary(study: Study, imported: ImportedCell, is_known: bool) -> str:
    """The cell's name and its metrics in one line; ``is_known``: the cell was imported before."""
    metrics, metric = (imported_folder(study, imported).done() or Result()).metrics, imported.cell.metric
    values = ", ".join(f"{s} {metric.title} {metric.text(metrics[f'{s}/{metric.name}'])}" for s in EVALUATED)
    marks = "".join(f", {mark}" for mark in mark_lines(study))
    verb = "was imported before as" if is_known else "is imported as"
    return f"{imported.file_name} {verb} {imported.name} into study {study.name}: {values}{marks}\n"


if __name__ == "__main__":
    sys.exit(main(options_of(Options, description=__doc__)))
