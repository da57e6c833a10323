"""The search on translating MNIST: from digits to a table of errors and to every measure, on the same engine as KTH."""

import json
import re

import pytest
import torch

import tune
from fernn.files.checkpoint import pack, unpack
from tests.support.digits import FEW, velocities
from tune import report, translating_mnist_search
from tune.commands.evaluate import main as evaluate

pytestmark = pytest.mark.usefixtures("few_digits")
TRANSLATING = translating_mnist_search.SEARCH


def tailoring(monkeypatch, capsys, study):
    """The documents of the model as it was trained and tailored by a learned quantity, of three clips."""
    asked = ["--study", study, "--steps", "2", "--clips", "3", "--json"]
    for _ in range(2):
        monkeypatch.setattr("sys.argv", ["noether_eval.py", *asked])
        capsys.readouterr()
        assert evaluate("quality") == 0
    printed = capsys.readouterr()
    assert "nothing to do: 1 cells are measured, and MLflow shows them" in printed.err
    return json.loads(printed.out)["models"]


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
    printed = capsys.readouterr()
    assert "nothing to do: 1 cells are measured, and MLflow shows them" in printed.err
    (found,) = json.loads(printed.out)["models"]
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


def test_the_bare_command_plans_the_papers_cells(command):
    code, printed = command("--plan", search=TRANSLATING)
    assert code == 0 and "27 cells (3 model × 3 lr × 3 seed), 0 done, 27 to run" in printed.err
    assert "not prepared yet, goes to" in printed.err and "datasets/mnist/digits" in printed.err
