"""The answers to a reproducibility review as JSON, from the study's folder alone.

The questions are those of Coakley et al. (research type, pseudocode, open source code, open datasets, dataset splits,
hardware specification, software dependencies, experiment setup). A value that an earlier version did not record is
None, and the card says "not recorded". The same folder gives the same answers.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fernn.config import DataConfig
from fernn.experiment import Experiment
from fernn.models.noether import NoetherConfig
from fernn.train.run import task_of
from tune.analysis.objectives import goals
from tune.analysis.published import deviations, search_of
from tune.analysis.results import ModelRow, model_rows
from tune.analysis.statistics import selection_rule
from tune.core.clips import recorded_data
from tune.core.code_record import DISTRIBUTION, FIRST_USED, USER, recorded
from tune.core.given_weights import experiments, imported_cells, imported_folder
from tune.core.protocol import protocol
from tune.core.result import FINISHED
from tune.core.status import CellStatus, cell_status
from tune.core.study import Study
from tune.reporting.table import marks, notes


def states(study: Study) -> list[CellStatus]:
    """The study's cells, then the imported ones; raises DamagedError."""
    places = [(cell, study.cell_folder(cell)) for cell in study.cells]
    places += [(imported.cell, imported_folder(study, imported)) for imported in imported_cells(study)]
    return study.folder.each(lambda place: cell_status(*place, study.stops_early), places)


def answers(study: Study) -> dict[str, Any]:
    """The content of the card as JSON."""
    cells = states(study)
    machines = hardware(cells)
    return {
        "study": study.name,
        "marks": marks(study),
        "notes": notes(study),
        "research_type": {
            "type": "experimental", "models": list(dict.fromkeys(study.model_label(state.cell) for state in cells)),
            "num_cells": len(cells), "num_finished": sum(state.status == "done" for state in cells),
            "num_imported": len(cells) - len(study.cells),
        },
        "code": code(study, cells),
        "data": data(study),
        "hardware": machines,
        "setup": setup(study),
        "cells": [record(study, state, machines) for state in cells],
        "compute": compute(study, cells),
        "deviations": deviations(study, search_of(study)),
        "missing": missing(study, cells),
    }  # fmt: skip


def without_user(record: Mapping[str, Any]) -> dict[str, Any]:
    """The code record without a login name: a report may be published."""
    return {name: value for name, value in record.items() if name != USER}


def code(study: Study, cells: Sequence[CellStatus]) -> dict[str, Any]:
    """The records of code by id, in the order of their first use, and the cells that each trained."""
    records = {name: without_user(entry) for name, entry in recorded(study.folder).items()}
    trained = {name: [state.folder.folder.name for state in cells if name in codes(state)] for name in ["", *records]}
    lost = {name for state in cells for name in codes(state)} - {"", *records}
    return {
        "distribution": DISTRIBUTION,
        "records": {name: {**entry, "cells": trained[name]} for name, entry in records.items()},
        "not_recorded": trained[""],
        "records_lost": sorted(lost),
        "other_sources": [state.folder.folder.name for state in cells if by_other_sources(state, records)],
        "commands": list(dict.fromkeys(entry["command"] for entry in records.values())),
        "first_used_at": {name: entry[FIRST_USED] for name, entry in records.items()},
    }


def codes(state: CellStatus) -> list[str]:
    """The records of code that trained the cell, in order; an empty name where it was not recorded."""
    begun = state.status == "done" or state.rows
    return [entry["code"] for entry in state.folder.codes()] or ([""] if begun else [])


def by_other_sources(state: CellStatus, records: Mapping[str, Any]) -> bool:
    """Whether the worker that finished the cell had other source files than the search command."""
    worker, names = state.result.machine.get("source_sha256"), codes(state)
    last = records.get(names[-1]) if names else None
    return worker is not None and last is not None and last["source_sha256"] != worker


def data(study: Study) -> dict[str, Any]:
    """The data, and the record of its preparation."""
    config = experiments(study)[0].data
    planned = study.cells or [imported.cell for imported in imported_cells(study)]
    return {
        "name": config.name,
        "hash": planned[0].data_hash,
        "demo": config.demo_note if study.demo else None,
        "stand_in": study.stand_in or None,
        "partial": list(study.partial),
        "fields": config.flatten(),
        "manifest": recorded_data(study.folder),
    }


def hardware(cells: Sequence[CellStatus]) -> list[dict[str, Any]]:
    """Each machine, with the cells whose trials ran there; cells with other resources count as another machine."""
    machines: dict[str, dict[str, Any]] = {}
    for state in cells:
        for machine in state.folder.machines() or ([dict(state.result.machine)] if state.status == "done" else []):
            entry = machines.setdefault(json.dumps(machine, sort_keys=True), {**machine, "cells": []})
            entry["cells"].append(state.folder.folder.name)
    return list(machines.values())


