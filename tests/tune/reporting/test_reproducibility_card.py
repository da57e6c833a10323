"""The card: what it says of a study, of one without records, and of code; and that it holds no secret."""

import json
import re

import pytest

from fernn.config import DATA, data_config
from fernn.experiment import Experiment
from fernn.train.run import Run, task_of
from tests.support.stored_study import finish_cell, finished_study, planned_study
from tune.core import code_record as module
from tune.core.cell_folder import CODES
from tune.core.cells import plan_cells
from tune.core.folder import DamagedError, Folder
from tune.core.protocol import save_study
from tune.core.search_spec import searches
from tune.core.study import Study
from tune.ocean_search import SEARCH as OCEAN
from tune.report import Options, main
from tune.reporting.reproducibility_card import (
    PSEUDOCODE,
    cells,
    compute,
    datasets,
    deviations,
    markdown,
    missing,
    rerun,
    setup,
    splits,
    write_card,
)

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-2, 1e-3), "seed": (0, 1)}
HITS = {("grnn", 1e-2, 0): (8, 5), ("grnn", 1e-2, 1): (6, 7), ("grnn", 1e-3, 0): (4, 4)}
SECRET = "hunter2"


def card(study):
    write_card(study, study.folder)
    text = study.folder.read("reproducibility.md").decode()
    return text, json.loads(study.folder.read("reproducibility.json"))


def section(text, heading):
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_it_answers_every_question_of_a_review(tmp_path):
    text, facts = card(finished_study(tmp_path, SPACE, HITS))
    headings = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert headings[:6] == [
        "Research type", "Pseudocode", "Open source code", "Open datasets", "Dataset splits", "Hardware specification",
    ]  # fmt: skip
    assert "3 of 8 cells (model, learning rate, seed) have a result" in section(text, "Research type")
    assert "| grnn | 0.01 | 2 of 2 | 1,234 | 0.01: 0.7, 0.001: 0.4 |" in section(text, "Experiment setup")
    assert "validation 17, 18, 19, 20;" in section(text, "Dataset splits")
    assert "- 3dcnn lr 0.001 seed 1: waiting after 0 of 500 epochs" in section(text, "What is missing")
    assert len(facts["missing"]) == 5 and [one["learning_rate"] for one in facts["setup"]["chosen"]] == [1e-2]


@pytest.mark.parametrize("name", DATA)
def test_every_data_set_has_its_source_and_its_card(name):
    source, card = data_config(name).source, data_config(name).card
    assert (module.ROOT / card).is_file()
    facts = {"name": name, "demo": None, "hash": "x", "manifest": None, "fields": {"name": name}}
    assert datasets(facts)[0] == f"`{name}`: {source}; card: {card}."
    assert splits(facts)[1] == data_config(name).split_note() and (f"see {card}" in splits(facts)[1] or name == "kth")
    assert ("MNIST" in source) == name.endswith("-mnist")


SETUPS = [
    pytest.param({**search.base.flatten(), **preset.defaults}, id=f"{name}-{which}")
    for name, search in searches().items()
    for which, preset in search.presets.items()
]


@pytest.mark.parametrize("fields", SETUPS)
def test_every_section_of_the_card_says_what_the_study_is(fields, tmp_path):
    names = {name: fields[name] for name in ("optim.name", "data.name", "model.name") if name in fields}
    base = Experiment().override({"data.name": fields["data.name"]}).override(names)
    space = {"optim.lr": (1e-2, 1e-3), "seed": (0, 1)}
    rest = {name: value for name, value in fields.items() if name not in {**names, **space}}
    study = Study("s", Folder(str(tmp_path)), space, plan_cells(base, space, "hash", rest))
    save_study(study)
    text, facts = card(study)
    experiment = study.cells[0].experiment
    data, metric = experiment.data, task_of(experiment.data).metric
    assert f"`{data.name}`: {data.source}; card: {data.card}." in section(text, "Open datasets")
    shown = [f"{name} {value}" for name, value in facts["data"]["fields"].items() if name != "name"]
    assert all(one in section(text, "Dataset splits") for one in shown)
    kind = section(text, "Research type")
    assert "0 of 4 cells (learning rate, seed) have a result" in kind and "trained and tested" in kind
    setup = section(text, "Experiment setup")
    assert f"Metric: {metric.title}, {metric.definition}." in setup
    rule = {"best": f"Epoch: best validation {metric.title},", "last": "Epoch: the last, whatever"}[
        experiment.selection
    ]
    assert rule in setup
    assert f"Epochs: {experiment.epochs}. Optimizer: {experiment.optim.words()}" in setup
    assert "Seeds: 0, 1." in setup
    assert ("Exception, drawn in the order" in setup) == (data.protocol == "published" and data.published_draws != "")
    assert ("latent draws" in setup) == (data.task == "stochastic")
    recorded = experiment.flatten(for_record=True)
    told = [name for name in recorded if f"| {name} | " in setup or name.startswith("model.")]
    assert told == [name for name in recorded if name != "epochs"]
    assert "No published protocol is declared" not in text


