"""The search over video predictors: from clips to scores, fine-tuned from a checkpoint, on the same engine."""

import json
import re

import pyarrow as pa
import pytest
import torch
import torchvision
from safetensors.torch import save_file

import tune
from data.mnist import demo
from fernn.files.checkpoint import pack, unpack
from fernn.models import MODELS
from fernn.train.run import Run
from tune import kth_video_search, report, video_search
from tune.analysis.published import deviations
from tune.commands.evaluate import main as evaluate
from tune.core.cells import plan_cells
from tune.core.folder import Folder
from tune.core.given_weights import initial_weights, store_weights
from tune.core.protocol import save_study
from tune.core.result import Result
from tune.core.study import Study, StudyError
from tune.reporting.figures import study_figures
from tune.reporting.table import Table
from tune.reporting.tables import report_tables

FEW = ["--seeds", "0", "--epochs", "1", "--batch-size", "4", "--set", "data.num_clips=[8,4,4]"]
TINY = ["--set", "model.hidden_channels=2", "--set", "model.kernel_size=3", "--set", "model.patch_size=8"]
NARROW = {"model.hidden_channels": 2, "model.num_layers": 2, "model.kernel_size": 3, "model.patch_size": 8}


def quality(monkeypatch, capsys, folder, *arguments):
    """The only cell's document, with LPIPS on weights that are drawn."""
    file = folder / "alexnet.safetensors"
    save_file(torchvision.models.alexnet(weights=None).features.state_dict(prefix="features."), file)
    asked = ["--study", "moving-mnist-demo", "--lpips", str(file), *arguments, "--json"]
    monkeypatch.setattr("sys.argv", ["noether_eval.py", *asked])
    capsys.readouterr()
    assert evaluate("quality") == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    return model["cells"][0]


@pytest.mark.soak
def test_a_demo_runs_and_its_weights_are_fine_tuned(command, two_cpus, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "NUM_DIGITS", {"train": 40, "test": 20})
    asked = ["--preset", "demo", "--models", "e3d-lstm", "--lrs", "1e-3", *FEW, *TINY]
    code, (out, err) = command(*asked, search=video_search.SEARCH)
    assert code == 0 and "validation error (MSE per frame)" in out and "DEMO: digits rendered from fonts" in out, err
    cell = next((tmp_path / "studies/moving-mnist-demo/cells").iterdir())
    found = json.loads((cell / "done.json").read_text())["metrics"]
    assert {f"test/{name}" for name in ("mse", "psnr", "ssim")} <= set(found)
    assert report.main(report.Options("moving-mnist-demo")) == 0
    text = (tmp_path / "studies/moving-mnist-demo/report/table.md").read_text()
    assert "Scores of predicted frames" in text and "What others report" not in text and "inflated" in text
    assert f"| e3d-lstm | 1 | {found['test/mse']:.3g} | – | {found['test/psnr']:.3g} | – |" in text
    assert (tmp_path / "studies/moving-mnist-demo/report/scores.png").exists()

    scores = quality(monkeypatch, capsys, tmp_path, "--steps", "0")["frames"]["0"]
    assert sum(scores["mse"]["mean"]) / 3 * 32**2 == pytest.approx(found["test/mse"], rel=1e-4)
    assert len(scores["lpips"]["mean"]) == 3 and min(scores["lpips"]["mean"]) > 0
    assert report.main(report.Options("moving-mnist-demo")) == 0
    assert (tmp_path / "studies/moving-mnist-demo/report/quality-steps-0_lpips-alex.png").exists()

    weights, before = cell / "best/model.safetensors", tune.load_best("moving-mnist-demo", "e3d-lstm")[0]
    tuned = ["--preset", "demo", "--study", "tuned", "--models", "e3d-lstm-residual", "--lrs", "1e-9", *FEW, *TINY]
    code, (out, err) = command(*tuned, "--weights", weights, search=video_search.SEARCH)
    assert code == 0, err
    after = tune.load_best("tuned", "e3d-lstm-residual")[0].state_dict()
    for name, value in before.state_dict().items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=1e-7)  # two steps of 1e-9
    assert len(list((tmp_path / "studies/tuned/weights").iterdir())) == 1


def stored(folder, search, models=("e3d-lstm",), **facts):
    """A study of narrow networks whose finished cells have the scores of their seed."""
    space = {"model": models, "optim.lr": (1e-3,), "seed": (0, 1)}
    cells = plan_cells(search.base, space, "hash", NARROW)
    study = Study("s", Folder(str(folder)), space, cells, **facts)
    save_study(study)
    for cell in cells:
        horizon, seed = cell.experiment.data.horizon, cell.experiment.seed
        scores = {"mse": [10.0 + seed] * horizon, "ssim": [0.5] * horizon, "psnr": [20.0 + 2 * seed] * horizon}
        table = pa.Table.from_pylist([{"split": s, "id": f"{s}-0", **scores} for s in ("validation", "test")])
        folder, run = study.cell_folder(cell), Run.start(cell.experiment)
        folder.begin(run)
        run.epoch = run.best_epoch = 1
        row = {
            "epoch": 1,
            "validation/mse": 10.0 + seed,
            "best/epoch": 1,
            "best/mse": 10.0 + seed,
            "time/recorded_at": 999.5,
        }
        folder.record(row | {"time/recorded_at": 999.5}, run)
        folder.finish(table, Result(num_parameters=1))
    return study


