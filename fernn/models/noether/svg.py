"""SVG with a learned prior: the next frame from the last one and a random draw, by way of a code.

Source: Denton and Fergus, "Stochastic Video Generation with a Learned Prior", ICML 2018.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fernn.layers.svg import LAST, CodePredictor, Decoder, Encoder, GaussianLSTM, State, initialise
from fernn.models.noether.tailoring import Rollout


class States(NamedTuple):
    """The recurrent states of the three networks."""

    predictor: State
    prior: State
    posterior: State


class SVG(nn.Module):
    """Encoder, decoder, frame predictor, prior and posterior.

    Frame i is decoded from its predicted code and from the maps of the frame before the last given one. The code is
    predicted from that of frame i - 1 and from a draw z_i. Where frame i is known, z_i comes from the posterior, which
    has seen that frame; else from the prior, which has seen those before.
    """

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

    def forward(self, clips: Tensor, noise: Tensor, num_given: int, taught: bool = False) -> Rollout:
        """``num_given`` frames of the clips (b, t, c, s, s) in [0, 1], and those that are predicted after them.

        Standard normal ``noise`` (b, t - 1, z) has a draw for every frame but the first; its length decides how many
        frames there are. ``taught``: each is predicted from the true frames before it, else from those predicted
        before it. The divergence is KL(posterior || prior), summed over the steps whose true frame is seen.
        """
        if clips.shape[-2:] != (self.size, self.size):
            size = "x".join(map(str, clips.shape[-2:]))
            raise ValueError(f"frames must be {self.size}x{self.size} for this many blocks, got {size}")
        if num_given < 2:
            raise ValueError(f"2 frames or more must be given, got {num_given}")
        seen = clips[:, : noise.shape[1] + 1 if taught else num_given]
        codes, skips = self.encoder(seen.flatten(0, 1))
        codes = codes.unflatten(0, seen.shape[:2])
        predicted, states, divergence = self._read(codes, noise)
        skips = [maps.unflatten(0, seen.shape[:2])[:, num_given - 2] for maps in skips]
        if taught:
            decoded = self._decoded(torch.stack(predicted[num_given - 1 :], dim=1), skips)
            frames = torch.cat([clips[:, :num_given], decoded], dim=1)
        else:
            frames = self._rolled(seen, codes[:, -1], noise[:, num_given - 1 :], states, skips)
        return Rollout(frames, divergence)

    def _read(self, codes: Tensor, noise: Tensor) -> tuple[list[Tensor], States, Tensor]:
        """The codes predicted from true ones (b, n, code), the states after them, and the KL terms (b,), summed."""
        networks = (self.frame_predictor, self.prior, self.posterior)
        states, predicted, terms = States(*(network.start(codes[:, 0]) for network in networks)), [], []
        for i in range(1, codes.shape[1]):
            code, states, term = self.step(codes[:, i - 1], codes[:, i], noise[:, i - 1], states)
            predicted.append(code)
            terms.append(term)
        return predicted, states, torch.stack(terms).sum(dim=0)

    def _decoded(self, codes: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """The frames of all codes (b, n, code) at once, with the same maps (b, ...) for each frame of a clip."""
        num_frames = codes.shape[1]
        skips = [maps[:, None].expand(-1, num_frames, -1, -1, -1).flatten(0, 1) for maps in skips]
        return self.decoder(codes.flatten(0, 1), skips).unflatten(0, codes.shape[:2])

    def _rolled(self, given: Tensor, code: Tensor, noise: Tensor, states: States, skips: Sequence[Tensor]) -> Tensor:
        """The given frames, and one more for each draw; ``code`` is that of the last given one."""
        frames = [*given.unbind(dim=1)]
        for draw in noise.unbind(dim=1):
            code = code if len(frames) == given.shape[1] else self.encoder(frames[-1])[0]
            predicted, states, _ = self.step(code, None, draw, states)
            frames.append(self.decoder(predicted, skips))
        return torch.stack(frames, dim=1)

    def step(
        self, code: Tensor, following: Tensor | None, noise: Tensor, states: States
    ) -> tuple[Tensor, States, Tensor]:
        """The predicted next code, the states, and the KL term (b,), 0 where the following code is not known."""
        expected, prior = self.prior(code, states.prior)
        latent, posterior = expected, states.posterior
        if following is not None:
            latent, posterior = self.posterior(following, states.posterior)
        predicted, predictor = self.frame_predictor(torch.cat([code, latent.sample(noise)], dim=1), states.predictor)
        return predicted, States(predictor, prior, posterior), latent.divergence(expected)