def test_the_files_that_stand_for_pseudocode_are_there():
    named = re.findall(r"`([a-z_/.]+)`", PSEUDOCODE)
    assert len(named) == 4 and all((module.ROOT / name).exists() for name in named)


def test_a_study_of_imported_cells_alone_says_nothing_of_training(tmp_path):
    _, facts = card(finished_study(tmp_path, SPACE, HITS))
    facts["research_type"]["num_imported"] = facts["research_type"]["num_cells"]
    text = markdown(facts)
    kind, setup = section(text, "Research type"), section(text, "Experiment setup")
    assert "3dcnn are tested;" in kind and "not trained here" in kind
    assert "Optimizer:" not in setup and "Seeds:" not in setup and "Epoch: best" not in setup


def test_a_data_set_without_a_search_has_no_published_protocol():
    said = deviations({"data": {"name": "dots"}, "deviations": []})
    assert said == ["No published protocol is declared for data set dots."]
    assert deviations({"data": {"name": "kth"}, "deviations": []}) == ["None is known."]


def test_the_card_of_an_ocean_study_names_decay_and_schedule(tmp_path):
    space = {"model": ("unet",), "optim.lr": (1e-3,), "seed": (0,)}
    study = Study("s", Folder(str(tmp_path)), space, plan_cells(OCEAN.base, space, "hash"), scheduler="halving")
    save_study(study)
    text, facts = card(study)
    said = "Optimizer: Adam with weight decay 0.0004 (L2, added to the gradient), its learning rate multiplied by 0.9 "
    assert said + "after every epoch; gradients are not clipped." in section(text, "Experiment setup")
    assert "Epochs: 100, fewer where successive halving stopped." in text
    assert "is unknown" not in text and len(facts["setup"]["optimizer"]) == 1


def test_what_an_earlier_version_did_not_write_down_is_not_recorded(tmp_path):
    text, facts = card(finished_study(tmp_path, SPACE, HITS))
    assert "Distribution `fernn-search`; its code is not recorded." in text
    assert "Numbers of clips: not recorded." in text and "The command was not recorded." in text
    assert section(text, "Hardware specification").count("not recorded") == 7
    assert facts["data"]["manifest"] is None and facts["compute"][0]["cpu_hours"] is None
    assert {one["metrics_sha256"] for one in facts["cells"]} == {None}


@pytest.mark.parametrize(
    ("fact", "mark"), [({"demo": True}, "DEMO"), ({"partial": ("x",)}, "PARTIAL"), ({"stand_in": "y"}, "STAND-IN")]
)
def test_it_carries_the_marks_of_every_table(tmp_path, fact, mark):
    text, facts = card(finished_study(tmp_path, SPACE, HITS, **fact))
    assert text.startswith(f"# Reproducibility of study s ({mark})\n") and f"\n- {mark}: " in text
    assert facts["marks"] == mark and any(note.startswith(f"{mark}: ") for note in facts["notes"])


def test_the_report_writes_it_twice_with_the_same_bytes_and_without_any_result(tmp_path, capsys):
    study = planned_study(tmp_path / "s", SPACE)
    options = Options(study=str(tmp_path / "s"))
    assert main(options) == 2 and "0 of 8 cells" in study.folder.read("reproducibility.md").decode()
    finish_cell(study, study.cells[0], (8, 5))
    written = []
    for _ in range(2):
        assert main(options) == 0
        written.append([study.folder.read(f"reproducibility.{ending}") for ending in ("md", "json")])
    assert written[0] == written[1] and b"1 of 8 cells" in written[0][0]


