"""Searches over frame predictors: from digits to a table of errors, on the same engine as KTH."""

import json
import re

import pyarrow as pa
import pytest
import torch

import tune
from data.mnist import demo
from fernn.files.checkpoint import pack, unpack
from fernn.train.run import Run
from tune import report, rotating_mnist_search, translating_mnist_search
from tune.commands.evaluate import EvaluationOptions, Options, open_study
from tune.commands.evaluate import main as evaluate
from tune.core.folder import Folder
from tune.core.protocol import save_study
from tune.core.result import Result
from tune.core.study import Study, StudyError, plan_cells
from tune.measures.registry import MEASURES

TRANSLATING, ROTATING = translating_mnist_search.SEARCH, rotating_mnist_search.SEARCH
FEW = ["--preset", "demo", "--lrs", "1e-3", "--seeds", "0", "--epochs", "2", "--batch-size", "8"]
FEW += ["--set", "data.num_sequences=[16,8,8]"]


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    monkeypatch.setattr(demo, "NUM_DIGITS", {"train": 40, "test": 20})


@pytest.mark.soak
def test_a_rotating_demo_runs(command, two_cpus, tmp_path, monkeypatch, capsys):
    code, (out, err) = command(*FEW, "--models", "fernn-v2", "--set", "data.angle_step=20", search=ROTATING)
    assert code == 0 and re.search(r"fernn-v2 +│ 12,210", out), err
    found = velocities(monkeypatch, capsys, "rotating-mnist-demo", "2")
    assert found["training_range"] == 2 and {"V2", "angle_-40", "angle_40"} <= set(found["mse"])
    assert len(list(tmp_path.rglob("velocity/curve.png"))) == 2  # the cell's and the model's


def velocities(monkeypatch, capsys, study, radius):
    """The model's document, as ``velocity_eval.py`` prints it."""
    monkeypatch.setattr("sys.argv", ["velocity_eval.py", "--study", study, "--range", radius, "--json"])
    capsys.readouterr()
    assert evaluate("velocity") == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    return model


def tailoring(monkeypatch, capsys, study):
    """The documents of the model as it was trained and tailored by a learned quantity, of three clips."""
    asked = ["--study", study, "--steps", "2", "--clips", "3", "--json"]
    for _ in range(2):
        monkeypatch.setattr("sys.argv", ["noether_eval.py", *asked])
        capsys.readouterr()
        assert evaluate("quality") == 0
    said = capsys.readouterr()
    assert "nothing to do: 1 cells are measured, and MLflow shows them" in said.err
    return json.loads(said.out)["models"]


