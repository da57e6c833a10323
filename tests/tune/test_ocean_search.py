"""The search on ocean currents: from NetCDF to a report with shifted errors, spectra and speed maps."""

import json
import re

import pytest

import tune
from data.ocean import demo
from fernn.files.checkpoint import unpack
from tune import report
from tune.analysis.published import setting_deviations
from tune.core.folder import Folder
from tune.core.study import Study
from tune.ocean_search import SEARCH

FEW = ["--preset", "demo", "--models", "unet-um", "--lrs", "1e-3", "--epochs", "2", "--set", "model.narrowing=8"]
FEW += ["--set", "data.num_clips=[16,4,4,4]"]


@pytest.mark.soak
def test_a_demo_runs_from_currents_to_shifted_errors_and_pictures(command, two_cpus, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "NUM_DAYS", 60)
    code, (out, err) = command(*FEW, search=SEARCH)
    assert code == 0 and "validation error (RMSE)" in out and "DEMO: eddies on a drifting current" in out, err
    code, (_, err) = command(*FEW, search=SEARCH)
    assert code == 0 and "2 done, 0 to run" in err
    cells = sorted((tmp_path / "studies/ocean-demo/cells").iterdir())
    metrics = json.loads((cells[0] / "done.json").read_text())["metrics"]
    assert metrics["test/um_rmse"] == pytest.approx(metrics["test/rmse"], rel=1e-4)  # the law, on a trained network
    assert metrics["test/mag_rmse"] != pytest.approx(metrics["test/rmse"], rel=1e-3)
    assert {"test/ese", "test/domain_rmse", "test/scale_ese", "validation/rmse"} <= set(metrics)
    rows = [json.loads(line) for line in (cells[0] / "metrics.jsonl").read_text().splitlines()]
    best = min(rows, key=lambda row: row["validation/rmse"])
    assert rows[-1]["best/rmse"] == best["validation/rmse"] == metrics["validation/rmse"]
    examples = unpack((cells[0] / "examples.safetensors").read_bytes())[0]
    assert examples["clips"].shape == (4, 8, 1, 16, 16) and examples["predicted"].shape == (4, 4, 1, 16, 16)
    network, experiment = tune.load_best("ocean-demo", "unet-um")
    assert network.input_length == 4 and experiment.optim.decay == 0.9

    assert report.main(report.Options("ocean-demo")) == 0
    folder = tmp_path / "studies/ocean-demo/report"
    table = (folder / "table.md").read_text()
    assert re.search(r"\| unet-um \| [\d,]+ \| 0.001 \| 2 \| 0\.\d+ \|", table)
    assert "model.narrowing is 8; the paper's is 1." in table and "No published values stand here" in table
    header, line = (folder / "rmse.csv").read_text().splitlines()
    assert header == "marks,model,later in time,other tiles,uniform motion,magnitude,rotation,scale"
    assert line.count("±") == 6
    assert "unet-rot,0.74 ± 0.02,0.63 ± 0.00,1.08 ± 0.02,0.85 ± 0.01" in (folder / "published-ocean.csv").read_text()
    pictures = {path.stem for path in folder.glob("*.png")}
    assert {"validation", "rollouts", "rmse-by-horizon", "spectra"} <= pictures


def test_augmented_rows_stand_beside_the_papers_and_say_nothing_of_another_model(tmp_path):
    def study(name, models=None):
        preset = SEARCH.presets[name]
        space = preset.space | ({"model": models} if models else {})
        return Study("s", Folder(str(tmp_path)), space, preset.cells(SEARCH.base, space, "hash"))

    assert len(study("augmentation").cells) == 100 + 8 * 2 * 5 and len(study("paper").cells) == 100
    augmented = setting_deviations(study("augmentation", ("unet-augmented-rot",)), SEARCH)
    assert not [said for said in augmented if "is not in the paper" in said]
    found = set(setting_deviations(study("temperature", ("unet",)), SEARCH)) - set(augmented)
    beside = {
        "data.quantities is currents-and-temperature; the paper's is currents.",
        "model.scalars is 1; the paper's is 0.",
    }
    assert beside <= found


def test_the_bare_command_plans_the_papers_ten_models(command):
    code, printed = command("--plan", search=SEARCH)
    assert code == 0 and "100 cells (10 model × 2 lr × 5 seed), 0 done, 100 to run" in printed.err
    code, printed = command("--yes", search=SEARCH)
    assert code == 2 and "ocean currents cannot be downloaded without an account" in printed.err
