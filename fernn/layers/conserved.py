"""The embedding whose value is to be conserved: of pairs of neighbouring frames, so that it can see motion."""

import torch
from torch import Tensor, nn


class ConservedEmbedding(nn.Module):
    """Clips (b, t, c, s, s) to the embeddings (b, t - n + 1, d) of every n frames in a row.

    Two 5x5 convolutions with ReLU and 2x2 maximum pooling, then a linear layer.
    Source: Alet et al., "Noether Networks", NeurIPS 2021, video experiment.
    """

    def __init__(self, channels: int, size: int, width: int, dimensions: int, num_frames: int = 2) -> None:
        super().__init__()
        self.num_frames = num_frames
        self.features = nn.Sequential(
            nn.Conv2d(num_frames * channels, width, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Linear(2 * width * (size // 4) ** 2, dimensions)

    def forward(self, clips: Tensor) -> Tensor:
        """The embeddings of every window of frames."""
        windows = self.windows(clips)
        return self.of_windows(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])

    def windows(self, clips: Tensor) -> Tensor:
        """Every ``num_frames`` frames in a row, one behind the other on the channel axis."""
        number = clips.shape[1] - self.num_frames + 1
        return torch.cat([clips[:, first : first + number] for first in range(self.num_frames)], dim=2)

    def of_windows(self, windows: Tensor) -> Tensor:
        """The embedding (n, d) of windows whose frames stand one behind the other on the channel axis."""
        return self.head(self.features(windows).flatten(1))
