"""A cell trained again: the same, tampered with, and what cannot be run; the study is never changed."""

import json
import shutil
import sys
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from tests.support import tiny
from tune import rerun as module
from tune.core.cell_folder import METRICS, CellFolder
from tune.core.folder import Folder, sealed_line
from tune.core.protocol import save_study
from tune.core.study import StudyError
from tune.engine.trial import reset_globals, train
from tune.rerun import Recorded, folder_name, lines, recorded_cell

SPACE = {"model": ("grnn",), "optim.lr": (1e-2,), "seed": (0, 1)}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def study(two_cpus, tmp_path_factory):
    """A study of two cells, of which the first is trained: one epoch, then gone on with."""
    study = tiny.study_in(tmp_path_factory.mktemp("study"), SPACE)
    save_study(study)
    reset_globals(1)
    for until in (1, None):
        list(train(study, study.cells[0], study.cell_folder(study.cells[0]), tiny.footage(), CPU, until))
    return study


@pytest.fixture
def again(study, monkeypatch):
    """Trains the study's first cell anew in this process' Ray."""
    monkeypatch.setattr(module, "ray_runtime", lambda address: nullcontext())
    return lambda known: module.rerun(known, tiny.footage(), CPU)


def files(study):
    path = study.folder.root
    return {name: Folder(path).read(name) for name in ("study.json", f"cells/{study.cells[0].name}/{METRICS}")}


def copied(study, folder):
    shutil.copytree(study.folder.root, folder)
    return replace(study, folder=Folder(str(folder)))


def test_a_cell_that_was_interrupted_is_the_same_when_trained_anew(study, again, capfd):
    before = files(study)
    known = recorded_cell(study, study.cells[0].key[:5])
    compared = again(known)
    assert compared.differences == [] and compared.rerun.sha256 == known.done.metrics_sha256
    assert "the same, 2 epochs" in lines(compared)[0] and compared.facts()["same"]
    assert "2 of 2 epochs" in capfd.readouterr().err
    assert files(study) == before


def test_a_changed_metric_is_named_with_its_epoch_and_size(study, again, tmp_path):
    other = copied(study, tmp_path / "other")
    folder = other.cell_folder(other.cells[0])
    rows = folder.history()
    rows[1]["train/loss"] += 0.25
    folder.folder.write(METRICS, "".join(map(sealed_line, rows)).encode())
    compared = again(recorded_cell(other, other.cells[0].name))
    (first,) = compared.differences
    assert (first.where, first.metric, first.size) == ("epoch 2", "train/loss", pytest.approx(0.25))
    said = "\n".join(lines(compared))
    assert "DIFFERENT" in said and "First difference: epoch 2, train/loss: " in said and "(0.25 apart)" in said
    assert "The record was changed: the cell ended with" in said and "as the rerun does" in said
    assert "code (unnamed) was not recorded then" in compared.environment


def test_other_threads_and_a_loss_that_is_no_number_are_said(study, again):
    known = recorded_cell(study, study.cells[0].name)
    machine = {**known.done.machine, "threads": 2, "torch": "1.0"}
    cell = replace(
        known.cell, experiment=replace(known.cell.experiment, optim=replace(known.cell.experiment.optim, lr=1e30))
    )
    changed = Recorded(known.study, cell, known.folder, replace(known.done, machine=machine))
    try:
        compared = again(changed)
        assert torch.get_num_threads() == 2  # the record's
    finally:
        reset_globals(1)
    said = "\n".join(lines(compared))
    assert compared.diverged and "The rerun ended early: the training loss is" in said
    assert f"torch: 1.0 then, {torch.__version__} now" in said and "threads" not in "".join(compared.environment)


@pytest.mark.parametrize("key", ["", "zzz", "grn_lr0.01_seed1"])
def test_a_wrong_key_is_answered_with_the_names_that_there_are(study, key):
    with pytest.raises(StudyError, match=f"got '{key}'; study .* has: {study.cells[0].name}, {study.cells[1].name}$"):
        folder_name(study, key)


def test_a_key_of_several_cells_is_refused(study):
    for name in ("grnn_lr1_seed0_ab12", "grnn_lr1_seed1_ab34"):
        (CellFolder(study.folder / f"cells/{name}")).folder.write_json("config.json", {})
    try:
        with pytest.raises(StudyError, match="the beginning of 2: grnn_lr1_seed0_ab12, grnn_lr1_seed1_ab34"):
            folder_name(study, "ab")
    finally:
        for name in ("grnn_lr1_seed0_ab12", "grnn_lr1_seed1_ab34"):
            shutil.rmtree(f"{study.folder.root}/cells/{name}")


@pytest.fixture
def command(study, monkeypatch, capsys):
    """Runs the command on the study: its exit code, and what it printed on standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["rerun.py", "--study", study.folder.root, *arguments])
        return module.main(), capsys.readouterr().err

    return run


def test_a_cell_without_a_result_and_data_that_is_gone_are_refused_in_one_line(study, command):
    code, said = command("--cell", study.cells[1].key)
    assert code == 2 and "has none: run the search again to finish it" in said
    code, said = command("--cell", study.cells[0].key, "--data", "/nowhere")
    assert code == 2 and "is not in /nowhere/6px: say where it is with --data" in said and said.count("\n") == 1


def test_a_cell_of_other_code_is_refused(study, monkeypatch):
    name = study.cells[0].name
    monkeypatch.setattr("tune.core.study.PROTOCOL_VERSION", 2)
    with pytest.raises(StudyError, match="is another cell by this code: protocol_version changed"):
        recorded_cell(study, name)


def test_other_data_is_refused(study, prepared, command):
    code, said = command("--cell", study.cells[0].name, "--data", str(prepared / "8px"))
    assert code == 2 and "was trained on hash: bring that back" in said


def test_the_comparison_as_json_has_all_of_it(study, again):
    facts = json.loads(json.dumps(again(recorded_cell(study, study.cells[0].key)).facts()))
    assert facts["same"] and facts["recorded_sha256"] == facts["rerun_sha256"] == facts["sealed_sha256"]
