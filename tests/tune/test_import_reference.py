"""Weights of the published code as an evaluated cell: accepted, refused, and never twice."""

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from data.files import sha256_of
from data.kth.stream import ClipStream, Footage
from data.mnist import demo
from data.stream import Corpus
from fernn.experiment import Experiment
from fernn.files.checkpoint import unpack
from fernn.models import MODELS
from fernn.reference import is_derived
from tests.support.stored_study import finished_study, planned_study
from tune.core.cell_folder import BEST
from tune.core.folder import Folder
from tune.core.given_weights import (
    ImportedCell,
    check_outputs,
    first_mismatch,
    imported_cells,
    imported_folder,
    published_network,
    published_velocities,
    read_weights,
)
from tune.core.protocol import load_study
from tune.core.study import Cell, Study, StudyError
from tune.import_reference import Options, evaluate_weights, like_the_study, main
from tune.report import markdown
from tune.reporting.table import Table, records

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tune/import_reference.py"
GOLDEN = ROOT / "tests/golden"
CASES = {
    "grnn": ("kth_grnn", {"model.hidden_channels": 16}),
    "fernn-v1": ("kth_fernn_v1", {"model.hidden_channels": 16}),
    "grnn-plus": ("kth_grnn_plus_v1", {"model.hidden_channels": 16, "model.velocity_range": (1, 1)}),
    "3dcnn": ("kth_3dcnn", {"model.base": 4}),
}
TWO_LAYERS = ("kth_fernn_v1_two_layers", {"model.hidden_channels": 8, "model.num_layers": 2})
SMALL = {"batch_size": 4, "data.size": 16, "data.num_frames": 4}


def published(case):
    """The state dict that the published code gave, and its ``v_list``."""
    path = GOLDEN / f"{case}.safetensors"
    weights = {name.removeprefix("weights."): w for name, w in load_file(path).items() if name.startswith("weights.")}
    with safe_open(path, "pt") as file:
        return weights, file.metadata().get("v_list_vy_vx")


def config(model, settings):
    return Experiment().override({"model": model, **settings}).model


