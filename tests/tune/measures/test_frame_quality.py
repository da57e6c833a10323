"""The options of the quality of predicted frames, which files a report shows together, and the weights of LPIPS."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from fernn.models.noether.tailoring import InnerSteps
from tests.support.stored_study import planned_study
from tune.core.study import StudyError
from tune.measures.frame_quality import FrameQuality, Settings, perceptual
from tune.measures.model_quality import USUAL

QUALITY = FrameQuality()


@pytest.fixture
def study(tmp_path):
    return planned_study(tmp_path / "s", {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1, 2)})


def test_options_have_a_name_by_those_that_are_given():
    assert Settings().way(None) == USUAL
    assert Settings(steps=3, inner_lr=1e-4, quantity="brightness").way(None) == "steps-3_lr-0.0001_quantity-brightness"


def test_inner_steps_are_those_of_training_but_for_the_options():
    own = InnerSteps(4, 1e-3, optimizer="adam")
    assert Settings().inner(own) == own
    assert Settings(steps=9, optimizer="sgd").inner(own) == InnerSteps(9, 1e-3, optimizer="sgd")
    assert Settings(steps=9).inner(InnerSteps(0)) == InnerSteps(0)


def test_other_predictors_choose_among_rates_unless_one_is_given():
    assert len(Settings().tailoring().rates) == 3 and Settings(inner_lr=0.5).tailoring().rates == (0.5,)
    assert (Settings().tailoring().num_clips, Settings(steps=0).tailoring().num_clips) == (64, None)
    assert Settings(steps=0, clips=5).tailoring().num_clips == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(steps=-1), "--steps must be 1 or more .*, got -1"),
        (Settings(inner_lr=0.0), "--inner-lr must be above 0, got 0"),
        (Settings(clips=0), "--clips must be 1 or more, got 0"),
    ],
)
def test_options_out_of_range_are_refused(settings, message, study):
    with pytest.raises(StudyError, match=message):
        QUALITY.check(study, settings)


def test_weights_that_are_not_there_are_refused_before_a_cell_is_read(study):
    with pytest.raises(StudyError, match="--lpips nowhere.pth cannot be read"):
        QUALITY.measurements(study, study.cells, Settings(lpips=Path("nowhere.pth")))


def write(study, cell, way, steps):
    content = {"subject": {"key": cell.key, "weights_sha256": "x", "inner": {"steps": steps}}, "frames": {}}
    QUALITY.file_of(study.cell_folder(cell), way).write(content)


def test_all_sets_of_options_are_shown_the_usual_one_first(study):
    first, second, _ = study.cells
    write(study, first, "clips-3", 1)
    write(study, second, USUAL, 1)
    write(study, second, "clips-3", 1)
    assert QUALITY.ways(study, study.cells) == [USUAL, "clips-3"]


def test_cells_that_were_measured_otherwise_than_the_first_are_left_out(study):
    first, second, third = study.cells
    for cell, steps in ((first, 1), (second, 2), (third, 1)):
        write(study, cell, USUAL, steps)
    assert list(QUALITY.contents(study, study.cells, USUAL)) == [first, third]


def test_weights_come_from_either_kind_of_file(tmp_path):
    weights = torchvision.models.alexnet(weights=None).features.state_dict(prefix="features.")
    save_file(weights, tmp_path / "w.safetensors")
    torch.save(weights, tmp_path / "w.pth")
    one, other = (perceptual(tmp_path / name, 31) for name in ("w.safetensors", "w.pth"))
    frames = torch.rand(2, 1, 1, 1, 31, 31)
    assert torch.equal(one.distance(*frames), other.distance(*frames)) and one.sha256 != other.sha256
    assert perceptual(None, 8) is None
    with pytest.raises(StudyError, match="31 by alex, 16 by vgg; got 30 by alex"):
        perceptual(tmp_path / "w.pth", 30)


def test_weights_of_a_training_run_are_unwrapped_and_turned(tmp_path, capsys):
    weights = torchvision.models.alexnet(weights=None).features.state_dict(prefix="features.module.")
    half = {name: weight.half() for name, weight in weights.items()}
    torch.save({"epoch": 90, "arch": "alexnet", "state_dict": half, "best": np.float64(0.5)}, tmp_path / "w.pth.tar")
    torch.save({name.replace(".module", ""): weight.half().float() for name, weight in weights.items()}, tmp_path / "w")
    one, other = (perceptual(tmp_path / name, 31) for name in ("w.pth.tar", "w"))
    frames = torch.rand(2, 1, 1, 1, 31, 31)
    assert torch.equal(one.distance(*frames), other.distance(*frames))
    (line,) = capsys.readouterr().err.splitlines()
    assert "'state_dict'; their names are read without 'module.'; 10 tensors are turned from float16" in line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read .No such file.*alexnet-owt-7be5be79.pth"),
        ({}, "it holds no weights"),
        ({"other": torch.zeros(2)}, "features.0.weight is missing"),
        ({"features.0.weight": torch.zeros(64, 3, 11, 11)}, "features.0.bias is missing"),
        ({"features.0.weight": torch.zeros(2, 3)}, r"features.0.weight is \(2, 3\)"),
        (torch.zeros(2), "it holds a Tensor"),
        (slice(3), "it cannot be read: it needs pickled code"),
        ({"features.0.weight": torch.full((64, 3, 11, 11), torch.nan)}, "in 'features.0.weight' are NaN"),
    ],
)
def test_other_files_are_refused(content, message, tmp_path):
    path = tmp_path / "w.pth"
    if content is not None:
        torch.save(content, path)
    with pytest.raises(StudyError, match=message) as refusal:
        perceptual(path, 64)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weight: weight[1:], "size mismatch for .*3.weight"),
        (lambda weight: weight.to(torch.int8), "LPIPS needs floating-point weights, features.3.weight is torch.int8"),
    ],
)
def test_weights_of_another_shape_or_kind_are_refused_in_one_line(change, message, tmp_path):
    weights = torchvision.models.alexnet(weights=None).features.state_dict(prefix="features.")
    torch.save(weights | {"features.3.weight": change(weights["features.3.weight"])}, tmp_path / "w.pth")
    with pytest.raises(StudyError, match=message) as refusal:
        perceptual(tmp_path / "w.pth", 64)
    assert "\n" not in str(refusal.value)