@pytest.mark.parametrize("search", [video_search.SEARCH, kth_video_search.SEARCH])
def test_a_report_has_all_scores_and_what_others_report(search, tmp_path):
    study = stored(tmp_path, search)
    table = Table.of(study)
    found = {one.name: one for one in report_tables(table)}
    (line,) = found["scores"].rows
    assert line[:2] == ["e3d-lstm", 2]
    assert line[2:] == pytest.approx([10.5, 0.5**0.5, 21.0, 2**0.5, 0.5, 0.0])
    assert len(found["frames"].rows) == 3 and len(found["frames"].header) == 2 + search.base.data.horizon
    reported = found["literature"]
    assert reported.rows == search.literature.rows and all(row[-1] for row in reported.rows)
    assert any("inflated" in remark for remark in reported.remarks)
    assert "What others report" in report.markdown(table)
    assert {"scores"} <= {figure.name for figure in study_figures(study, table.rows)}
    assert "literature" not in {one.name for one in report_tables(Table.of(stored(tmp_path / "d", search, demo=True)))}


def checkpoint(path, **fields):
    model = MODELS["moving-mnist"]["e3d-lstm"].override({**NARROW_MODEL, **fields}).build()
    path.write_bytes(pack(model.state_dict(), {}))
    return path


NARROW_MODEL = {name.removeprefix("model."): value for name, value in NARROW.items()}


def starting_from(folder, digest):
    cells = plan_cells(
        video_search.SEARCH.base, {"model": ("e3d-lstm",), "seed": (0,)}, "h", NARROW, {"model.initial_weights": digest}
    )
    return Study("s", Folder(str(folder)), {"model": ("e3d-lstm",), "seed": (0,)}, cells)


def test_weights_are_kept_by_their_hash_and_checked(tmp_path):
    from tune.core.given_weights import weights_digest

    path = checkpoint(tmp_path / "w.safetensors")
    study = starting_from(tmp_path / "s", weights_digest(path))
    model = study.cells[0].experiment.model
    with pytest.raises(StudyError, match="lacks the weights"):
        initial_weights(study.folder, model)
    store_weights(study, path)
    assert initial_weights(study.folder, model).keys() == unpack(path.read_bytes())[0].keys()
    assert initial_weights(study.folder, MODELS["kth"]["grnn"]) is None
    wide = checkpoint(tmp_path / "wide.safetensors", hidden_channels=3)
    with pytest.raises(StudyError, match="does not fit e3d-lstm"):
        store_weights(starting_from(tmp_path / "t", weights_digest(wide)), wide)
    for content, message in {
        b"no checkpoint": "it is a text file",
        b"version https://git-lfs.github.com/spec/v1\nsize 9\n": "it is a Git LFS pointer, not the file itself",
        path.read_bytes()[:-1]: "not a checkpoint of this project, or cut short",
    }.items():
        (tmp_path / "w.safetensors").write_bytes(content)
        for refused in (lambda: store_weights(study, path), lambda: weights_digest(path)):
            with pytest.raises(StudyError, match=f"{message}.*; give a cell's best/model.safetensors"):
                refused()


@pytest.mark.parametrize(
    ("search", "arguments", "message"),
    [
        (video_search.SEARCH, ["--preset", "finetune"], "--preset finetune starts from weights: give --weights FILE"),
        (
            video_search.SEARCH,
            ["--set", "model.frozen_decoder=true"],
            "the decoder of given weights: give --weights FILE",
        ),
        (video_search.SEARCH, ["--weights", "nowhere"], "--weights nowhere cannot be read: No such file"),
        (kth_video_search.SEARCH, ["--protocol", "published"], "data.protocol must be default for kth-video"),
        (video_search.SEARCH, ["--models", "3dcnn"], "unknown model '3dcnn'"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(search, arguments, message, command):
    code, said = command("--yes", *arguments, search=search)
    assert code == 2 and message in said.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("preset", "cells"),
    [("paper", 27), ("convolution", 6), ("residual", 6), ("loss", 9), ("studies", 24), ("encoder", 12)],
)
def test_the_presets_plan_the_studies(preset, cells, command):
    code, said = command("--preset", preset, "--plan", search=video_search.SEARCH)
    assert code == 0 and re.search(rf"{cells} cells .* {cells} to run", said.err)


@pytest.mark.parametrize(
    ("settings", "said", "not_said"),
    [
        (
            {},
            [
                "fernn-v2 is not in the paper.",
                "Learning rates searched: 0.01; the paper's: 0.001.",
                "optim.betas is (0.9, 0.999); the paper's is (0.95, 0.9995).",
                "optim.epsilon_in_root is False; the paper's is True.",
            ],
            ["e3d-lstm is not in the paper.", "the paper's is 32"],
        ),
        (
            {"data.l2_weight": 0.0, "model": "e3d-lstm-residual"},
            ["Learning rates searched: 0.01; the paper's: 0.0001.", "epochs is 32; this project's default is 48."],
            ["l2_weight"],
        ),
        ({"epochs": 3}, ["epochs is 3; this project's default is 32."], ["the paper's is 32"]),
        (
            {"model.initial_weights": "0" * 64, "epochs": 12, "model": "e3d-lstm-residual"},
            ["Learning rates searched: 0.01; the paper's: 1e-06.", "Seeds for each learning rate: 2; the paper's: 1."],
            ["the paper's: 0.001."],
        ),
    ],
)
def test_what_differs_is_said_of_the_publication_alone(settings, said, not_said, tmp_path):
    model = settings.pop("model", None)
    space = {"model": (model,) if model else ("e3d-lstm", "fernn-v2"), "optim.lr": (1e-2,), "seed": (0, 1)}
    search = video_search.SEARCH
    cells = plan_cells(search.base, space, "h", {}, settings)
    found = deviations(Study("s", Folder(str(tmp_path)), space, cells), search)
    assert set(said) <= set(found), found
    assert not [text for text in found if any(other in text for other in not_said)], found