@pytest.mark.soak
def test_a_demo_runs_from_digits_to_table_and_weights(command, two_cpus, tmp_path, monkeypatch, capsys):
    search = TRANSLATING
    model = search.presets["demo"].space["model"][0]
    code, (out, err) = command(*FEW, "--models", model, search=search)
    name = f"{search.base.data.name}-demo"
    assert code == 0 and "validation error (MSE)" in out and "DEMO: digits rendered from fonts" in out, err
    cell = next((tmp_path / f"studies/{name}/cells").iterdir())
    rows = [json.loads(line) for line in (cell / "metrics.jsonl").read_text().splitlines()]
    best = min(rows, key=lambda row: row["validation/mse"])
    assert rows[-1]["best/mse"] == best["validation/mse"] and rows[-1]["best/epoch"] == best["epoch"]
    code, (_, err) = command(*FEW, "--models", model, search=search)
    assert code == 0 and "1 done, 0 to run" in err
    network, experiment = tune.load_best(name, model)
    assert experiment.data == search.base.data.override(
        {k.removeprefix("data."): v for k, v in search.presets["demo"].defaults.items() if k.startswith("data.")}
        | {"num_sequences": (16, 8, 8)}
    )
    assert report.main(report.Options(name)) == 0
    table = (tmp_path / f"studies/{name}/report/table.md").read_text()
    assert re.search(rf"\| {model} \| [\d,]+ \| 0.001 \| 1 \| 0\.\d+ \| 0\.\d+ \|", table)
    assert "the paper's is 50" in table and "The data is a demo: digits rendered from fonts" in table

    done = json.loads((cell / "done.json").read_text())
    for _ in range(2):
        monkeypatch.setattr("sys.argv", ["length_eval.py", "--study", name, "--horizon", "7", "--json"])
        capsys.readouterr()
        assert evaluate("length") == 0
    said = capsys.readouterr()
    assert "nothing to do: 1 cells are measured, and MLflow shows them" in said.err
    (found,) = json.loads(said.out)["models"]
    assert (found["label"], found["n"], len(found["mean"])) == (model, 1, 7)
    assert sum(found["mean"][:6]) / 6 == pytest.approx(done["metrics"]["test/mse"])  # it was trained to predict six
    for picture in ("length/curves.png", "length/rollouts.png"):
        assert len(list(tmp_path.rglob(picture))) == 3  # the cell's, the model's, the study's
    plain, tailored = tailoring(monkeypatch, capsys, name)
    assert (plain["label"], tailored["label"]) == (model, f"{model}, tailored") and plain["own_steps"] == [0]
    (kept,) = tailored["cells"]
    chosen, tried = kept["own_steps"], kept["validation"]
    assert (len(tried), kept["num_clips"], len(kept["inner"]["mean"])) == (3, 3, 3)
    assert tried[f"{kept['inner_lr']:g}"][chosen] == min(error for errors in tried.values() for error in errors)
    assert all(errors[0] == tried["0.001"][0] for errors in tried.values())  # no step yet, whatever the rate
    assert tailored["own_steps"] == [chosen] and set(kept["frames"]) == {"0", str(chosen), "2"}
    assert len(list(tmp_path.rglob("quality-steps-2_clips-3/inner-steps.png"))) == 3
    error = velocities(monkeypatch, capsys, name, "1")["mse"]
    assert error["V0"] == error["vy_0_vx_0"] and len(error) == 3 + 9
    assert len(list(tmp_path.rglob("velocity/heatmap.png"))) == 2
    assert len(list(tmp_path.rglob("rollouts-test.png"))) == 1
    assert report.main(report.Options(name)) == 0
    pictures = {path.stem for path in (tmp_path / f"studies/{name}/report").glob("*.png")}
    assert {"validation", "rollouts", "length", "length-rollouts", "velocity"} <= pictures
    examples = unpack((cell / "examples.safetensors").read_bytes())[0]
    assert examples["clips"].shape == (4, 12, 1, 28, 28) and examples["predicted"].shape == (4, 6, 1, 28, 28)
    longer, subject = unpack((cell / "length.safetensors").read_bytes())
    assert torch.equal(longer["predicted"][:, :6], examples["predicted"]) and subject["horizon"] == 7
    (cell / "length.safetensors").write_bytes(pack(longer, {**subject, "horizon": 8}))
    (tmp_path / f"studies/{name}/report/length-rollouts.png").unlink()
    assert report.main(report.Options(name)) == 0  # those of another horizon are not shown
    assert not (tmp_path / f"studies/{name}/report/length-rollouts.png").exists()


@pytest.mark.parametrize(
    ("options", "horizon", "message"),
    [
        ({"study": "digits"}, 0, "--horizon must be 1 or more, got 0"),
        ({"study": "digits", "models": ("grn",)}, 7, "did you mean 'grnn'"),
    ],
)
def test_what_cannot_be_measured_is_refused(options, horizon, message, tmp_path):
    space = {"model": ("grnn",), "seed": (0,)}
    cells = plan_cells(TRANSLATING.base, space, "hash", {"model.hidden_channels": 2})
    study = Study("digits", Folder(str(tmp_path / "digits")), space, cells)
    save_study(study)
    table = pa.Table.from_pylist([{"split": s, "id": "0", "errors": [0.5]} for s in ("validation", "test")])
    folder = study.cell_folder(cells[0])
    folder.begin(Run.start(cells[0].experiment))
    folder.finish(table, Result(num_parameters=1))
    length = MEASURES["length"]
    with pytest.raises((StudyError, KeyError), match=message):
        open_study(length, Options(EvaluationOptions(storage=str(tmp_path), **options), length.settings(horizon)))


def test_the_bare_commands_plan_the_papers_cells(command):
    for search in (TRANSLATING, ROTATING):
        code, said = command("--plan", search=search)
        assert code == 0 and "27 cells (3 model × 3 lr × 3 seed), 0 done, 27 to run" in said.err
        assert "not prepared yet, goes to" in said.err and "datasets/mnist/digits" in said.err
    _, said = command("--preset", "figure4", "--plan", search=ROTATING)
    assert "18 cells (2 model × 3 lr × 3 seed)" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "figure5"], "--preset must be one of paper, figure4, demo in this search, got 'figure5'"),
        (["--models", "3dcnn"], "unknown model '3dcnn'"),
        (["--no-download"], "has no data: drop --no-download"),
        (["--files", "nowhere"], "--videos must name files that are there, nowhere is not"),
        (["--set", "data.input_frames=20"], "data.input_frames must be below data.num_frames = 20, got 20"),
        (["--set", "model.velocities=[15]"], "velocity must be a multiple of 360/36 = 10 degrees, got 15"),
        (["--set", "data.split=official"], "unknown field 'data.split'"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(arguments, message, command):
    code, said = command("--yes", *arguments, search=ROTATING)
    assert code == 2 and message in said.err.splitlines()[-1]
