"""E3D-LSTM: video prediction by stacked eidetic cells, with the switches of the mental-simulation study."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from fernn.layers.eidetic import EideticCell, EideticPass, WindowConvolution
from fernn.models.base import ModelConfig


class E3DLSTM(nn.Module):
    """Layers of eidetic cells that read windows of patched frames and predict, at every step, the frame that follows.

    The input of a step is the stack of the last frames, zeros before the first; that of a layer above the first is
    the hidden state below. A convolution that spans the window makes a frame of the highest hidden state. Beyond the
    given frames each prediction is the next input, with its gradient.

    With ``residual`` the inputs of every second layer (third, fifth, ...) and of the decoder are the sum of the hidden
    states of the two layers below. The memory that a cell makes goes on to the next layer, and from the highest to the
    lowest of the next step, where ``return_new_memory`` is set; else every cell gets zeros, as in the published code.

    With ``encoder`` a convolution reads the window first. With ``flat_maps`` each map of h rows is one row of h * w
    places to the cells, of which the last of a row is beside the first of the next; the decoder sees maps again. It
    reads the highest hidden state, or those of all layers, as ``readout`` says.
    Source: Wang et al., "Eidetic 3D LSTM", ICLR 2019; Tan, "Mental Simulation with Self-Supervised Spatiotemporal
    Learning", 2019, and its code.
    """

    def __init__(self, config: "E3DLSTMConfig", in_channels: int) -> None:
        super().__init__()
        self.config = config
        width, patch = config.hidden_channels, in_channels * config.patch_size**2
        size = config.kernel_size
        solid, flat = (config.kernel_depth, size, size), (size, 1, size)
        inputs, kernel = [patch, *[width] * (config.num_layers - 1)], flat if config.flat_maps else solid
        self.cells = nn.ModuleList(EideticCell(channels, width, kernel, recalls=config.recall) for channels in inputs)
        read = width * config.num_layers if config.readout == "concatenation" else width
        self.decoder = nn.Conv3d(read, patch, (config.window, 1, 1))
        nn.init.xavier_uniform_(self.decoder.weight)
        nn.init.zeros_(self.decoder.bias)  # type: ignore[arg-type]
        self.decoder.requires_grad_(not config.frozen_decoder)
        self.encoder = WindowConvolution(patch, patch, solid) if config.encoder else None

    def forward(self, frames: Tensor, horizon: int) -> Tensor:
        """The ``horizon`` frames (b, horizon, c, h, w) that follow ``frames`` (b, t, c, h, w) in [0, 1]."""
        given = torch.ones(frames.shape[:2], dtype=torch.bool, device=frames.device)
        return self._predictions(frames, given, frames.shape[1] + horizon - 1)[:, -horizon:]

    def forced(self, clips: Tensor, given: Tensor) -> Tensor:
        """Predictions of every frame of ``clips`` (b, t, c, h, w) but the first: (b, t - 1, c, h, w).

        ``given`` (b, t - 1) says which of the clips' first t - 1 frames are shown; the others are not read, and the
        predictions take their place. The first frame is always shown.
        """
        return self._predictions(clips, given, clips.shape[1] - 1)

    def _predictions(self, frames: Tensor, given: Tensor, num_steps: int) -> Tensor:
        """A step reads the true frame where it is given, else what was predicted for it."""
        maps = to_patches(frames, self.config.patch_size)
        layers = [EideticPass(cell, num_steps) for cell in self.cells]  # type: ignore[arg-type]
        encode = nn.Identity() if self.encoder is None else self.encoder.kernel()
        shown = [torch.zeros_like(maps[:, 0])] * (self.config.window - 1)
        memory: Tensor | None = None
        predicted: list[Tensor] = []
        for time in range(num_steps):
            frame = maps[:, time] if time < maps.shape[1] else predicted[-1]
            if predicted and time < maps.shape[1]:
                frame = torch.where(given[:, time, None, None, None], frame, predicted[-1].to(maps.dtype))
            shown = [*shown, frame][-self.config.window :]
            window = torch.stack(shown, dim=2).contiguous(memory_format=torch.channels_last_3d)
            inputs = encode(window)
            top, memory = self._step(self._flat(inputs), layers, memory)
            predicted.append(self.decoder(top.reshape(*top.shape[:3], *inputs.shape[3:]))[:, :, 0])
        return from_patches(torch.stack(predicted, dim=1), self.config.patch_size)

    def _step(self, inputs: Tensor, layers: list[EideticPass], memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """One step of all layers: what the decoder reads, and the memory."""
        hidden: list[Tensor] = []
        for layer in layers:
            state, new_memory = layer.step(self._below(hidden) if hidden else inputs, memory)
            memory = new_memory if self.config.return_new_memory else None
            hidden.append(state)
        return self._read(hidden), memory

    def _flat(self, maps: Tensor) -> Tensor:
        """Maps (b, c, l, h, w) as the cells see them: these, or (b, c, l, 1, h * w)."""
        return maps.flatten(-2).unsqueeze(-2) if self.config.flat_maps else maps

    def _read(self, hidden: list[Tensor]) -> Tensor:
        """What the decoder reads of the hidden states of all layers."""
        if self.config.readout == "sum":
            return torch.stack(hidden).sum(dim=0)
        return torch.cat(hidden, dim=1) if self.config.readout == "concatenation" else self._below(hidden)

    def _below(self, hidden: list[Tensor]) -> Tensor:
        """What a layer reads of the hidden states below it."""
        if self.config.residual and len(hidden) % 2 == 0:
            return hidden[-2] + hidden[-1]
        return hidden[-1]


def to_patches(frames: Tensor, size: int) -> Tensor:
    """Frames (..., c, h, w) as maps (..., size * size * c, h / size, w / size).

    A channel is a place in a patch: its row slowest, then its column, then the frame's channel. Raises ValueError
    where patches do not fill the frame.
    """
    rows, columns = frames.shape[-2:]
    if rows % size or columns % size:
        raise ValueError(f"patches of {size}x{size} pixels must fill the frame, got frames of {rows}x{columns}")
    parts = frames.unflatten(-1, (-1, size)).unflatten(-3, (-1, size))  # (..., c, h', row, w', column)
    return parts.movedim((-3, -1), (-5, -4)).flatten(-5, -3)


def from_patches(maps: Tensor, size: int) -> Tensor:
    """The frames whose patches the maps are: the inverse of :func:`to_patches`, exactly."""
    parts = maps.unflatten(-3, (size, size, -1))  # (..., row, column, c, h', w')
    return parts.movedim((-5, -4), (-3, -1)).flatten(-2, -1).flatten(-3, -2)


@dataclass(frozen=True)
class E3DLSTMConfig(ModelConfig):
    """An E3D-LSTM; the defaults are the published network for Moving MNIST, as the published code computes it."""

    name: str = "e3d-lstm"
    num_layers: int = 4
    hidden_channels: int = 64
    patch_size: int = 4
    """Height and width, in pixels, of the patches that are the channels of a frame."""
    kernel_depth: int = 2
    """2: the cells convolve over time as well (3-D); 1: over the plane alone (2-D)."""
    kernel_size: int = 5
    window: int = 2
    """Frames that a step sees."""
    residual: bool = False
    """Add up the hidden states of two layers before every second layer and the decoder."""
    return_new_memory: bool = False
    """True: cells hand on the memory that they make, as the paper has it. False: the published code's behaviour, whose
    cells hand on the one they were given, so that it stays zero and its kernels never learn."""
    initial_weights: str = ""
    """SHA-256 of the checkpoint that training starts from (fine-tuning); empty: weights are drawn."""
    encoder: bool = False
    """Whether a convolution (kernel_depth, kernel_size, kernel_size) reads the window before the cells do."""
    flat_maps: bool = False
    """Whether the cells see a map as one row of places: kernels of kernel_size frames by kernel_size places."""
    recall: bool = True
    """Whether cells recall their past states; without it they are convolutional LSTMs."""
    readout: Literal["last", "sum", "concatenation"] = "last"
    """The hidden states that the decoder reads: the last layer's, or all layers' added up or behind each other."""
    frozen_decoder: bool = False
    """Whether the decoder stays as it is in the weights that training starts from."""

    later = ("encoder", "flat_maps", "recall", "readout", "frozen_decoder")
    least = dict.fromkeys(("num_layers", "hidden_channels", "patch_size", "kernel_depth", "kernel_size", "window"), 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.residual and self.num_layers % 2:
            raise ValueError(f"num_layers must be even where residual is set, got {self.num_layers}")
        if self.residual and self.readout != "last":
            raise ValueError(f"readout must be last where residual is set, got {self.readout}")

    def build(self, *, in_channels: int = 1) -> E3DLSTM:
        """The network, weights uniform after Glorot, biases 0; ValueError for a frozen decoder of random weights."""
        if self.frozen_decoder and not self.initial_weights:
            raise ValueError("frozen_decoder keeps the decoder of given weights: give --weights FILE, or leave it out")
        return E3DLSTM(self, in_channels)