def test_a_cell_that_went_on_by_other_code_names_both(tmp_path):
    study = planned_study(tmp_path, SPACE)
    cell, run = study.cells[0], Run.start(study.cells[0].experiment)
    for epoch, code in enumerate(("", "old", "new", "new"), start=1):
        folder = study.cell_folder(cell)
        folder.begin(run, code)
        run.epoch = run.best_epoch = epoch
        row = {"epoch": epoch, "time/train_seconds": 2.0, "time/validation_seconds": 1.0, "best/accuracy": 0.5}
        folder.record(row, run)
    folder.begin(run, "never")  # an attempt that ended before its first epoch
    folder.begin(run, "new")
    assert folder.codes() == [
        {"first_epoch": 1, "code": ""}, {"first_epoch": 2, "code": "old"}, {"first_epoch": 3, "code": "new"},
    ]  # fmt: skip
    text, facts = card(study)
    assert "| not recorded, from epoch 2 old, from epoch 3 new |" in text
    assert "Records that cells name and that are missing: new, old." in text
    assert facts["compute"][0]["train_seconds"] == 8 and facts["missing"][0]["epochs"] == 4
    folder.folder.write(CODES, b'[{"first_epoch": "x"}]')
    with pytest.raises(DamagedError, match="codes.json: it is not as it was written; delete it"):
        card(study)


def test_every_machine_is_named_on_which_a_cells_trials_ran(tmp_path):
    study = planned_study(tmp_path, SPACE)
    folder, run = study.cell_folder(study.cells[0]), Run.start(study.cells[0].experiment)
    folder.begin(run)
    for host in ("one", "other", "one"):
        folder.add_machine({"host": host, "device_type": "cpu"})
    assert [machine["host"] for machine in folder.machines()] == ["one", "other"]
    text, facts = card(study)
    assert [machine["host"] for machine in facts["hardware"]] == ["one", "other"] and "| 1 | one |" in text
    assert facts["cells"][0]["machines"] == [1, 2] and facts["cells"][1]["machines"] == []


CELL = {"cell": "grnn_lr0.001_seed0_abc", "status": "done", "epochs": 5, "best_epoch": 3, "machines": [1, 2]}
CODES_OF_CELL = [{"first_epoch": 1, "code": ""}, {"first_epoch": 4, "code": "new"}]
VALUES = {
    "searched": {"optim.lr": [0.001, 0.01]}, "sampling": {}, "chosen": [], "selection": "Epoch: best.", "seeds": [0, 1],
    "metric": {"title": "accuracy", "definition": "a share"}, "draws": "Named streams.", "epochs": 9,
    "scheduler": "halving", "optimizer": ["Adam", "SGD"], "fixed": {"batch_size": 4}, "models": {},
}  # fmt: skip


def spent(cpu_hours, seconds=2.0):
    return {"model": "m", "num_cells": 2, "train_seconds": seconds, "validation_seconds": 1.0, "cpu_hours": cpu_hours,
            "gpu_hours": None, "num_cells_in_hours": 1}  # fmt: skip


def test_the_setup_says_what_was_searched_and_how_cells_were_trained():
    text = "\n".join(setup(VALUES, is_trained=True))
    assert "| optim.lr | 0.001, 0.01 |" in text and "| batch_size | 4 |" in text and "Seeds: 0, 1. Named" in text
    assert "Epochs: 9, fewer where successive halving stopped. Optimizer: Adam; or SGD." in text
    assert "Epochs" not in "\n".join(setup(VALUES, is_trained=False))


def test_compute_is_summed_as_far_as_it_was_recorded():
    _, table = compute([spent(0.5), spent(None, seconds=1000.0)])
    assert "| total | 4 | 1,002.0 | 2.0 | 0.5 | not recorded | 2 |" in table.splitlines()
    assert "total" not in compute([spent(0.5)])[1]


def test_a_missing_cell_has_its_status_and_reason():
    one = {"label": "m seed 1", "status": "failed", "epochs": 2, "epochs_planned": 5, "reason": "no space"}
    assert missing({"missing": [one]}) == ["- m seed 1: failed after 2 of 5 epochs (no space)"]
    assert missing({"missing": []}) == ["Nothing: every planned cell has a result."]


@pytest.mark.parametrize(("commands", "continues"), [(["a"], False), (["a", "b"], True)])
def test_the_commands_are_given_with_the_hash_of_the_data(commands, continues):
    card = {"study": "s", "code": {"commands": commands}, "data": {"hash": "h"}, "cells": [CELL]}
    text = "\n".join(rerun(card))
    assert "must have the hash h." in text and ("Each command continues" in text) == continues
    assert "python tune/rerun.py --study s --cell abc" in text


def test_a_cell_names_its_codes_and_machines():
    _, table = cells([CELL | {"code": CODES_OF_CELL, "metrics_sha256": None}])
    assert table.splitlines()[-1].startswith(
        f"| {CELL['cell']} | done | 5 | 3 | not recorded, from epoch 4 new | 1, 2 |"
    )
