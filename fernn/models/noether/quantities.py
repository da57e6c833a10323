"""Quantities that predictions of frames are to conserve, what any quantity learns from, and where one looks."""

import copy
from collections.abc import Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEARNING_RATE = 1e-3
ComparedWith = Literal["previous", "first", "both"]
"""Which earlier moments a quantity is compared with."""
Similarity = Literal["squared", "cosine"]
"""How two moments are compared: by the mean square of their difference, or by 1 minus the cosine of their angle."""


def conservation_loss(
    quantities: Tensor, compared: ComparedWith = "previous", similarity: Similarity = "squared"
) -> Tensor:
    """How far a quantity g (b, n, d) is from being conserved over n moments: (b,).

    Squared differences, their mean over d, summed over time: "previous", of neighbours,
    sum_t |g_{t-1} - g_t|^2 / d; "first", to the first moment; "both", the sum of the two. "cosine" is of neighbours
    alone: sum_t 1 - cos(g_{t-1}, g_t).
    """
    if similarity == "cosine":
        return (1 - F.cosine_similarity(quantities[:, :-1], quantities[:, 1:], dim=-1)).sum(dim=1)
    neighbours, first = quantities.diff(dim=1), quantities[:, 1:] - quantities[:, :1]
    terms = {"previous": (neighbours,), "first": (first,), "both": (neighbours, first)}[compared]
    return torch.stack([term.square().mean(dim=-1).sum(dim=-1) for term in terms]).sum(dim=0)


def learning_terms(quantities: Tensor) -> tuple[Tensor, Tensor]:
    """The two losses that a quantity g (b, t, d) of true sequences learns from.

    It stays as it begins, mean_t |g(x_0) - g(x_t)|^2, and spreads by 1 over all moments, (std g - 1)^2. Without the
    second a constant would do.
    """
    stays = (quantities[:, 1:] - quantities[:, :1]).square().mean()
    return stays, (quantities.flatten(0, 1).std(dim=0) - 1).square().mean()


def learn(quantity: nn.Module, batches: Iterable[Tensor]) -> None:
    """Train a quantity on true clips (b, t, c, h, w) by :func:`learning_terms`, one step a batch; then freeze it."""
    optimizer = torch.optim.Adam(quantity.parameters(), LEARNING_RATE)
    for clips in batches:
        optimizer.zero_grad()
        torch.stack(learning_terms(quantity(clips))).sum().backward()
        optimizer.step()
    quantity.requires_grad_(False)


def in_a_row(values: Tensor, number: int) -> Tensor:
    """Every ``number`` moments in a row (b, t - number + 1, number * c, ...) of values (b, t, c, ...)."""
    count = values.shape[1] - number + 1
    return torch.cat([values[:, first : first + count] for first in range(number)], dim=2)


class FrameQuantity(nn.Module):
    """Clips (b, t, c, s, s) to the embeddings (b, t - n + 1, d) of every n frames in a row, so that motion is seen.

    Two 5x5 convolutions with ReLU and 2x2 maximum pooling, then a linear layer; with 0 dimensions there is none, and
    the embedding is all that the convolutions give.
    Source: Alet et al., "Noether Networks", NeurIPS 2021, video experiment.
    """

    head: nn.Module

    def __init__(self, channels: int, size: int, width: int = 16, dimensions: int = 8, num_frames: int = 2) -> None:
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
        self.head = nn.Linear(2 * width * (size // 4) ** 2, dimensions) if dimensions else nn.Identity()

    @classmethod
    def seeded(cls, channels: int, size: int, seed: int) -> "FrameQuantity":
        """A small one of pairs of frames, its weights from the seed; global RNGs untouched."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(channels, size)

    def forward(self, clips: Tensor) -> Tensor:
        """The embeddings of every window of frames."""
        windows = self.windows(clips)
        return self.of_windows(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])

    def windows(self, clips: Tensor) -> Tensor:
        """Every ``num_frames`` frames in a row (b, t - n + 1, n * c, s, s), joined on the channel axis."""
        return in_a_row(clips, self.num_frames)

    def of_windows(self, windows: Tensor) -> Tensor:
        """The embeddings (m, d) of windows (m, n * c, s, s)."""
        return self.head(self.features(windows).flatten(1))


class EncodedQuantity(nn.Module):
    """Clips (b, t, c, s, s) to the embeddings (b, t - n + 1, d) of every n frames in a row, from their codes alone.

    A linear layer of the codes that a copy of the predictor's encoder gives each frame, as its weights are now. The
    copy's weights stay, or are trained with the others.
    Source: Alet et al., "Noether Networks", NeurIPS 2021: EncoderEmbedding of its code.
    """

    def __init__(self, encoder: nn.Module, code: int, dimensions: int, num_frames: int, trained: bool) -> None:
        super().__init__()
        self.num_frames = num_frames
        self.encoder = copy.deepcopy(encoder).requires_grad_(trained)
        self.head = nn.Linear(code * num_frames, dimensions)

    def forward(self, clips: Tensor) -> Tensor:
        codes = self.encoder(clips.flatten(0, 1))[0].unflatten(0, clips.shape[:2])
        return self.head(in_a_row(codes, self.num_frames))


def grad_cam(embedding: FrameQuantity, windows: Tensor, number: int = 3) -> Tensor:
    """Heat-maps (n, number, s, s) of windows (n, c, s, s), each from 0 to 1: where the principal components look.

    Of the last convolution's maps A after ReLU and a component y: ReLU(sum_c mean(dy/dA_c) A_c), resized to the
    frames. The components are those of the windows given, of which there must be at least as many.
    Source: Selvaraju et al., "Grad-CAM", ICCV 2017; of the components, Alet et al., "Noether Networks", 2021.
    """
    from captum.attr import LayerAttribution, LayerGradCam  # it takes seconds to import

    with torch.no_grad():
        directions = principal_directions(embedding.of_windows(windows).double(), number)
    method = LayerGradCam(lambda part: embedding.of_windows(part).double() @ directions.T, embedding.features[4])
    with torch.enable_grad():
        maps = [method.attribute(windows, target=k, relu_attributions=True).detach() for k in range(number)]
    size = windows.shape[-2:]
    large = torch.cat([LayerAttribution.interpolate(heat_map, size, "bilinear") for heat_map in maps], dim=1)
    return large / large.amax(dim=(2, 3), keepdim=True).clamp(min=torch.finfo(large.dtype).tiny)


def principal_directions(embeddings: Tensor, number: int) -> Tensor:
    """The directions (number, d) in which embeddings (n, d) spread most, the largest entry of each positive.

    (A direction's sign is free, and differs between libraries.)
    """
    directions = torch.linalg.svd(embeddings - embeddings.mean(dim=0), full_matrices=False).Vh[:number]
    return directions * directions.gather(1, directions.abs().argmax(dim=1, keepdim=True)).sign()


class Brightness(nn.Module):
    """The mean of each frame's pixels, (b, t, c): conserved where shapes move, and neither meet nor leave."""

    def forward(self, clips: Tensor) -> Tensor:
        return clips.mean(dim=(-2, -1))
