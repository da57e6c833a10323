"""Noether Networks from videos to table, quality of frames and report, on the same engine as KTH."""

import json
import re

import numpy as np
import pytest

from data.physics101 import demo
from fernn.files.checkpoint import unpack
from tune import noether_search, report
from tune.commands.evaluate import main as evaluate

RAMP = noether_search.SEARCH
FEW = ["--preset", "demo", "--seeds", "0", "--epochs", "1"]
TINY = ["--set", "data.size=16", "--set", "data.num_frames=5", "--set", "model.widths=[2,3]"]
TINY += ["--set", "model.depths=[1,1]", "--set", "model.recurrent=4", "--set", "model.embedding_width=2"]


@pytest.fixture(autouse=True)
def few_videos(monkeypatch):
    monkeypatch.setattr(demo.DemoConfig.__init__, "__defaults__", (3, 3))
    monkeypatch.setattr(demo.render, "__kwdefaults__", {"objects": 3, "trials": 3})


def measure(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["noether_eval.py", "--study", "physics101-demo", *arguments])
    capsys.readouterr()
    assert evaluate("quality") == 0
    return capsys.readouterr()


@pytest.mark.soak
def test_a_ramp_demo_runs_from_videos_to_table_quality_and_report(command, two_cpus, tmp_path, monkeypatch, capsys):
    code, (out, err) = command(*FEW, *TINY, search=RAMP)
    assert code == 0 and "DEMO: rendered blocks, not Physics 101" in out, err
    assert re.search(r"noether, inner_steps 0 +│", out) and re.search(r"noether, inner_steps 1 +│", out)
    printed = measure(monkeypatch, capsys, "--steps", "3", "--inner-lr", "3000", "--json")
    plain, tailored = json.loads(printed.out)["models"]
    (found,) = tailored["cells"]
    inner = found["inner"]["mean"]
    assert len(inner) == 4 and inner[-1] < inner[0] and len(found["outer"]["error"]) == 4
    assert set(found["frames"]) == {"0", "1", "3"} and len(found["frames"]["1"]["ssim"]["mean"]) == 3
    (without,) = plain["cells"]
    assert len(without["inner"]["mean"]) == 1 and set(without["frames"]) == {"0"}
    cells = {path.name.split("_seed")[0]: path for path in (tmp_path / "studies/physics101-demo/cells").iterdir()}
    done = [json.loads((path / "done.json").read_text())["metrics"]["test/mse"] for path in cells.values()]
    mean = np.mean(without["frames"]["0"]["mse"]["mean"])
    assert any(mean == pytest.approx(value, rel=1e-4) for value in done)  # the draws of its completion
    assert without["outer"]["mean"][0] == pytest.approx(3 * mean, rel=1e-4)
    again = measure(monkeypatch, capsys, "--steps", "3", "--inner-lr", "3000").err
    assert "nothing to do: 2 cells are measured, and MLflow shows them" in again
    way = "steps-3_lr-3000"
    assert len(list(tmp_path.rglob(f"quality-{way}/quality.png"))) == 5  # two cells', two models', the study's
    assert len(list(tmp_path.rglob(f"quality-{way}/grad-cam.png"))) == 2  # of the cell and the model that take steps
    kept = tmp_path.glob(f"studies/*/cells/*/quality/{way}.safetensors")
    maps = [unpack(path.read_bytes())[0] for path in kept]
    assert len(maps) == 2 and all(one["heat"].shape[1:] == (3, 16, 16) and one["heat"].min() >= 0 for one in maps)
    monkeypatch.setattr("fernn.models.noether.TailoredNetwork.rollout", None)  # a report runs no network
    assert report.main(report.Options("physics101-demo")) == 0
    pictures = {path.stem for path in (tmp_path / "studies/physics101-demo/report").glob("*.png")}
    assert {f"quality-{way}", f"inner-steps-{way}", f"grad-cam-{way}-noether-inner_steps-1"} <= pictures


def test_searched_fields_are_set_by_all_their_values(command):
    code, printed = command("--plan", "--set", "model.inner_steps=[0,1,5]", "--seeds", "0", search=RAMP)
    assert code == 0 and "3 cells (1 model × 3 inner_steps × 1 lr × 1 seed)" in printed.err
    code, printed = command("--plan", "--set", "model.inner_steps=-1", search=RAMP)
    assert code == 2 and "inner_steps must be 0 or more, got -1" in printed.err
    code, printed = command("--plan", "--set", "seed=3", search=RAMP)
    assert code == 2 and "seed is searched, so it cannot be set: use --seeds" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--files", "nowhere"], "--videos must name files that are there, nowhere is not"),
        (["--preset", "demo", "--protocol", "published"], "22 frames, every 2nd of the video, split by clip, got"),
        (["--no-download"], "has no data: drop --no-download"),
        (["--models", "grnn"], "unknown model 'grnn'"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(arguments, message, command):
    code, printed = command("--yes", *arguments, search=RAMP)
    assert code == 2 and message in printed.err.splitlines()[-1]
