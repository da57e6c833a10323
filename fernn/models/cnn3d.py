"""The 3D-CNN: space-time convolutions, no recurrence."""

from dataclasses import dataclass

from torch import Tensor, nn

from fernn.models.base import ModelConfig


class CNN3D(nn.Module):
    """Three stages of Conv3d, BatchNorm and ReLU, mean over space and time, linear head.

    Source: Keller, 2025, appendix B; ``base`` 16 is the network of Table 2.
    """

    def __init__(self, in_channels: int, base: int, num_classes: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            block(in_channels, base, stride=(2, 1, 1)),
            block(base, 2 * base, stride=(1, 2, 2)),
            block(2 * base, 2 * base),
            block(2 * base, 4 * base, stride=(1, 2, 2)),
            block(4 * base, 4 * base),
        )
        self.head = nn.Linear(4 * base, num_classes)

    def forward(self, clips: Tensor) -> Tensor:
        """Logits (b, classes) of clips (b, t, c, h, w) in [0, 1]."""
        return self.head(self.stages(clips.transpose(1, 2)).mean(dim=(-3, -2, -1)))


def block(c_in: int, c_out: int, stride: tuple[int, int, int] = (1, 1, 1)) -> nn.Sequential:
    """3x3x3 convolution without bias, BatchNorm, ReLU; stride (t, h, w)."""
    convolution = nn.Conv3d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(c_out), nn.ReLU())


@dataclass(frozen=True)
class CNN3DConfig(ModelConfig):
    """The 3D-CNN of width ``base``, 2 ``base`` and 4 ``base``."""

    name: str = "3dcnn"
    base: int = 16

    least = {"base": 1}

    def build(self, *, in_channels: int = 1, num_classes: int = 6) -> CNN3D:
        """The network, with PyTorch's default initial weights."""
        return CNN3D(in_channels, self.base, num_classes)
