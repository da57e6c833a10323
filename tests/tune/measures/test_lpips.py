"""The weights of LPIPS are read from a file of the user's, and from nothing else."""

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from tune.core.study import StudyError
from tune.measures.lpips import perceptual


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
