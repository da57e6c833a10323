"""Noether Networks for video: SVG, tailored so that an embedding of neighbouring frames is conserved.

Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, video experiment.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fernn.layers.svg import LAST, CodePredictor, Decoder, Encoder, GaussianLSTM, State, initialise
from fernn.models.noether.quantities import conservation_loss
from fernn.models.noether.tailoring import InnerSteps, Rollout, TailoredNetwork


class States(NamedTuple):
    """The recurrent states of the three networks."""

    predictor: State
    prior: State
    posterior: State


class SVG(nn.Module):
    """SVG with a learned prior: encoder, decoder, frame predictor, prior and posterior.

    Frame i is decoded from its predicted code and from the maps of the frame before the last given one, or, where
    ``skips_every``, of frame i - 1. The code is predicted from that of frame i - 1 and from a draw z_i. Where frame i
    is known, z_i comes from the posterior, which has seen that frame; else from the prior, which has seen those before.
    Source: Denton and Fergus, "Stochastic Video Generation with a Learned Prior", ICML 2018.
    """

    action_width = 0
    """Numbers of an action beside every code, 0 where actions are not read."""
    skips_every = False
    stops_gradient = False
    """Whether a predicted frame is read without gradient."""

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
        self,
        clips: Tensor,
        noise: Tensor,
        num_given: int,
        taught: bool = False,
        actions: Tensor | None = None,
        judged: bool = False,
    ) -> Rollout:
        """``num_given`` frames of the clips (b, t, c, s, s) in [0, 1], and those that are predicted after them.

        Standard normal ``noise`` (b, t - 1, z) has a draw for every frame but the first; its length decides how many
        frames there are. ``taught``: each is predicted from the true frames before it, else from those predicted
        before it. The divergence is KL(posterior || prior), summed over the steps whose true frame is seen: all where
        ``taught`` or ``judged``. Of ``actions`` (b, t, a) the i-th acts between the frames i and i + 1.
        """
        if clips.shape[-2:] != (self.size, self.size):
            size = "x".join(map(str, clips.shape[-2:]))
            raise ValueError(f"frames must be {self.size}x{self.size} for this many blocks, got {size}")
        if num_given < 2:
            raise ValueError(f"2 frames or more must be given, got {num_given}")
        seen = clips[:, : noise.shape[1] + 1 if taught or judged else num_given]
        codes, skips = self.encoder(seen.flatten(0, 1))
        codes = codes.unflatten(0, seen.shape[:2])
        skips = [maps.unflatten(0, seen.shape[:2]) for maps in skips]
        acting = self.acting(actions, noise)
        predicted, states, divergence = self._read(codes if taught else codes[:, :num_given], acting, noise)
        if taught:
            decoded = self._decoded(torch.stack(predicted[num_given - 1 :], dim=1), self._kept(skips, num_given))
            return Rollout(torch.cat([clips[:, :num_given], decoded], dim=1), divergence)
        given = Given(seen[:, :num_given], codes[:, num_given - 1 :], [maps[:, :num_given] for maps in skips])
        frames, later = self._rolled(given, acting[:, num_given - 1 :], noise[:, num_given - 1 :], states)
        return Rollout(frames, divergence if later is None else divergence + later)

    def _kept(self, skips: Sequence[Tensor], num_given: int) -> list[Tensor]:
        """Of maps (b, t, ...) those that reach the decoder: (b, t - num_given, ...), or (b, 1, ...) for every frame."""
        return [maps[:, num_given - 1 : -1] if self.skips_every else maps[:, num_given - 2, None] for maps in skips]

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

    def _read(self, codes: Tensor, acting: Tensor, noise: Tensor) -> tuple[list[Tensor], States, Tensor]:
        """The codes predicted from true ones (b, n, code), the states after them, and the KL terms (b,), summed."""
        networks = (self.frame_predictor, self.prior, self.posterior)
        states, predicted, terms = States(*(network.start(codes[:, 0]) for network in networks)), [], []
        for i in range(1, codes.shape[1]):
            code, states, term = self.step(codes[:, i - 1], codes[:, i], acting[:, i - 1], noise[:, i - 1], states)
            predicted.append(code)
            terms.append(term)
        return predicted, states, torch.stack(terms).sum(dim=0)

    def _decoded(self, codes: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """The frames of all codes (b, n, code) at once, with maps (b, n or 1, ...)."""
        skips = [maps.expand(-1, codes.shape[1], -1, -1, -1).flatten(0, 1) for maps in skips]
        return self.decoder(codes.flatten(0, 1), skips).unflatten(0, codes.shape[:2])

    def _rolled(self, given: "Given", acting: Tensor, noise: Tensor, states: States) -> tuple[Tensor, Tensor | None]:
        """The given frames, and one more for each draw; and the KL terms (b,), summed, of those whose code is given."""
        frames, terms = [*given.frames.unbind(dim=1)], []
        code, maps, kept = given.codes[:, 0], [m[:, -1] for m in given.maps], [m[:, -2] for m in given.maps]
        for number, (action, draw) in enumerate(zip(acting.unbind(dim=1), noise.unbind(dim=1), strict=True), start=1):
            if number > 1:
                code, maps = self.encoder(frames[-1].detach() if self.stops_gradient else frames[-1])
            following = given.codes[:, number] if number < given.codes.shape[1] else None
            predicted, states, term = self.step(code, following, action, draw, states, from_prior=True)
            frames.append(self.decoder(predicted, maps if self.skips_every else kept))
            terms += [] if following is None else [term]
        return torch.stack(frames, dim=1), torch.stack(terms).sum(dim=0) if terms else None

    def step(
        self,
        code: Tensor,
        following: Tensor | None,
        action: Tensor,
        noise: Tensor,
        states: States,
        from_prior: bool = False,
    ) -> tuple[Tensor, States, Tensor]:
        """The predicted next code, the states, and the KL term (b,), 0 where the following code is not known.

        Where it is known, the latent variable is drawn from the posterior, or ``from_prior``. The ``action``
        (b, width) stands beside both codes.
        """
        code = torch.cat([code, action], dim=1)
        expected, prior = self.prior(code, states.prior)
        seen, posterior = expected, states.posterior
        if following is not None:
            seen, posterior = self.posterior(torch.cat([following, action], dim=1), states.posterior)
        latent = (expected if from_prior else seen).sample(noise)
        predicted, predictor = self.frame_predictor(torch.cat([code, latent], dim=1), states.predictor)
        return predicted, States(predictor, prior, posterior), seen.divergence(expected)


class Given(NamedTuple):
    """The given frames (b, n, c, s, s), and what the encoder makes of them."""

    frames: Tensor
    codes: Tensor
    """Of the last given frame and of the true ones after it (b, m, code), where these are known."""
    maps: list[Tensor]
    """That skip to the decoder, (b, n, ...)."""


class NoetherNetwork(TailoredNetwork):
    """SVG and the embedding that its predictions are to conserve; all predictions of a clip see the same draws.

    With ``inner.draws`` "fresh" each sees draws of its own, and so does every jump in any case.
    """

    backbone: SVG
    taught = True
    """Whether training predicts each frame from the true ones before it."""
    adds_inner_loss = False
    """Whether the inner loss of the prediction that counts is a part of the outer loss."""

    def __init__(self, backbone: SVG, embedding: nn.Module, inner: InnerSteps, kl_weight: float) -> None:
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
        """Draws for clips of ``num_frames``, from PyTorch's generator of the device: (b, num_frames - 1, d * z).

        d is the number of draws that a prediction needs, ``inner.num_draws``.
        """
        shape = (len(clips), num_frames - 1, self.inner.num_draws * self.backbone.latent)
        return torch.randn(shape, device=clips.device, dtype=clips.dtype)

    def inputs_of(self, attempt: int, number: int, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs with the draws of this prediction; steps beyond those trained with begin again with the first."""
        clips, noise, *rest = inputs
        place = attempt if self.inner.draws == "shared" else attempt * (self.inner.steps + 1) + number
        draws = noise.split(self.backbone.latent, dim=-1)
        return clips, draws[place % len(draws)], *rest

    def outer_loss(
        self, clips: Tensor, noise: Tensor, num_given: int, actions: Tensor | None = None
    ) -> tuple[Tensor, Rollout]:
        """The loss of training, and its predictions: each made from the true frames before it where ``taught``.

        sum_t MSE_t + kl_weight * sum_t KL_t, each a mean over clips; MSE_t is the mean over the pixels of frame t.
        The losses of all jumps are added.
        """
        rollouts = [*self.attempts(clips, noise, num_given, self.taught, actions, True)]
        return torch.stack([self._outer_loss(rollout, clips) for rollout in rollouts]).sum(), rollouts[-1]

    def _outer_loss(self, rollout: Rollout, clips: Tensor) -> Tensor:
        errors = (rollout.frames - clips).square().mean(dim=(0, 2, 3, 4)).sum()
        loss = errors + self.kl_weight * rollout.divergence.mean()
        if self.adds_inner_loss:
            loss = loss + conservation_loss(self.embedding(rollout.frames), self.inner.compared).mean()
        return loss

    def limited_parameters(self) -> Iterator[nn.Parameter]:
        """The weights whose gradient has a limited norm: the embedding's, as published."""
        return self.embedding.parameters()
