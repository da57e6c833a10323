"""Noether Networks for video: SVG, tailored so that an embedding of neighbouring frames is conserved.

Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, video experiment.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fernn.models.base import ModelConfig, require_at_least
from fernn.models.noether.quantities import ComparedWith, FrameQuantity
from fernn.models.noether.svg import SVG
from fernn.models.noether.tailoring import InnerSteps, Rollout, TailoredNetwork


class NoetherNetwork(TailoredNetwork):
    """SVG and the embedding that its predictions are to conserve; all predictions of a clip see the same draws."""

    backbone: SVG

    def __init__(self, backbone: SVG, embedding: FrameQuantity, inner: InnerSteps, kl_weight: float) -> None:
        super().__init__(backbone, embedding, inner)
        self.kl_weight = kl_weight

    def forward(self, frames: Tensor, horizon: int, noise: Tensor | None = None) -> Tensor:
        """The ``horizon`` frames that follow ``frames`` (b, t, c, s, s) in [0, 1]; without ``noise`` it is drawn."""
        if noise is None:
            noise = self.noise(frames, frames.shape[1] + horizon)
        return self.rollout(frames, noise, frames.shape[1]).frames[:, frames.shape[1] :]

    def noise(self, clips: Tensor, num_frames: int) -> Tensor:
        """Draws for clips of ``num_frames``, from PyTorch's generator of the device: (b, num_frames - 1, z)."""
        shape = (len(clips), num_frames - 1, self.backbone.latent)
        return torch.randn(shape, device=clips.device, dtype=clips.dtype)

    def outer_loss(self, clips: Tensor, noise: Tensor, num_given: int) -> tuple[Tensor, Rollout]:
        """The loss of training, and its predictions, each made from the true frames before it.

        sum_t MSE_t + kl_weight * sum_t KL_t, each a mean over clips; MSE_t is the mean over the pixels of frame t.
        """
        rollout = self.rollout(clips, noise, num_given, True)
        errors = (rollout.frames - clips).square().mean(dim=(0, 2, 3, 4)).sum()
        return errors + self.kl_weight * rollout.divergence.mean(), rollout

    def limited_parameters(self) -> Iterator[nn.Parameter]:
        """The weights whose gradient has a limited norm: the embedding's, as published."""
        return self.embedding.parameters()


@dataclass(frozen=True)
class NoetherConfig(ModelConfig):
    """A Noether Network around SVG; with ``inner_steps`` 0 it is SVG."""

    name: str = "noether"
    inner_steps: int = 1
    inner_lr: float = 1e-4
    inner_clips: int = 2
    """The published inner loss is a mean over batches of two: a clip's own step is ``inner_lr / 2``, whatever the
    batch here."""
    compared: ComparedWith = "previous"
    """previous: neighbouring embeddings are to be equal; first: all to the first one; both."""
    embedding_dimensions: int = 64
    embedding_width: int = 32
    embedding_frames: int = 2
    """Frames that the embedding sees at once."""
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    """Channels of the encoder's blocks; n blocks are for pictures of 4 * 2^n pixels."""
    depths: tuple[int, ...] = (2, 2, 3, 3, 3)
    """Convolutions in each block."""
    code: int = 128
    latent: int = 64
    recurrent: int = 256
    """Width of the LSTMs: 256 in the published code, 128 in the text of its workshop version."""
    kl_weight: float = 1e-4
    channels: int = 3

    def __post_init__(self) -> None:
        counted = ("embedding_dimensions", "embedding_width", "embedding_frames", "code", "latent", "recurrent")
        require_at_least(1, **{name: getattr(self, name) for name in (*counted, "channels")})
        require_at_least(0, kl_weight=self.kl_weight)
        if not self.widths or len(self.widths) != len(self.depths) or min(*self.widths, *self.depths) < 1:
            raise ValueError(f"widths and depths must be as many, each 1 or more, got {self.widths} and {self.depths}")
        self.inner()

    def inner(self) -> InnerSteps:
        """How a clip is tailored."""
        return InnerSteps(self.inner_steps, self.inner_lr, self.inner_clips, compared=self.compared)

    def build(self) -> NoetherNetwork:
        """The network with SVG's initial weights; the embedding's are PyTorch's default."""
        backbone = SVG(self.channels, self.widths, self.depths, self.code, self.latent, self.recurrent)
        sizes = (self.embedding_width, self.embedding_dimensions, self.embedding_frames)
        embedding = FrameQuantity(self.channels, backbone.size, *sizes)
        return NoetherNetwork(backbone, embedding, self.inner(), self.kl_weight)
