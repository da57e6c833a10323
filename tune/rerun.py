"""Train one cell of a study again, and compare its metrics with the record: ``python tune/rerun.py``.

    python tune/rerun.py --study kth-demo --cell 1a2b3c

The cell is trained from its first epoch in a temporary folder; the study is only read. The training uses the recorded
kind of device and number of threads. On a CPU with the same software every bit of the metrics is then the same.
Exit code 0: the same. 1: different. 2: it cannot be run.
"""

import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import torch
import tyro

from data.registry import data_set
from data.stream import Corpus
from data.terminal import options_of, progress, say
from fernn.models.own import StoredConfig, how_to_name
from fernn.train.loop import DivergedError
from tune.analysis.differences import Difference, Training, code_changes, differences, largest, machine_changes
from tune.commands.search import refuse
from tune.core.cell_folder import CellFolder
from tune.core.clips import find_data
from tune.core.code_record import code_version
from tune.core.code_record import recorded as recorded_codes
from tune.core.console import masked, print_document
from tune.core.driver import stop_on_sigterm
from tune.core.folder import Folder
from tune.core.protocol import find_study
from tune.core.result import Result
from tune.core.study import USER_ERRORS, Cell, Study, StudyError, cell_of, key_of
from tune.engine.machine import machine
from tune.engine.ray_tune import ray_runtime
from tune.engine.trial import reset_globals, train


@dataclass(frozen=True)
class Options:
    """Train one cell of a study again, and compare its metrics with the record."""

    study: str
    """Name of the study, or its folder."""
    cell: Annotated[str, tyro.conf.arg(metavar="KEY")]
    """The cell's key, its first digits if no other key begins with them, or the name of the cell's folder."""
    storage: str = "studies"
    """Folder or bucket in which studies are kept."""
    data: str | None = None
    """Folder of the prepared data, or its URL in a bucket; by default where the study found it."""
    models: tuple[str, ...] = ()
    """For a model of your own: package.module:ConfigClass, which is imported."""
    json: bool = False
    """Print the comparison as JSON."""


@dataclass(frozen=True)
class Recorded:
    """A finished cell of a study, with its folder and result."""

    study: Study
    cell: Cell
    folder: CellFolder
    done: Result


@dataclass(frozen=True)
class RerunComparison:
    """The differences between a cell's recorded metrics and those of its rerun."""

    recorded: Recorded
    training: Training
    """The recorded metrics."""
    rerun: Training
    differences: list[Difference]
    environment: list[str]
    device: torch.device
    diverged: str | None = None

    def facts(self) -> dict[str, Any]:
        """The comparison as a JSON value."""
        return {
            "study": self.recorded.study.name,
            "cell": self.recorded.folder.folder.name,
            "same": not self.differences,
            "recorded_sha256": self.training.sha256,
            "rerun_sha256": self.rerun.sha256,
            "sealed_sha256": self.recorded.done.metrics_sha256,
            "first_difference": _facts(self.differences[0]) if self.differences else None,
            "largest_differences": {name: _facts(difference) for name, difference in largest(self.differences).items()},
            "diverged": self.diverged,
            "device": self.device.type,
            "environment": self.environment,
        }


def _facts(difference: Difference) -> dict[str, Any]:
    return asdict(difference) | {"size": difference.size}


def main() -> int:
    """Rerun and compare; 0 for the same metrics, 1 for others, 2 for a cell that cannot be run, 130 for Ctrl-C."""
    options = options_of(Options, description=__doc__)
    stop_on_sigterm()
    try:
        recorded = recorded_cell(find_study(options.study, options.storage, options.models), options.cell)
        data = recorded.cell.experiment.data
        home_and_manifest = find_data(recorded.study, data, recorded.cell.data_hash, options.data)
        corpus = data_set(data.name).read(*home_and_manifest)
        compared = rerun(recorded, corpus, device_for(recorded))
    except KeyboardInterrupt:
        say("stopped: nothing is kept, and the study is as it was")
        return 130
    except USER_ERRORS as error:
        return refuse(error)
    if options.json:
        print_document(compared.facts())
    else:
        print(masked("\n".join(lines(compared))))
    return 1 if compared.differences else 0


def recorded_cell(study: Study, key: str) -> Recorded:
    """The finished cell of that key, prefix of a key or folder; raises StudyError where it cannot be trained again."""
    name = folder_name(study, key)
    folder = CellFolder(study.folder / f"cells/{name}")
    config, done = folder.config() or {}, folder.done()
    if not name.endswith(f"_{key_of(config)}"):
        raise StudyError(f"{folder.folder.root}/config.json is not as it was written: it cannot be trained again")
    if done is None:
        reason = folder.failure() or folder.stopped() or "run the search again to finish it"
        raise StudyError(f"--cell must have a result to compare with, {name} has none: {reason}")
    cell = cell_of(config)
    if isinstance(cell.experiment.model, StoredConfig):
        raise StudyError(how_to_name(cell.experiment.model.name))
    now = json.loads(json.dumps(cell.config()))
    if fields := ", ".join(field for field in {**config, **now} if config.get(field) != now.get(field)):
        raise StudyError(f"{name} is another cell by this code: {fields} changed; check out the code it names")
    return Recorded(study, cell, folder, done)


