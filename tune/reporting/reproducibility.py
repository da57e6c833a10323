"""What reproducibility reviews ask of a study, as facts, from the study's folder alone.

The questions are those of Coakley et al. (research type, pseudocode, open source code, open datasets, dataset splits,
hardware specification, software dependencies, experiment setup). What a study of an earlier version did not write
down is None, and the card says "not recorded". The same folder gives the same facts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fernn.config import DataConfig
from fernn.experiment import Experiment
from fernn.models.noether import NoetherConfig
from fernn.train.task import task_of
from tune.analysis.published import deviations, search_of
from tune.analysis.results import model_rows
from tune.analysis.selection import rule
from tune.core.cell_folder import CellFolder
from tune.core.code_record import DISTRIBUTION, FIRST_USED, recorded
from tune.core.data_source import recorded_data
from tune.core.given_weights import experiments, imported_cells, imported_folder
from tune.core.protocol import protocol
from tune.core.result import FINISHED, Result
from tune.core.status import status_in
from tune.core.study import Cell, Study
from tune.reporting.table import marks, notes


@dataclass(frozen=True)
class State:
    """A cell as its folder has it."""

    cell: Cell
    folder: CellFolder
    done: Result | None
    rows: Sequence[Mapping[str, float]]
    """Of a cell without a result: as far as it was trained."""

    @classmethod
    def of(cls, cell: Cell, folder: CellFolder) -> "State":
        """What the folder has now."""
        done = folder.done()
        return cls(cell, folder, done, folder.history() if done is None else [])

    @property
    def status(self) -> str:
        """How the cell ended, or how far it is; "imported" where it was trained elsewhere."""
        is_foreign = self.done is not None and self.done.status != FINISHED
        return self.done.status if self.done is not None and is_foreign else status_in(self.folder, halves=True)[0]

    @property
    def reason(self) -> str | None:
        """Why there is no result, where something was said of that."""
        return status_in(self.folder, halves=True)[1] or None

    def seconds(self, part: str) -> float:
        """Time spent on training or validation, summed over epochs."""
        name = f"{part}_seconds"
        known = getattr(self.done, name, None)
        return sum(row[f"time/{name}"] for row in self.rows) if known is None else known

    def hours(self, kind: str) -> float | None:
        """Hours of the CPUs or GPUs that the cell held at its end, None where it has no result or did not say."""
        held = None if self.done is None else self.done.held(kind)
        return None if held is None else held * (self.seconds("train") + self.seconds("validation")) / 3600


def states(study: Study) -> list[State]:
    """The study's cells, then the imported ones."""
    found = study.folder.each(lambda cell: State.of(cell, study.cell_folder(cell)), study.cells)
    return found + [State.of(one.cell, imported_folder(study, one)) for one in imported_cells(study)]


def facts(study: Study) -> dict[str, Any]:
    """All that the card says, as JSON."""
    found = states(study)
    machines = hardware(found)
    return {
        "study": study.name,
        "marks": marks(study),
        "notes": notes(study),
        "research_type": research_type(study, found),
        "code": code(study, found),
        "data": data(study),
        "hardware": machines,
        "setup": setup(study),
        "cells": [record(study, one, machines) for one in found],
        "compute": compute(study, found),
        "deviations": deviations(study, search_of(study)),
        "missing": missing(study, found),
    }


def research_type(study: Study, found: Sequence[State]) -> dict[str, Any]:
    """What kind of study it is, and how large."""
    finished = sum(one.done is not None for one in found)
    models = list(dict.fromkeys(study.model_label(one.cell) for one in found))
    imported = len(imported_cells(study))
    return {
        "type": "experimental", "models": models, "num_cells": len(found), "num_finished": finished,
        "num_imported": imported,
    }  # fmt: skip


def code(study: Study, found: Sequence[State]) -> dict[str, Any]:
    """The records of code by id, in the order of their first use, and which cells each trained."""
    records = recorded(study.folder)
    trained = {name: [one.folder.folder.name for one in found if name in codes(one)] for name in ["", *records]}
    lost = {name for one in found for name in codes(one)} - {"", *records}
    return {
        "distribution": DISTRIBUTION,
        "records": {name: {**facts, "cells": trained[name]} for name, facts in records.items()},
        "not_recorded": trained[""],
        "records_lost": sorted(lost),
        "other_sources": [one.folder.folder.name for one in found if by_other_sources(one, records)],
        "commands": list(dict.fromkeys(facts["command"] for facts in records.values())),
        "first_used_at": {name: facts[FIRST_USED] for name, facts in records.items()},
    }


def codes(state: State) -> list[str]:
    """The records of code that trained the cell, in order; an empty one where that was not recorded."""
    known = state.folder.codes()
    begun = state.done is not None or state.rows
    return [one["code"] for one in known] or ([""] if begun else [])


def by_other_sources(state: State, records: Mapping[str, Any]) -> bool:
    """Whether the worker that finished the cell had other source files than the search command."""
    said, names = machine_of(state).get("source_sha256"), codes(state)
    known = records.get(names[-1]) if names else None
    return said is not None and known is not None and known["source_sha256"] != said


def data(study: Study) -> dict[str, Any]:
    """Which data it is, and what was recorded of how it came to be."""
    config = experiments(study)[0].data
    planned = study.cells or [one.cell for one in imported_cells(study)]
    return {
        "name": config.name,
        "hash": planned[0].data_hash,
        "demo": config.demo_note if study.demo else None,
        "stand_in": study.stand_in or None,
        "partial": list(study.partial),
        "fields": config.flatten(),
        "manifest": recorded_data(study.folder),
    }


