"""Frame predictors with a recurrent hidden state: FERNN for translating and for rotating pictures, and G-RNN."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from fernn.flows import Flow, RotationFlow, TranslationFlow
from fernn.layers import moving_frame
from fernn.layers.cell import FERNNCell, Pooling, computed_in, pool_velocities
from fernn.layers.convolution import CircularConvolution, Convolution
from fernn.layers.frame_decoder import Decoding, FrameDecoder
from fernn.layers.rollout import Steps, first_state, lift_matrix, roll_out
from fernn.layers.steerable import SteerableConvolution
from fernn.layers.turning_rollout import first_turning_state, roll_out_turns
from fernn.models.base import ModelConfig

RolloutKind = Literal["published", "equivariant"]


@dataclass(frozen=True)
class PredictorConfig(ModelConfig):
    """What predictors of both flows have besides."""

    rollout: RolloutKind = field(default="published", kw_only=True)
    recompute_steps: int = field(default=0, kw_only=True)
    """Time steps of which only the last state is kept for the gradients, the others computed again; 0: keep all."""
    pooling: Pooling = field(default="max", kw_only=True)
    """What the states become over V."""
    teacher_forcing: float = field(default=0.0, kw_only=True)
    """Probability with which a step of training reads the true frame that it is to predict, as the published code does
    (its default is 0 too; the submission's commands had 0.5)."""

    later = ("pooling", "teacher_forcing")

    @property
    def repeats_steps(self) -> bool:
        """Which true frames are read is drawn on the host."""
        return super().repeats_steps and not self.teacher_forcing

    least = {"recompute_steps": 0}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.teacher_forcing <= 1:
            raise ValueError(f"model.teacher_forcing must be from 0 to 1, got {self.teacher_forcing}")
        if self.teacher_forcing and self.rollout == "equivariant":
            raise ValueError(
                "model.teacher_forcing must be 0 with model.rollout equivariant, which reads no frame then"
            )


@dataclass(frozen=True)
class Kernels:
    """Of a predictor's layers, made once for all steps."""

    lift: Tensor
    cell: Tensor
    decoder: list[Tensor]


@dataclass(frozen=True)
class Stretch:
    """Some steps of a rollout."""

    times: range
    frames: Tensor
    """Those that are there beforehand (n, b, c, h, w)."""
    rows: dict[int, int]
    """Which of them is read, by time."""
    given: int
    """How many frames are not predicted."""


Predict = Callable[[Tensor], Tensor | None]
Advance = Callable[[Tensor | None, Stretch, Kernels], tuple[Tensor, Tensor | None]]

PUBLISHED = PredictorConfig("published")
"""The published code's defaults."""


class SequencePredictor(nn.Module):
    """A FERNN that reads frames and predicts those that follow.

    Every frame is lifted by a convolution to the same input for every velocity. After the last given frame the
    state goes on; each prediction is decoded from it, pooled over V. The rollout is "published": the input of a
    step is the last given frame, then the prediction before, without gradient, both one step late, so that the
    predictions keep no law; or "equivariant": no input, so that the hidden states keep the law to the end.
    ``teacher_forcing`` is the probability with which a step of training reads the very frame that it is to predict.
    Source: Keller, 2025, section 5.1 and appendix B.
    """

    def __init__(
        self, lift: Convolution, cell: FERNNCell, decoder: FrameDecoder, options: PredictorConfig = PUBLISHED
    ) -> None:
        super().__init__()
        self.lift, self.cell, self.decoder = lift, cell, decoder
        self.rollout, self.recompute_steps = options.rollout, options.recompute_steps
        self.pooling, self.teacher_forcing = options.pooling, options.teacher_forcing

    def forward(self, frames: Tensor, horizon: int, truth: Tensor | None = None) -> Tensor:
        """The ``horizon`` frames (b, horizon, c, h, w) that follow ``frames`` (b, t, c, h, w) in [0, 1].

        ``truth`` (b, horizon, c, h, w) are these frames, of which training reads some, drawn by PyTorch's generator.
        """
        size, advance = frames.shape[1] + horizon, self._advance
        if self.recompute_steps and torch.is_grad_enabled():
            size = self.recompute_steps
            advance = partial(checkpoint, self._advance, use_reentrant=False, preserve_rng_state=False)
        stretches = self._stretches(frames, horizon, size, advance, truth)
        return torch.cat([predicted for *_, predicted in stretches if predicted is not None]).transpose(0, 1)

    def hidden_states(self, frames: Tensor, horizon: int = 0) -> Iterator[Tensor]:
        """The states h_t (v, b, c, h, w) of the frames (b, t, c, h, w), one by one, and of ``horizon`` steps more."""
        for time, state, _ in self._stretches(frames, horizon, 1, self._advance):
            yield self.cell.hidden(state, time)

    @property
    def flow(self) -> Flow:
        """The flow and its V."""
        return self.cell.flow

    @property
    def is_equivariant(self) -> bool:
        """Whether the law holds to rounding: for translations, while rotations interpolate."""
        return isinstance(self.flow, TranslationFlow)

    def _stretches(
        self, frames: Tensor, horizon: int, size: int, advance: Advance, truth: Tensor | None = None
    ) -> Iterator[tuple[int, Tensor, Tensor | None]]:
        """Each stretch of ``size`` steps: its last time, the state then, its predictions (t, b, c, h, w) if any."""
        kernels = Kernels(self.lift.kernel(), self.cell.kernel(), self.decoder.kernels())
        given, read, state = frames.shape[1], self._read(frames, horizon, truth), None
        for first in range(0, given + horizon, size):
            times = range(first, min(first + size, given + horizon))
            known = [time for time in times if time in read]
            some = torch.stack([read[time] for time in known]) if known else frames[:, :0].transpose(0, 1)
            rows = {time: row for row, time in enumerate(known)}
            state, predicted = advance(state, Stretch(times, some, rows, given), kernels)
            if predicted is not None and self.rollout == "published":
                read.setdefault(times.stop, predicted[-1].detach())
            yield times[-1], state, predicted

    def _read(self, frames: Tensor, horizon: int, truth: Tensor | None) -> dict[int, Tensor]:
        """The frames (b, c, h, w) that are there beforehand, by the time at which they are read."""
        read, given = dict(enumerate(frames.unbind(1))), frames.shape[1]
        if self.rollout == "published":
            read[given] = read[given - 1]
        if truth is not None and self.training:
            drawn = (torch.rand(horizon) < self.teacher_forcing).tolist()
            read |= {given + step: truth[:, step] for step in range(horizon) if drawn[step]}
        return read

    def _advance(self, state: Tensor | None, stretch: Stretch, kernels: Kernels) -> tuple[Tensor, Tensor | None]:
        """The state after a stretch, and the predictions made in it."""
        decoding, is_kept = Decoding(kernels.decoder, self.decoder.padding == "circular"), torch.is_grad_enabled()

        def predict(maps: Tensor) -> Tensor | None:
            picture = decoding.add(maps, is_kept)
            return picture if self.rollout == "published" else None

        drifts = self._roll_out if moving_frame.KERNELS is None else self._step_by_step
        compute = drifts if isinstance(self.flow, TranslationFlow) else self._roll_out_turns
        state, pooled = compute(state, stretch, kernels, predict)
        return state, decoding.connected(pooled).permute(0, 1, 4, 2, 3) if pooled else None

    def _roll_out(
        self, state: Tensor | None, stretch: Stretch, kernels: Kernels, predict: Predict
    ) -> tuple[Tensor, list[Tensor]]:
        """The state after a stretch, and the pooled ones, by one function of all steps."""
        lift, times = lift_matrix(kernels.lift, kernels.cell.dtype), stretch.times
        pictures = stretch.frames.to(lift.dtype).movedim(2, -1).contiguous()
        if state is None:
            state, times = first_state(pictures[0], lift, self.cell.activation), times[1:]
            if not times:
                return state, []
        return roll_out(self._steps(times, stretch, predict), state, kernels.cell, lift, pictures)

    def _roll_out_turns(
        self, state: Tensor | None, stretch: Stretch, kernels: Kernels, predict: Predict
    ) -> tuple[Tensor, list[Tensor]]:
        """As :meth:`_roll_out`, of pictures that turn."""
        pictures, times = stretch.frames.to(computed_in(kernels.cell)), stretch.times
        if state is None:
            state, times = first_turning_state(pictures[0], kernels.lift, self.cell.activation), times[1:]
            if not times:
                return state, []
        return roll_out_turns(self._steps(times, stretch, predict), state, kernels.cell, kernels.lift, pictures)

    def _steps(self, times: range, stretch: Stretch, predict: Predict) -> Steps:
        options = self.flow, self.cell.activation, self.pooling
        return Steps(*options, times, stretch.rows, stretch.given, predict, torch.is_grad_enabled())

    def _step_by_step(
        self, state: Tensor | None, stretch: Stretch, kernels: Kernels, predict: Predict
    ) -> tuple[Tensor, list[Tensor]]:
        """As :meth:`_roll_out`, by a function for each step."""
        inputs, picture, pooled = self._lifted(stretch.frames, kernels).unbind(), None, []
        shape = stretch.frames.shape[1], len(kernels.lift), *stretch.frames.shape[-2:]
        for time in stretch.times:
            if time in stretch.rows:
                drive = inputs[stretch.rows[time]]
            elif picture is not None:
                drive = self._lifted(picture.permute(0, 3, 1, 2)[None], kernels).squeeze(0)
            else:
                drive = stretch.frames.new_zeros(1).expand(1, *shape)
            state = self.cell.step(state, time, drive, kernels.cell)
            if time >= stretch.given:
                maps = pool_velocities(self.cell.hidden(state, time), self.pooling)
                pooled.append(maps.permute(0, 2, 3, 1).contiguous())
                picture = predict(pooled[-1])
        assert state is not None
        return state, pooled

    def _lifted(self, frames: Tensor, kernels: Kernels) -> Tensor:
        """The inputs (t, 1, b, c', h, w) of frames (t, b, c, h, w)."""
        return self.lift(frames.flatten(0, 1), kernels.lift).unflatten(0, frames.shape[:2])[:, None]


@dataclass(frozen=True)
class TranslatingPredictorConfig(PredictorConfig):
    """A FERNN for pictures that drift; with ``velocity_range`` (0, 0) it is the G-RNN."""

    name: str = "fernn-v2"
    velocity_range: tuple[int, int] = (2, 2)
    """V holds every (vy, vx) with |vy|, |vx| up to these, in pixels per frame."""
    hidden_channels: int = 128
    decoder_layers: int = 4
    """Convolutions with ReLU before the last one."""

    least = {**PredictorConfig.least, "hidden_channels": 1, "decoder_layers": 0}

    def __post_init__(self) -> None:
        TranslationFlow.box(*self.velocity_range)
        super().__post_init__()

    def build(self, *, in_channels: int = 1) -> SequencePredictor:
        """The network, with PyTorch's default initial weights."""
        flow, width = TranslationFlow.box(*self.velocity_range), self.hidden_channels
        cell = FERNNCell(flow, CircularConvolution(width, width), "relu")
        decoder = FrameDecoder([width] * (self.decoder_layers + 1), in_channels, "circular")
        lift = CircularConvolution(in_channels, width)
        return SequencePredictor(lift, cell, decoder, self)


@dataclass(frozen=True)
class RotatingPredictorConfig(PredictorConfig):
    """A FERNN for pictures that turn, on regular fields of C_N; with ``velocities`` (0,) it is the G-RNN."""

    name: str = "fernn-v4"
    velocities: tuple[float, ...] = (-40.0, -30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0, 40.0)
    """V in degrees per frame, positive counter-clockwise: multiples of 360 / N."""
    group_order: int = 36
    """N: orientations of a field."""
    hidden_fields: int = 32
    decoder_layers: int = 4

    least = {**PredictorConfig.least, "hidden_fields": 1, "decoder_layers": 0}

    def __post_init__(self) -> None:
        RotationFlow(self.velocities, self.group_order)
        super().__post_init__()

    def build(self) -> SequencePredictor:
        """The network; steerable weights drawn as escnn does, the decoder's by PyTorch's default."""
        fields, order = self.hidden_fields, self.group_order
        flow = RotationFlow(self.velocities, order)
        cell = FERNNCell(flow, SteerableConvolution(fields, fields, order), "relu")
        lift = SteerableConvolution(None, fields, order)
        decoder = FrameDecoder([fields * order] * (self.decoder_layers + 1), 1, "zeros")
        return SequencePredictor(lift, cell, decoder, self)
