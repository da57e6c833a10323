"""The weights of LPIPS are read from a file of the user's, and from nothing else."""

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from tune.lpips import perceptual
from tune.study import StudyError


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read .No such file.*alexnet-owt-7be5be79.pth"),
        ({}, "features.0.weight is missing"),
        ({"features.0.weight": torch.zeros(64, 3, 11, 11)}, "features.0.bias is missing"),
        ({"features.0.weight": torch.zeros(2, 3)}, r"features.0.weight is \(2, 3\)"),
        (torch.zeros(2), "it holds a Tensor"),
        (slice(3), "it cannot be read"),
    ],
)
def test_other_files_are_refused(content, message, tmp_path):
    path = tmp_path / "w.pth"
    if content is not None:
        torch.save(content, path)
    with pytest.raises(StudyError, match=message):
        perceptual(path, 64)