def folder_name(study: Study, key: str) -> str:
    """The name of the folder with that name or key, or whose key begins with it; raises StudyError unless it is one."""
    names = study.folder.children("cells")
    matching = [name for name in names if key and (name == key or name.rpartition("_")[2].startswith(key))]
    if len(matching) == 1:
        return matching[0]
    listed = matching or names or ["none"]
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    has = f"it is the beginning of {len(matching)}" if matching else f"study {study.name!r} has"
    raise StudyError(f"--cell must be the key or folder of one cell, got {key!r}; {has}: {', '.join(listed[:3])}{more}")


def device_for(recorded: Recorded) -> torch.device:
    """The recorded kind of device, else the kind that this machine has; prints where equal bits are not expected."""
    name, recorded_type = recorded.folder.folder.name, recorded.done.machine.get("device_type")
    device = torch.device("cuda" if torch.cuda.is_available() and recorded_type != "cpu" else "cpu")
    if recorded_type is None:
        say(f"which device {name} was trained on is not recorded: here it is {device.type}")
    elif recorded_type != device.type:
        say(f"{name} was trained on {recorded_type}, and there is none here: equal bits are not to be had")
    elif recorded_type == "cuda":
        say("equal bits are promised on a CPU only: on a GPU the largest differences are what counts")
    return device


def rerun(recorded: Recorded, corpus: Corpus, device: torch.device) -> RerunComparison:
    """Train the cell again in a temporary folder, and compare its metrics with the record."""
    cell, diverged = recorded.cell, None
    title = f"rerun of {recorded.folder.folder.name} on {device.type}"
    with tempfile.TemporaryDirectory(prefix="fernn-rerun-") as scratch, ray_runtime(None):
        reset_globals(int(recorded.done.machine.get("threads") or 1))
        say(f"{title}, threads: {torch.get_num_threads()}")
        folder = CellFolder(Folder(scratch))
        with progress(title, cell.experiment.epochs, "epochs") as advance:
            try:
                for _ in train(recorded.study, cell, folder, corpus, device):
                    advance(1)
            except DivergedError as error:
                diverged = str(error)
        again = Training(folder.history(), (folder.done() or Result()).metrics)
    changes = machine_changes(recorded.done.machine, machine(device))
    codes = [entry["code"] for entry in recorded.folder.codes()]
    changes += code_changes(codes, recorded_codes(recorded.study.folder), code_version(sys.argv))
    training = Training(recorded.folder.history(), recorded.done.metrics)
    return RerunComparison(recorded, training, again, differences(training, again), changes, device, diverged)


def lines(compared: RerunComparison) -> list[str]:
    """The comparison in words."""
    facts = compared.facts()
    verdict = "the same" if facts["same"] else "DIFFERENT"
    texts = [f"{facts['cell']}: {verdict}, {len(compared.training.rows)} epochs"]
    texts += [f"metrics recorded  {facts['recorded_sha256']}", f"metrics now       {facts['rerun_sha256']}"]
    if facts["sealed_sha256"] not in (None, facts["recorded_sha256"]):
        same = ", as the rerun does" if facts["sealed_sha256"] == facts["rerun_sha256"] else ""
        texts.append(f"The record was changed: the cell ended with {facts['sealed_sha256']}{same}.")
    if compared.diverged:
        texts.append(f"The rerun ended early: {compared.diverged}.")
    if compared.differences:
        texts += [f"First difference: {_in_words(compared.differences[0])}.", "Largest differences:"]
        texts += [f"  {_in_words(difference)}" for difference in largest(compared.differences).values()]
        texts += ["What differs in the environment:" if compared.environment else NOTHING_DIFFERS]
        texts += [f"  {change}" for change in compared.environment]
    return texts


NOTHING_DIFFERS = "Nothing that is recorded differs in the environment: the record or one of the machines is at fault."


def _in_words(difference: Difference) -> str:
    size = "" if difference.size is None else f" ({difference.size:.3g} apart)"
    values = (difference.recorded, difference.rerun)
    then, now = ("nothing" if value is None else repr(value) for value in values)
    return f"{difference.where}, {difference.metric}: {then} recorded, {now} now{size}"


if __name__ == "__main__":
    sys.exit(main())