@pytest.fixture
def saved(tmp_path):
    """Writes the golden weights of a case as the published code does."""

    def save(case, name="best_model.pth"):
        torch.save(published(case)[0], tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture(scope="module")
def footage():
    persons = np.array([1, 17, 18, 19, 21, 22])
    num_frames = np.full(len(persons), 20)
    frames = np.random.default_rng(0).integers(0, 256, (num_frames.sum(), 16, 16), dtype=np.uint8)
    ids = tuple(f"clip-{person}" for person in persons)
    offsets = np.cumsum(num_frames) - num_frames
    return Corpus(Footage(frames, ids, persons, persons % 6, offsets, num_frames, num_frames), ClipStream)


def imported_into(folder, path, model, settings, data_hash="hash"):
    """A new study and the cell that the file becomes in it."""
    experiment = Experiment().override({"model": model, **SMALL, **settings})
    return Study("s", Folder(str(folder)), {}, ()), ImportedCell(
        Cell(experiment, data_hash), path.name, sha256_of(path)
    )


@pytest.mark.parametrize(
    ("model", "case", "settings"), [(m, *c) for m, c in CASES.items()] + [("fernn-v1", *TWO_LAYERS)]
)
def test_published_weights_give_our_model_the_published_outputs(model, case, settings):
    weights, velocities = published(case)
    ours = config(model, settings)
    assert published_velocities(ours) == (tuple(eval(velocities)) if velocities else None)
    assert first_mismatch(weights, ours) == ""
    network, built = published_network(weights, ours), ours.build()
    built.load_state_dict(network.state_dict())
    check_outputs(built, network, [torch.rand(2, 5, 1, 16, 16)])


DRIFT = {"data.name": "translating-mnist", "model.hidden_channels": 8, "model.decoder_layers": 2}
TURN = {"data.name": "rotating-mnist", "model.hidden_fields": 1, "model.decoder_layers": 1}


@pytest.mark.parametrize(
    ("model", "case", "settings"),
    [
        ("fernn-v1", "translating_mnist_fernn_v1", DRIFT),
        ("grnn", "translating_mnist_grnn", DRIFT),
        ("fernn-v2", "rotating_mnist_fernn_v2", TURN),
    ],
)
def test_published_predictors_give_our_model_the_published_outputs(model, case, settings):
    with safe_open(GOLDEN / f"{case}.safetensors", "pt") as file:
        facts = file.metadata()
    ours = config(model, settings)
    expected = eval(facts.get("v_list_vx_vy") or facts["v_list_degrees"])
    assert list(published_velocities(ours)) == expected
    network, built = published_network(published(case)[0], ours), ours.build()
    built.load_state_dict(network.state_dict())
    inputs = torch.rand(2, 3, 1, 14, 14), 2
    check_outputs(built, network, inputs)
    other = replace(ours, rollout="equivariant").build()
    other.load_state_dict(network.state_dict())
    with pytest.raises(StudyError, match="must give the outputs of the published network"):
        check_outputs(other, network, inputs)


def test_a_published_predictor_becomes_a_study(two_cpus, saved, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ray.init", lambda **options: None)
    monkeypatch.setattr("ray.shutdown", lambda: None)  # other tests' Ray lives in this process
    monkeypatch.setattr(demo, "NUM_DIGITS", {"train": 40, "test": 20})
    demo.prepare(tmp_path / "data")
    few = ("data.num_sequences=[8,4,4]", *(f"{name}={value}" for name, value in DRIFT.items()))
    options = Options(saved("translating_mnist_fernn_v1"), "fernn-v1", "theirs", data=str(tmp_path / "data"), set=few)
    assert main(options) == 0, capsys.readouterr().err
    assert "validation error (MSE) 0." in capsys.readouterr().out
    (folder,) = (tmp_path / "studies/theirs/imported").iterdir()
    assert (folder / "examples.safetensors").exists()


def test_a_model_that_pads_otherwise_is_refused():
    weights, _ = published("kth_fernn_v1")
    ours = config("fernn-v1-circular", {"model.hidden_channels": 16})
    network, built = published_network(weights, ours), ours.build()
    built.load_state_dict(network.state_dict())
    with pytest.raises(StudyError, match="must give the outputs of the published network"):
        check_outputs(built, network, [torch.rand(2, 5, 1, 16, 16)])


@pytest.mark.parametrize(
    ("case", "model", "settings", "reason"),
    [
        ("kth_fernn_v1", "fernn-v2", {"model.hidden_channels": 16}, r"'lstm.shift_kernels' has shape \(9, 1, 3, 3\)"),
        ("kth_fernn_v1", "fernn-v1", {}, r"has shape .*, not \("),
        ("kth_grnn_plus_v1", "fernn-v1", {"model.hidden_channels": 16}, "'lstm.learned_kernels' has no place there"),
        ("kth_fernn_v1", "3dcnn", {}, "has no place there"),
        ("kth_fernn_v1_two_layers", "fernn-v1", {"model.hidden_channels": 8}, "conv_[hu]_layers.* has no place"),
        ("kth_fernn_v1", "fernn-v1", {"model.hidden_channels": 16, "model.num_layers": 2}, "is missing"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_the_first_that_does_not(case, model, settings, reason):
    with pytest.raises(StudyError, match=f"the weights do not fit {model}: .*{reason}") as refusal:
        published_network(published(case)[0], config(model, settings))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("case", "model", "settings"),
    [("kth_grnn", "grnn", CASES["grnn"][1]), ("kth_3dcnn", "3dcnn", CASES["3dcnn"][1]),
     ("kth_grnn_plus_v1", "grnn-plus", CASES["grnn-plus"][1]), ("kth_fernn_v1_two_layers", "fernn-v1", TWO_LAYERS[1]),
     ("translating_mnist_grnn", "grnn", DRIFT), ("rotating_mnist_fernn_v2", "fernn-v2", TURN)],
)  # fmt: skip
def test_a_weight_that_is_missing_is_called_by_its_published_name(case, model, settings):
    weights, ours = published(case)[0], config(model, settings)
    for name in [name for name in weights if not is_derived(name)]:
        others = {other: weight for other, weight in weights.items() if other != name}
        assert first_mismatch(others, ours) == f"{name!r} is missing"


def test_the_command_names_the_file_whose_weights_do_not_fit(prepared, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.save({}, tmp_path / "none.pth")
    torch.save({"state_dict": {"conv.weight": torch.ones(2)}}, tmp_path / "other.pth")
    for name, message in {
        "none.pth": "none.pth must be a state dict saved by torch.save or as safetensors, it holds no weights",
        "other.pth": "the weights in other.pth do not fit grnn: 'conv.weight' has no place there",
    }.items():
        assert main(Options(Path(name), "grnn", "theirs", data=str(prepared), set=("data.size=8",))) == 2
        assert f"error: {message}" in capsys.readouterr().err.splitlines()[-1]


def test_a_file_that_is_no_state_dict_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.pth").write_text("no weights")
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("text.pth", "list.pth"):
        with pytest.raises(StudyError, match=f"{name} must be a state dict saved by torch.save") as refusal:
            read_weights(tmp_path / name)
        assert "\n" not in str(refusal.value)
    with pytest.raises(FileNotFoundError):
        read_weights(tmp_path / "nothing.pth")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_bundle_in_another_precision_is_unwrapped_turned_and_said(dtype, tmp_path, capsys):
    weights = {
        f"module.{name}": w.to(dtype) if w.is_floating_point() else w for name, w in published("kth_grnn")[0].items()
    }
    torch.save(
        {"epoch": 3, "ema": weights, "state_dict": weights, "args": argparse.Namespace(lr=1)}, tmp_path / "w.pth"
    )
    found = read_weights(tmp_path / "w.pth")
    (line,) = capsys.readouterr().err.splitlines()
    number = sum(weight.is_floating_point() for weight in weights.values())
    precision = str(dtype).removeprefix("torch.")
    assert line.endswith(
        "w.pth: the weights are those under 'state_dict'; their names are read without 'module.'; "
        f"{number} tensors are turned from {precision} to float32"
    )
    ours = config("grnn", {"model.hidden_channels": 16})
    network, built = published_network(found, ours), ours.build()
    built.load_state_dict(network.state_dict())
    check_outputs(built, network, [torch.rand(2, 5, 1, 16, 16)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "it is a Git LFS pointer"),
        (b"<html>", "it is a web page"),
        (b"", "it is empty"),
        (b"PK\x03\x04" + b"\0" * 99, "it is a zip archive, cut short or damaged"),
    ],
)
def test_the_command_refuses_another_file_in_one_line_and_leaves_nothing(
    prepared, tmp_path, monkeypatch, capsys, content, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pth").write_bytes(content)
    assert main(Options(Path("w.pth"), "grnn", "theirs", data=str(prepared), set=("data.size=8",))) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: w.pth must be a state dict saved by torch.save") and message in line
    assert [path.name for path in tmp_path.iterdir()] == ["w.pth"]


def test_an_imported_cell_is_evaluated_and_kept_beside_the_grid(two_cpus, footage, saved, tmp_path):
    path = saved("kth_fernn_v1")
    study, imported = imported_into(tmp_path / "s", path, "fernn-v1", CASES["fernn-v1"][1])
    evaluate_weights(study, imported, read_weights(path), footage)
    folder, loaded = imported_folder(study, imported), load_study(study.folder)
    done = folder.done()
    assert (done.status, done.epochs, done.key) == ("imported", 0, imported.key)
    assert folder.config()["imported"] == {"sha256": sha256_of(path), "name": "best_model.pth"}
    assert folder.predictions()["split"].to_pylist() == ["validation"] * 3 + ["test"] * 2
    assert loaded.cells == () and imported_cells(loaded) == (imported,)
    weights, _ = unpack(folder.folder.read(BEST))
    assert torch.equal(weights["head.weight"], published("kth_fernn_v1")[0]["fc.weight"])
    (record,) = records(Table.of(loaded))
    assert (record["validation_accuracy"], record["test_accuracy"]) == (
        done.metrics["validation/accuracy"], done.metrics["test/accuracy"],
    )  # fmt: skip
    assert "fernn-v1 (imported, not trained here: best_model.pth)" in markdown(Table.of(loaded))
    assert like_the_study(loaded, {"model": "grnn"}).data == imported.cell.experiment.data


def test_weights_that_are_refused_leave_nothing(two_cpus, footage, saved, tmp_path):
    path = saved("kth_fernn_v1")
    study, imported = imported_into(tmp_path / "s", path, "fernn-v1-circular", CASES["fernn-v1"][1])
    with pytest.raises(StudyError):
        evaluate_weights(study, imported, read_weights(path), footage)
    assert not (tmp_path / "s").exists()


def test_the_key_depends_on_the_weights_and_not_on_the_files_name(saved, tmp_path):
    path = saved("kth_grnn")
    _, one = imported_into(tmp_path, path, "grnn", {})
    assert replace(one, file_name="other.pth").key == one.key
    others = [replace(one, sha256="0" * 64), imported_into(tmp_path, path, "grnn", {"seed": 1})[1]]
    others.append(imported_into(tmp_path, path, "grnn", {}, data_hash="other")[1])
    assert len({cell.key for cell in [one, *others]}) == 4 and one.key != one.cell.key


def test_an_imported_row_stands_in_the_table_without_a_published_value(tmp_path, footage, saved, two_cpus):
    space = {"model": ("fernn-v2",), "optim.lr": (1e-3,), "seed": (0,)}
    study = finished_study(tmp_path / "s", space, {("fernn-v2", 1e-3, 0): (7, 7)}, settings={})
    path = saved("kth_grnn")
    _, imported = imported_into(tmp_path / "s", path, "grnn", CASES["grnn"][1])
    evaluate_weights(study, imported, read_weights(path), footage)
    trained, brought = records(Table.of(load_study(study.folder)))
    assert trained["published"] == 0.716 and "uncertain" in trained["certainty"]
    assert brought["published"] is None and brought["origin"].startswith("imported, not trained here")


def test_an_existing_study_keeps_its_protocol(tmp_path):
    study = planned_study(tmp_path / "s", {"model": ("grnn",)}, settings={"data.size": 16, "precision": "bf16"})
    found = like_the_study(study, {"model": "fernn-v1", "seed": 2, "model.hidden_channels": 4})
    assert (found.data.size, found.precision, found.seed) == (16, "bf16", 2)
    assert found.model == replace(MODELS["kth"]["fernn-v1"], hidden_channels=4)
    with pytest.raises(StudyError, match="'data.size' is its protocol"):
        like_the_study(study, {"model": "grnn", "data.size": 8})


@pytest.mark.soak
def test_the_command_imports_once(prepared, saved, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = saved("kth_grnn")
    known = Options(path, "grnn", "theirs", set=("model.hidden_channels=16",))
    assert main(known) == 2
    assert capsys.readouterr().err.endswith("; --data DIR begins a new study\n")

    command = [sys.executable, SCRIPT, path, "--model", "grnn", "--study", "theirs", "--data", prepared]
    done = subprocess.run(
        [*command, "--set", "data.size=8", "--set", *known.set],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "best_model.pth is imported as grnn_" in done.stdout and "DEMO: rendered" in done.stdout
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "studies").rglob("*")}
    assert main(known) == 0 and "was imported before as grnn_" in capsys.readouterr().out
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "studies").rglob("*")} == before

    assert main(replace(known, set=())) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: the weights in {path} do not fit grnn: ")
    assert main(replace(known, model="gru")) == 2 and "unknown model 'gru'" in capsys.readouterr().err