def hardware(found: Sequence[State]) -> list[dict[str, Any]]:
    """Each machine with the cells of which trials ran there; what they held of it may differ from cell to cell."""
    machines: dict[str, dict[str, Any]] = {}
    for one in found:
        for machine in one.folder.machines() or ([machine_of(one)] if one.done is not None else []):
            entry = machines.setdefault(json.dumps(machine, sort_keys=True), {**machine, "cells": []})
            entry["cells"].append(one.folder.folder.name)
    return list(machines.values())


def machine_of(state: State) -> dict[str, Any]:
    """What the cell says of its machine; empty where it says nothing."""
    return {} if state.done is None else dict(state.done.machine)


def setup(study: Study) -> dict[str, Any]:
    """Hyper-parameters searched, chosen and fixed, seeds, and metrics with the rule that selects by them."""
    planned = experiments(study)
    metric, shared = task_of(planned[0].data).metric, protocol(study)
    own = {"protocol_version", "data_hash", *planned[0].flatten()}
    return {
        "searched": {name: list(values) for name, values in study.space.items()},
        "sampling": dict(study.sampling),
        "scheduler": study.scheduler,
        "epochs": max(one.epochs for one in planned),
        "optimizer": list(dict.fromkeys(optimizer(one) for one in planned)),
        "draws": draws(planned[0].data),
        "fixed": {name: value for name, value in shared.items() if name in own},
        "models": {name: value for name, value in shared.items() if name not in own},
        "seeds": sorted({one.seed for one in planned}),
        "metric": {"name": metric.name, "title": metric.title, "definition": metric.definition},
        "higher_is_better": metric.higher_is_better,
        "selection": rule(metric),
        "chosen": [
            {
                "model": row.label, "learning_rate": row.lr, "num_seeds": row.num_seeds,
                "num_seeds_planned": row.num_planned, "num_parameters": row.num_parameters,
                "validation_by_learning_rate": {f"{lr:g}": mean for lr, mean in row.validation_by_lr.items()},
                "cells": [one.cell.key for one in row.chosen],
            }
            for row in model_rows(study)
        ],
    }  # fmt: skip


def optimizer(experiment: Experiment) -> str:
    """How the experiment's weights are updated, in words."""
    limit, words = experiment.optim.clip_norm, experiment.optim.words()
    if limit is not None and isinstance(experiment.model, NoetherConfig):
        return f"{words}, of the embedding's weights alone"
    return words


def draws(data: DataConfig) -> str:
    """Where random numbers come from, in words."""
    said = "Every random draw comes from a named stream (`fernn/seeding.py`), so it depends on no order of calls"
    if data.task == "stochastic":
        said += "; latent draws of a training epoch come one after the other from a stream of that epoch"
    if data.protocol == "published" and data.name in REPEATED:
        said += f"; but for what the published code draws in its own order, which is repeated: {REPEATED[data.name]}"
    return f"{said}."


REPEATED = {
    "kth": "the clips' velocities",
    "translating-mnist": "all sequences",
    "rotating-mnist": "all sequences",
}
"""By data set: what ``protocol="published"`` draws as the published code does."""


def record(study: Study, state: State, machines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One cell: how it ended, by which code, where, and the hash of its metrics."""
    done, name = state.done or Result(), state.folder.folder.name
    return {
        "cell": name,
        "label": study.label(state.cell),
        "status": state.status,
        "reason": state.reason,
        "epochs": len(state.rows) if done.epochs is None else done.epochs,
        "best_epoch": done.best_epoch,
        "metrics": dict(done.metrics) or None,
        "metrics_sha256": done.metrics_sha256,
        "predictions_sha256": done.predictions_sha256 or None,
        "code": state.folder.codes(),
        "machines": [number for number, one in enumerate(machines, start=1) if name in one["cells"]],
        "train_seconds": state.seconds("train"),
        "validation_seconds": state.seconds("validation"),
    }


def compute(study: Study, found: Sequence[State]) -> list[dict[str, Any]]:
    """By model: epochs, seconds, and hours of CPUs and GPUs, as far as cells say what they held."""
    models = list(dict.fromkeys(study.model_label(one.cell) for one in found))
    return [_spent(label, [one for one in found if study.model_label(one.cell) == label]) for label in models]


def _spent(label: str, mine: Sequence[State]) -> dict[str, Any]:
    hours = {kind: [one.hours(kind) for one in mine] for kind in ("cpus", "gpus")}
    known = {kind: [value for value in values if value is not None] for kind, values in hours.items()}
    return {
        "model": label,
        "num_cells": sum(bool(one.done or one.rows) for one in mine),
        "train_seconds": sum(one.seconds("train") for one in mine),
        "validation_seconds": sum(one.seconds("validation") for one in mine),
        "cpu_hours": sum(known["cpus"]) if known["cpus"] else None,
        "gpu_hours": sum(known["gpus"]) if known["gpus"] else None,
        "num_cells_in_hours": len(known["cpus"]),
    }


def missing(study: Study, found: Sequence[State]) -> list[dict[str, Any]]:
    """The cells without a result, and why."""
    return [
        {"cell": one.folder.folder.name, "label": study.label(one.cell), "status": one.status,
         "epochs": len(one.rows), "epochs_planned": one.cell.experiment.epochs, "reason": one.reason}
        for one in found
        if one.done is None
    ]  # fmt: skip
