"""Noether Networks for video: SVG, tailored so that an embedding of neighbouring frames is conserved.

Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, video experiment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fernn.layers.svg import LAST, CodePredictor, Decoder, Encoder, GaussianLSTM, State, initialise
from fernn.models.base import ModelConfig
from fernn.models.noether.quantities import ComparedWith, FrameQuantity
from fernn.models.noether.tailoring import InnerSteps, Rollout, TailoredNetwork


class States(NamedTuple):
    """The recurrent states of the three networks."""

    predictor: State
    prior: State
    posterior: State


class SVG(nn.Module):
    """SVG with a learned prior: encoder, decoder, frame predictor, prior and posterior.

    Frame i is decoded from its predicted code and from the maps of the frame before the last given one. The code is
    predicted from that of frame i - 1 and from a draw z_i. Where frame i is known, z_i comes from the posterior, which
    has seen that frame; else from the prior, which has seen those before.
    Source: Denton and Fergus, "Stochastic Video Generation with a Learned Prior", ICML 2018.
    """

    action_width = 0
    """Numbers of an action beside every code, 0 where actions are not read."""

    def __init__(
        self, channels: int, widths: Sequence[int], depths: Sequence[int], code: int, latent: int, recurrent: int
    ) -> None:
        super().__init__()
        self.encoder = Encoder(channels, widths, depths, code)
        self.decoder = Decoder(channels, widths, depths, code)
        initialise(self.encoder)
        initialise(self.decoder)
        self.frame_predictor = CodePredictor(code + latent, code, recurrent, num_layers=2)
        self.prior = GaussianLSTM(code, latent, recurrent, num_layers=1)
        self.posterior = GaussianLSTM(code, latent, recurrent, num_layers=1)
        self.latent, self.size = latent, LAST * 2 ** len(widths)

    def read_actions(self, width: int) -> None:
        """Let predictor, prior and posterior read an action of ``width`` numbers beside a code; other weights stay."""
        self.action_width = width
        for network in (self.frame_predictor, self.prior, self.posterior):
            network.widen(width)

    def forward(
        self, clips: Tensor, noise: Tensor, num_given: int, taught: bool = False, actions: Tensor | None = None
    ) -> Rollout:
        """``num_given`` frames of the clips (b, t, c, s, s) in [0, 1], and those that are predicted after them.

        Standard normal ``noise`` (b, t - 1, z) has a draw for every frame but the first; its length decides how many
        frames there are. ``taught``: each is predicted from the true frames before it, else from those predicted
        before it. The divergence is KL(posterior || prior), summed over the steps whose true frame is seen. Of
        ``actions`` (b, t, a) the i-th acts between the frames i and i + 1.
        """
        if clips.shape[-2:] != (self.size, self.size):
            size = "x".join(map(str, clips.shape[-2:]))
            raise ValueError(f"frames must be {self.size}x{self.size} for this many blocks, got {size}")
        if num_given < 2:
            raise ValueError(f"2 frames or more must be given, got {num_given}")
        seen = clips[:, : noise.shape[1] + 1 if taught else num_given]
        codes, skips = self.encoder(seen.flatten(0, 1))
        codes = codes.unflatten(0, seen.shape[:2])
        acting = self.acting(actions, noise)
        predicted, states, divergence = self._read(codes, noise, acting)
        skips = [maps.unflatten(0, seen.shape[:2])[:, num_given - 2] for maps in skips]
        if taught:
            decoded = self._decoded(torch.stack(predicted[num_given - 1 :], dim=1), skips)
            frames = torch.cat([clips[:, :num_given], decoded], dim=1)
        else:
            draws, acting = noise[:, num_given - 1 :], acting[:, num_given - 1 :]
            frames = self._rolled(seen, codes[:, -1], draws, acting, states, skips)
        return Rollout(frames, divergence)

    def acting(self, actions: Tensor | None, noise: Tensor) -> Tensor:
        """What stands beside the codes of every step that ``noise`` (b, t - 1, z) has a draw for, (b, t - 1, width).

        The action's numbers (b, t, a) in turn, again and again until the width is filled; where actions are not read
        the width is 0. Raises ValueError where they are read and not given, or do not fill the width.
        Source: svg/train_svg_lp.py (372-374) of MIT-Omnipush/video-prediction at e6e5489.
        """
        number = noise.shape[1]
        if not self.action_width:
            return noise.new_zeros(len(noise), number, 0)
        if actions is None or actions.shape[1] < number:
            got = "none" if actions is None else actions.shape[1]
            raise ValueError(f"actions must be given for {number} steps, as the network reads them, got {got}")
        repeats, rest = divmod(self.action_width, actions.shape[2])
        if rest or not repeats:
            fits = f"a multiple of the {actions.shape[2]} numbers of an action"
            raise ValueError(f"model.action_width must be {fits}, got {self.action_width}")
        return actions[:, :number].to(noise).repeat(1, 1, repeats)

    def _read(self, codes: Tensor, noise: Tensor, acting: Tensor) -> tuple[list[Tensor], States, Tensor]:
        """The codes predicted from true ones (b, n, code), the states after them, and the KL terms (b,), summed."""
        before, after = (torch.cat([part, acting[:, : part.shape[1]]], 2) for part in (codes[:, :-1], codes[:, 1:]))
        networks = (self.frame_predictor, self.prior, self.posterior)
        states, predicted, terms = States(*(network.start(codes[:, 0]) for network in networks)), [], []
        for i in range(1, codes.shape[1]):
            code, states, term = self.step(before[:, i - 1], after[:, i - 1], noise[:, i - 1], states)
            predicted.append(code)
            terms.append(term)
        return predicted, states, torch.stack(terms).sum(dim=0)

    def _decoded(self, codes: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """The frames of all codes (b, n, code) at once, with the same maps (b, ...) for each frame of a clip."""
        num_frames = codes.shape[1]
        skips = [maps[:, None].expand(-1, num_frames, -1, -1, -1).flatten(0, 1) for maps in skips]
        return self.decoder(codes.flatten(0, 1), skips).unflatten(0, codes.shape[:2])

    def _rolled(
        self, given: Tensor, code: Tensor, noise: Tensor, acting: Tensor, states: States, skips: Sequence[Tensor]
    ) -> Tensor:
        """The given frames, and one more for each draw and action; ``code`` is that of the last given one."""
        frames = [*given.unbind(dim=1)]
        for draw, action in zip(noise.unbind(dim=1), acting.unbind(dim=1), strict=True):
            code = code if len(frames) == given.shape[1] else self.encoder(frames[-1])[0]
            predicted, states, _ = self.step(torch.cat([code, action], dim=1), None, draw, states)
            frames.append(self.decoder(predicted, skips))
        return torch.stack(frames, dim=1)

    def step(
        self, code: Tensor, following: Tensor | None, noise: Tensor, states: States
    ) -> tuple[Tensor, States, Tensor]:
        """The predicted next code, the states, and the KL term (b,), 0 where the following code is not known.

        Both codes have the step's action beside them, where actions are read.
        """
        expected, prior = self.prior(code, states.prior)
        latent, posterior = expected, states.posterior
        if following is not None:
            latent, posterior = self.posterior(following, states.posterior)
        predicted, predictor = self.frame_predictor(torch.cat([code, latent.sample(noise)], dim=1), states.predictor)
        return predicted, States(predictor, prior, posterior), latent.divergence(expected)


class NoetherNetwork(TailoredNetwork):
    """SVG and the embedding that its predictions are to conserve; all predictions of a clip see the same draws."""

    backbone: SVG

    def __init__(self, backbone: SVG, embedding: FrameQuantity, inner: InnerSteps, kl_weight: float) -> None:
        super().__init__(backbone, embedding, inner)
        self.kl_weight = kl_weight

    def forward(
        self, frames: Tensor, horizon: int, noise: Tensor | None = None, actions: Tensor | None = None
    ) -> Tensor:
        """The ``horizon`` frames that follow ``frames`` (b, t, c, s, s) in [0, 1]; without ``noise`` it is drawn.

        ``actions`` (b, t + horizon, a) are read where the network reads any, the last one by nobody.
        """
        if noise is None:
            noise = self.noise(frames, frames.shape[1] + horizon)
        return self.rollout(frames, noise, frames.shape[1], False, actions).frames[:, frames.shape[1] :]

    def noise(self, clips: Tensor, num_frames: int) -> Tensor:
        """Draws for clips of ``num_frames``, from PyTorch's generator of the device: (b, num_frames - 1, z)."""
        shape = (len(clips), num_frames - 1, self.backbone.latent)
        return torch.randn(shape, device=clips.device, dtype=clips.dtype)

    def outer_loss(
        self, clips: Tensor, noise: Tensor, num_given: int, actions: Tensor | None = None
    ) -> tuple[Tensor, Rollout]:
        """The loss of training, and its predictions, each made from the true frames before it.

        sum_t MSE_t + kl_weight * sum_t KL_t, each a mean over clips; MSE_t is the mean over the pixels of frame t.
        """
        rollout = self.rollout(clips, noise, num_given, True, actions)
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
    use_actions: bool = False
    """Read the clips' actions; without it a network on data with actions does not see them."""
    action_width: int = 8
    """Numbers of an action beside a code: the published code repeats one number 8 times."""

    later = ("use_actions", "action_width")
    least = {
        "inner_steps": 0, "inner_lr": 0, "inner_clips": 1, "embedding_dimensions": 1, "embedding_width": 1,
        "embedding_frames": 1, "code": 1, "latent": 1, "recurrent": 1, "channels": 1, "kl_weight": 0, "action_width": 1,
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.widths or len(self.widths) != len(self.depths) or min(*self.widths, *self.depths) < 1:
            raise ValueError(f"widths and depths must be as many, each 1 or more, got {self.widths} and {self.depths}")

    def inner(self) -> InnerSteps:
        """How a clip is tailored."""
        return InnerSteps(self.inner_steps, self.inner_lr, self.inner_clips, compared=self.compared)

    def build(self) -> NoetherNetwork:
        """The network with SVG's initial weights; the embedding's are PyTorch's default."""
        backbone = SVG(self.channels, self.widths, self.depths, self.code, self.latent, self.recurrent)
        if self.use_actions:
            backbone.read_actions(self.action_width)
        sizes = (self.embedding_width, self.embedding_dimensions, self.embedding_frames)
        embedding = FrameQuantity(self.channels, backbone.size, *sizes)
        return NoetherNetwork(backbone, embedding, self.inner(), self.kl_weight)
