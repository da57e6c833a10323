"""The search on convection: from a solver, or a published file, to a report with shifted errors, spectra and maps."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from data.registry import data_set
from fernn.config import data_config
from fernn.files.checkpoint import unpack
from fernn.models import MODELS
from fernn.train.loop import fit
from fernn.train.run import Run
from tune import report
from tune.analysis.published import deviations, obstacles, search_of
from tune.convection_search import SEARCH
from tune.core.cells import plan_cells
from tune.core.folder import Folder
from tune.core.study import Study

TINY = ["--models", "unet-um", "--lrs", "1e-3", "--seeds", "0", "--epochs", "2", "--set", "model.narrowing=8"]
FIELDS = {
    "data.refinement": 1, "data.rayleigh": 1e5, "data.num_fields": 40, "data.num_clips": [16, 4, 4, 0],
    "data.warm_up": 20.0,
}  # fmt: skip
LAYER = [part for name, value in FIELDS.items() for part in ("--set", f"{name}={value}")]


def whirls(num_frames, height, width):
    """Velocities (t, 2, h, w) of whirls that drift along a layer, first row on top."""
    y, x = np.linspace(0, np.pi, height)[:, None], np.linspace(0, np.pi * width / height, width)
    frames = [[-np.sin(x - 0.3 * t) * np.cos(y), -np.cos(x - 0.3 * t) * np.sin(y)] for t in range(num_frames)]
    return np.array(frames, np.float32)


def test_what_the_demo_solves_for_is_streamed_and_trained_on(two_cpus, tmp_path):
    """The parts of a trial without Ray Tune; the whole command is a soak test."""
    preset = SEARCH.presets["demo"]
    point = {"model": ("unet-um",), "optim.lr": (1e-3,), "seed": (0,)}
    (cell,) = plan_cells(SEARCH.base, point, "hash", preset.defaults, FIELDS | {"epochs": 2})
    experiment = cell.experiment
    manifest = data_set("made-convection").prepare_demo(tmp_path, experiment.data)
    home = data_set("made-convection").folder_of(tmp_path, experiment.data)
    stream = data_set(experiment.data.name).read(home, manifest).stream(experiment.data, 8)
    rows = list(fit(run := Run.start(experiment), stream))
    assert manifest.demo and rows[1]["train/rmse"] < rows[0]["train/rmse"] and rows[1]["validation/rmse"] < 2
    found = run.predict(stream.evaluation("test")).metrics()
    assert found["um_rmse"] == pytest.approx(found["rmse"], rel=1e-3)  # the law, on a trained network
    assert {"ese", "mag_rmse", "rot_ese", "scale_ese"} <= set(found) and "domain_rmse" not in found


@pytest.mark.soak
def test_a_demo_runs_from_the_solver_to_shifted_errors(command, two_cpus, tmp_path):
    code, (out, err) = command("--preset", "demo", *TINY, *LAYER, search=SEARCH)
    assert code == 0 and "validation error (RMSE)" in out and "DEMO: fields of a small layer" in out, err
    (cell,) = (tmp_path / "studies/convection-demo/cells").iterdir()
    metrics = json.loads((cell / "done.json").read_text())["metrics"]
    assert metrics["test/um_rmse"] == pytest.approx(metrics["test/rmse"], rel=1e-3)  # the law, on a trained network
    assert {"test/ese", "test/mag_rmse", "test/rot_ese", "test/scale_ese"} <= set(metrics)
    assert "test/domain_rmse" not in metrics
    examples = unpack((cell / "examples.safetensors").read_bytes())[0]
    assert examples["clips"].shape == (4, 8, 1, 16, 16)


@pytest.mark.soak
def test_a_published_file_is_searched_on_and_the_report_says_what_is_known(command, two_cpus, tmp_path):
    torch.save(torch.from_numpy(whirls(60, 32, 64)), tmp_path / "rbc_data.pt")
    small = ["--set", "data.size=16", "--set", "data.num_frames=8", "--set", "data.input_frames=4"]
    small += ["--set", "data.num_clips=[8,4,4,0]", "--set", "model.input_length=4", "--set", "model.output_length=2"]
    code, (out, err) = command(*TINY, *small, "--files", tmp_path, "--yes", "--study", "file", search=SEARCH)
    assert code == 0 and "Fields are standardised by the training frames" in out, err
    assert report.main(report.Options("file")) == 0
    folder = tmp_path / "studies/file/report"
    table = (folder / "table.md").read_text()
    assert re.search(r"\| unet-um \| [\d,]+ \| 0.001 \| 1 \| \d\.\d+ \|", table)
    assert "the published script does it by all, the test's included" in table
    header = (folder / "rmse.csv").read_text().splitlines()[0]
    assert header == "marks,model,later in time,uniform motion,magnitude,rotation,scale"
    assert {"validation", "rollouts", "rmse-by-horizon", "spectra"} <= {path.stem for path in folder.glob("*.png")}
    assert "resnet-rot,0.65,0.76,0.15,0.16" in (folder / "published-convection.csv").read_text()
    assert "data/convection/CARD.md" in (tmp_path / "studies/file/reproducibility.md").read_text()


def test_what_is_known_of_the_papers_table_stands_beside_its_doubt():
    table = SEARCH.literature
    assert table.rows == [["resnet-rot", "0.65", "0.76", "0.15", "0.16"]]
    assert "without a known reason" in " ".join(table.remarks) and not SEARCH.published


def test_the_bare_command_plans_the_papers_ten_models_and_names_the_ways_to_data(command):
    code, said = command("--plan", search=SEARCH)
    assert code == 0 and "150 cells (10 model × 3 lr × 5 seed), 0 done, 150 to run" in said.err
    code, said = command("--yes", search=SEARCH)
    assert code == 2 and "rbc_data.pt is not downloaded" in said.err and "data.name=made-convection" in said.err
    code, said = command("--plan", "--set", "data.name=made-convection", search=SEARCH)
    assert code == 0 and "150 cells" in said.err


def study_of(preset, folder, settings):
    """Its plan, without data."""
    space, defaults = SEARCH.presets[preset].space, SEARCH.presets[preset].defaults
    cells = plan_cells(SEARCH.base, space, "hash", defaults, settings)
    return Study("s", Folder(str(folder)), space, cells, demo=preset == "demo")


@pytest.mark.parametrize(
    ("preset", "settings"), [("demo", {}), ("small", {}), ("paper", {"data.name": "made-convection"})]
)
def test_a_study_on_fields_solved_for_says_so_and_shows_no_published_number(preset, settings, tmp_path):
    study = study_of(preset, tmp_path, settings)
    search = search_of(study)
    assert search is SEARCH and "data.name is made-convection, the paper's is convection" in obstacles(study, search)
    found = deviations(study, search)
    assert {"data.name is made-convection; the paper's is convection.", *SEARCH.always_deviates} <= set(found)
    assert any("fields of a small layer" in one for one in found) == (preset == "demo")


def test_of_the_papers_seeds_nothing_is_claimed_and_of_its_learning_rates_each_models(tmp_path):
    study = study_of("paper", tmp_path, {})
    found = deviations(replace(study, space={**study.space, "seed": (0, 1)}), SEARCH)
    assert not [said for said in found if "Seeds" in said]
    searched = "Learning rates searched: 0.001, 0.005, 0.0001; the paper's:"
    assert f"{searched} 0.005 (resnet-mag, unet-mag)." in found
    assert f"{searched} 0.0001 (resnet-scale, unet-scale)." in found
    assert obstacles(study, SEARCH) == []


@pytest.mark.parametrize("was_demo", [True, False])
def test_what_asks_for_fields_says_whether_they_are_a_demo_not_what_solved_for_them(command, tmp_path, was_demo):
    demo = SEARCH.presets["demo"]
    both = replace(SEARCH, presets={**SEARCH.presets, "small": replace(demo, demo=False)})
    few = FIELDS | {"data.num_fields": 20, "data.warm_up": 0.0, "data.num_frames": 3, "data.input_frames": 2}
    (cell, *_) = plan_cells(SEARCH.base, demo.space, "hash", demo.defaults, few)
    dataset, out = data_set("made-convection"), tmp_path / "data"
    dataset.prepare_demo(out, cell.experiment.data) if was_demo else dataset.prepare(out, cell.experiment.data, None)
    changed = [part for name, value in few.items() for part in ("--set", f"{name}={value}")]
    for preset in ("demo", "small"):
        code, (_, err) = command("--plan", "--preset", preset, "--data", out, *TINY, *changed, search=both)
        assert code == 0 and "4 clips" in err and ("DEMO: " in err) == (preset == "demo"), err


def test_the_models_have_the_settings_of_the_released_commands():
    for config in MODELS["convection"].values():
        assert (config.input_length, config.kernel_size) == (24, 3)
        assert config.output_length == (3 if config.name.startswith("resnet") else 4)
    base = SEARCH.base
    assert (base.batch_size, base.epochs, base.optim.decay, base.optim.weight_decay) == (16, 100, 0.95, 4e-4)
    assert base.data == data_config("convection") and base.data.horizon == 10
