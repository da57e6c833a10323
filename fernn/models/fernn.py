"""Clip classifiers with a recurrent hidden state: G-RNN, FERNN and G-RNN+."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from fernn.flows import Flow, TranslationFlow
from fernn.flows.translation import Velocity
from fernn.layers.cell import FERNNCell, LearnedKernelCell, LearnedKernels, Pooling, pool_velocities
from fernn.layers.convolution import CircularConvolution, FrameEmbedding, Padding
from fernn.models.base import ModelConfig

Cells = Sequence[FERNNCell | LearnedKernelCell]


class RecurrentClassifier(nn.Module):
    """Embedding of frames, recurrent layers over time, pooling over V, mean over space, linear head.

    A deeper layer reads the state of the layer below through one more embedding convolution.
    Source: Keller, 2025, section 5.2 and appendix B.
    """

    def __init__(
        self, widths: Sequence[int], cells: Cells, num_classes: int, padding: Padding, pooling: Pooling = "max"
    ) -> None:
        """Layers of ``cells`` behind an embedding of the ``widths``, by 5x5 kernels first, then by 3x3."""
        super().__init__()
        hidden, kernel_sizes = widths[-1], [5, *[3] * (len(widths) - 2)]
        self.embedding = FrameEmbedding(widths, kernel_sizes, padding)
        self.cells = nn.ModuleList(cells)
        self.between = nn.ModuleList(FrameEmbedding((hidden, hidden), [3], padding) for _ in cells[1:])
        self.head, self.pooling = nn.Linear(hidden, num_classes), pooling

    def forward(self, clips: Tensor) -> Tensor:
        """Logits (b, classes) of clips (b, t, c, h, w) in [0, 1]."""
        top = self.cells[-1].last_state(self._top_inputs(clips, self.cells))  # type: ignore[operator]
        return self.head(pool_velocities(top, self.pooling).mean(dim=(-2, -1)))

    def hidden_states(self, clips: Tensor) -> Iterator[Tensor]:
        """The top layer's states h_t (v, b, c, h, w), frame by frame, of clips (b, t, c, h, w)."""
        return self.cells[-1].states(self._top_inputs(clips, self.cells))  # type: ignore[operator]

    @property
    def is_equivariant(self) -> bool:
        """Whether the law of flow equivariance holds to rounding: FERNN layers, and nothing padded with zeros."""
        circular = (module.padding_mode == "circular" for module in self.modules() if isinstance(module, nn.Conv2d))
        return all(isinstance(cell, FERNNCell) for cell in self.cells) and all(circular)

    def drift_logits(self, clips: Tensor, velocities: Sequence[Velocity]) -> Tensor:
        """Logits (w, b, classes) of the clips (b, t, c, h, w), had they drifted with each of the velocities.

        By the law, from the states that the still clips have for all v - w: slices do not see each other, so V may
        be any set. Exact in eval mode where :attr:`is_equivariant`; raises ValueError where not.
        """
        if not self.is_equivariant:
            raise ValueError(
                "embedding_padding must be 'circular' in a FERNN: else drifting clips must be run themselves"
            )
        own, needed = cast(TranslationFlow, self.flow), self.drift_slices(velocities)
        flow = TranslationFlow(needed)
        cells = [FERNNCell(flow, cell.convolution, cell.activation) for cell in self.cells]  # type: ignore[arg-type]
        states = cells[-1].last_state(self._top_inputs(clips, cells))
        place = {velocity: index for index, velocity in enumerate(needed)}
        slices = [states[[place[own.difference(v, w)] for v in own.velocities]] for w in velocities]
        return torch.stack([self.head(pool_velocities(maps, self.pooling).mean(dim=(-2, -1))) for maps in slices])

    def drift_slices(self, velocities: Sequence[Velocity]) -> tuple[Velocity, ...]:
        """Every v - w, each once: how many slices :meth:`drift_logits` runs."""
        own = cast(TranslationFlow, self.flow)
        return tuple(dict.fromkeys(own.difference(v, w) for v in own.velocities for w in velocities))

    @property
    def flow(self) -> Flow | None:
        """The flow and its V, None where the kernels are learned."""
        return self.cells[0].flow if isinstance(self.cells[0], FERNNCell) else None

    def _top_inputs(self, clips: Tensor, cells: Iterable[nn.Module]) -> Tensor:
        """What the last of the cells is driven by, (t, v or 1, b, c, h, w)."""
        inputs = self.embedding(clips).transpose(0, 1)[:, None]
        for cell, embedding in zip(cells, self.between, strict=False):
            states = list(cell.states(inputs))  # type: ignore[operator]
            maps = torch.stack([state.expand_as(states[-1]).flatten(0, 1) for state in states], dim=1)
            inputs = embedding(maps).unflatten(0, states[-1].shape[:2]).movedim(2, 0)
        return inputs


@dataclass(frozen=True)
class RecurrentConfig(ModelConfig):
    """The fields of a recurrent classifier; a subclass says of which cells it is made."""

    velocity_range: tuple[int, int] = (1, 1)
    """V holds every (vy, vx) with |vy|, |vx| up to these, in pixels per frame."""
    hidden_channels: int = 128
    embedding_channels: tuple[int, ...] = (32, 64)
    num_layers: int = 1
    embedding_padding: Padding = "zeros"
    """"zeros" as published, or "circular", which is exactly flow equivariant."""
    pooling: Pooling = field(default="max", kw_only=True)
    """What the states become over V."""

    later = ("pooling",)
    least = {"hidden_channels": 1, "num_layers": 1, "embedding_channels": 1}

    def __post_init__(self) -> None:
        TranslationFlow.box(*self.velocity_range)
        super().__post_init__()

    def cells(self) -> Cells:
        """The recurrent layers, freshly initialised."""
        raise NotImplementedError(f"{type(self).__name__} must define cells()")

    def build(self, *, in_channels: int = 1, num_classes: int = 6) -> RecurrentClassifier:
        """The network, with PyTorch's default initial weights but for those of learned kernels."""
        cells, widths = self.cells(), (in_channels, *self.embedding_channels, self.hidden_channels)
        return RecurrentClassifier(widths, cells, num_classes, self.embedding_padding, self.pooling)


@dataclass(frozen=True)
class FERNNConfig(RecurrentConfig):
    """A FERNN for translations; with ``velocity_range`` (0, 0) it is the G-RNN."""

    name: str = "fernn-v1"

    def cells(self) -> list[FERNNCell]:
        flow, width = TranslationFlow.box(*self.velocity_range), self.hidden_channels
        return [FERNNCell(flow, CircularConvolution(width, width)) for _ in range(self.num_layers)]


@dataclass(frozen=True)
class GRNNPlusConfig(RecurrentConfig):
    """G-RNN+: as many learned kernels as the FERNN of ``velocity_range`` has velocities."""

    name: str = "grnn-plus"
    velocity_range: tuple[int, int] = (2, 2)

    def cells(self) -> list[LearnedKernelCell]:
        height, width = (2 * radius + 1 for radius in self.velocity_range)
        kernels = LearnedKernels(height * width, height, width)
        return [LearnedKernelCell(kernels, self.hidden_channels) for _ in range(self.num_layers)]
