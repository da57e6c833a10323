"""Searches over frame predictors: from digits to a table of errors, on the same engine as KTH."""

import json
import re

import pytest

import tune
from data.mnist import demo
from tune import report, rotating_mnist_search, translating_mnist_search, velocity_eval

TRANSLATING, ROTATING = translating_mnist_search.SEARCH, rotating_mnist_search.SEARCH
FEW = ["--preset", "demo", "--lrs", "1e-3", "--seeds", "0", "--epochs", "2", "--batch-size", "8"]
FEW += ["--set", "data.num_sequences=[16,8,8]"]


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    monkeypatch.setattr(demo, "NUM_DIGITS", {"train": 40, "test": 20})


def test_a_rotating_demo_runs(command, two_cpus):
    code, (out, err) = command(*FEW, "--models", "fernn-v2", "--set", "data.angle_step=20", search=ROTATING)
    assert code == 0 and re.search(r"fernn-v2 +│ 12,210", out), err


def test_a_demo_runs_from_digits_to_table_and_weights(command, two_cpus, tmp_path):
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
    with pytest.raises(tune.study.StudyError, match="measured on KTH's clips so far"):
        velocity_eval.open_study(velocity_eval.Options(name))


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
        (["--files", "nowhere"], "has neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz"),
        (["--set", "data.input_frames=20"], "data.input_frames must be below data.num_frames = 20, got 20"),
        (["--set", "model.velocities=[15]"], "velocity must be a multiple of 360/36 = 10 degrees, got 15"),
        (["--set", "data.split=official"], "unknown field 'data.split'"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(arguments, message, command):
    code, said = command("--yes", *arguments, search=ROTATING)
    assert code == 2 and message in said.err.splitlines()[-1]