def setup(study: Study) -> dict[str, Any]:
    """The searched, chosen and fixed hyper-parameters, seeds, and the metric with the rule of selection."""
    planned = experiments(study)
    metric, shared = task_of(planned[0].data).metric, protocol(study)
    own = {"protocol_version", "data_hash", *planned[0].flatten()}
    return {
        "searched": {name: list(values) for name, values in study.space.items()},
        "sampling": dict(study.sampling),
        "tuned": list(study.tuned),
        "scheduler": study.scheduler,
        "epochs": max(experiment.epochs for experiment in planned),
        "optimizer": list(dict.fromkeys(optimizer(experiment) for experiment in planned)),
        "draws": draws(planned[0].data),
        "fixed": {name: value for name, value in shared.items() if name in own},
        "models": {name: value for name, value in shared.items() if name not in own},
        "seeds": sorted({experiment.seed for experiment in planned}),
        "metric": {"name": metric.name, "title": metric.title, "definition": metric.definition},
        "higher_is_better": metric.higher_is_better,
        "selection": selection_rule(metric, planned[0], study.tuned, goals(study)),
        "chosen": [
            {
                "model": row.label, "learning_rate": row.choice.rate, "num_seeds": row.num_seeds,
                "num_seeds_planned": row.num_planned, "num_parameters": row.num_parameters,
                **validation_means(study, row),
                "cells": [chosen.cell.key for chosen in row.chosen],
            }
            for row in model_rows(study)
        ],
    }  # fmt: skip


def validation_means(study: Study, row: ModelRow) -> dict[str, Any]:
    """The mean validation metric of every learning rate, or of every choice where more fields are chosen."""
    means = row.validation_by_choice
    if not study.tuned:
        return {"validation_by_learning_rate": {f"{choice.rate:g}": mean for choice, mean in means.items()}}
    by_choice = {choice.text: mean for choice, mean in means.items()}
    return {"choice": row.choice.text, "validation_by_choice": by_choice}


def optimizer(experiment: Experiment) -> str:
    """How the experiment's weights are updated, in words."""
    limit, words = experiment.optim.clip_norm, experiment.optim.words()
    if limit is not None and isinstance(experiment.model, NoetherConfig):
        return f"{words}, of the embedding's weights alone"
    return words


def draws(data: DataConfig) -> str:
    """The origin of random numbers, in words."""
    sentences = ["Every random draw comes from a named stream (`fernn/seeding.py`) and depends on no order of calls."]
    if data.task == "stochastic":
        sentences.append("The latent draws of a training epoch come one after the other from a stream of that epoch.")
    if data.protocol == "published" and data.published_draws:
        sentences.append(f"Exception, drawn in the order of the published code: {data.published_draws}.")
    return " ".join(sentences)


def record(study: Study, state: CellStatus, machines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One cell: its status, code, machines, and the hash of its metrics."""
    done, name = state.result, state.folder.folder.name
    return {
        "cell": name,
        "label": study.label(state.cell),
        "status": state.status if done.status == FINISHED else done.status,
        "reason": state.reason or None,
        "epochs": len(state.rows) if done.epochs is None else done.epochs,
        "best_epoch": done.best_epoch,
        "metrics": dict(done.metrics) or None,
        "metrics_sha256": done.metrics_sha256,
        "predictions_sha256": done.predictions_sha256 or None,
        "code": state.folder.codes(),
        "machines": [number for number, entry in enumerate(machines, start=1) if name in entry["cells"]],
        "train_seconds": state.seconds("train") or 0,
        "validation_seconds": state.seconds("validation") or 0,
    }


def compute(study: Study, cells: Sequence[CellStatus]) -> list[dict[str, Any]]:
    """By model: cells, seconds, and hours of CPUs and GPUs, as far as cells recorded what they held."""
    by_model: dict[str, list[CellStatus]] = {}
    for state in cells:
        by_model.setdefault(study.model_label(state.cell), []).append(state)
    return [_spent(label, group) for label, group in by_model.items()]


def _spent(label: str, group: Sequence[CellStatus]) -> dict[str, Any]:
    done = [state.result for state in group if state.status == "done"]
    hours = {
        kind: [held * result.seconds / 3600 for result in done if (held := result.held(kind)) is not None]
        for kind in ("cpus", "gpus")
    }
    return {
        "model": label,
        "num_cells": sum(state.status == "done" or bool(state.rows) for state in group),
        "train_seconds": sum(state.seconds("train") or 0 for state in group),
        "validation_seconds": sum(state.seconds("validation") or 0 for state in group),
        "cpu_hours": sum(hours["cpus"]) if hours["cpus"] else None,
        "gpu_hours": sum(hours["gpus"]) if hours["gpus"] else None,
        "num_cells_in_hours": len(hours["cpus"]),
    }


def missing(study: Study, cells: Sequence[CellStatus]) -> list[dict[str, Any]]:
    """The cells without a result, and the reasons."""
    return [
        {"cell": state.folder.folder.name, "label": study.label(state.cell), "status": state.status,
         "epochs": len(state.rows), "epochs_planned": state.cell.experiment.epochs, "reason": state.reason or None}
        for state in cells
        if state.status != "done"
    ]  # fmt: skip
