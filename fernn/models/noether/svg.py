"""SVG with a learned prior: the next frame from the last one and a random draw, by way of a code.

Source: Denton and Fergus, "Stochastic Video Generation with a Learned Prior", ICML 2018.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fernn.layers.latent import CodePredictor, GaussianLSTM, State
from fernn.layers.vgg import LAST, Decoder, Encoder, initialise
from fernn.models.noether.network import Rollout


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
        self,
        channels: int,
        widths: Sequence[int],
        depths: Sequence[int],
        code: int,
        latent: int,
        recurrent: int,
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
            found = "x".join(map(str, clips.shape[-2:]))
            raise ValueError(f"frames must be {self.size}x{self.size} for this many blocks, got {found}")
        if num_given < 2:
            raise ValueError(f"2 frames or more must be given, got {num_given}")
        return (self._taught if taught else self._free)(clips, noise, num_given)

    def _taught(self, clips: Tensor, noise: Tensor, num_given: int) -> Rollout:
        """All frames are encoded, and then decoded, at once."""
        codes, skips = self.encoder(clips.flatten(0, 1))
        codes = codes.unflatten(0, clips.shape[:2])
        states, predicted, terms = self.start(codes[:, 0]), [], []
        for i in range(1, noise.shape[1] + 1):
            code, states, term = self.step(codes[:, i - 1], codes[:, i], noise[:, i - 1], states)
            predicted.append(code)
            terms.append(term)
        wanted = torch.stack(predicted[num_given - 1 :], dim=1)
        kept = [self._of_frame(maps, num_given - 2, wanted.shape[:2]) for maps in skips]
        decoded = self.decoder(wanted.flatten(0, 1), kept).unflatten(0, wanted.shape[:2])
        return Rollout(torch.cat([clips[:, :num_given], decoded], dim=1), torch.stack(terms).sum(dim=0))

    def _free(self, clips: Tensor, noise: Tensor, num_given: int) -> Rollout:
        """Only the given frames of the clips are read."""
        given, num_frames = clips[:, :num_given], noise.shape[1] + 1
        codes, skips = self.encoder(given.flatten(0, 1))
        codes = codes.unflatten(0, given.shape[:2])
        kept = [self._of_frame(maps, num_given - 2, (len(clips), 1)) for maps in skips]
        states, terms, frames = self.start(codes[:, 0]), [], [*given.unbind(dim=1)]
        for i in range(1, num_given):
            _, states, term = self.step(codes[:, i - 1], codes[:, i], noise[:, i - 1], states)
            terms.append(term)
        code = codes[:, -1]
        for i in range(num_given, num_frames):
            code = code if i == num_given else self.encoder(frames[-1])[0]
            predicted, states, _ = self.step(code, None, noise[:, i - 1], states)
            frames.append(self.decoder(predicted, kept))
        return Rollout(torch.stack(frames, dim=1), torch.stack(terms).sum(dim=0))

    def start(self, like: Tensor) -> States:
        """All states zero."""
        return States(self.frame_predictor.start(like), self.prior.start(like), self.posterior.start(like))

    def step(
        self, code: Tensor, following: Tensor | None, noise: Tensor, states: States
    ) -> tuple[Tensor, States, Tensor]:
        """The predicted next code, the states, and the KL term (b,), 0 where the following code is not known."""
        expected, prior = self.prior(code, states.prior)
        known, posterior = (expected, states.posterior)
        if following is not None:
            known, posterior = self.posterior(following, states.posterior)
        predicted, predictor = self.frame_predictor(torch.cat([code, known.sample(noise)], dim=1), states.predictor)
        return predicted, States(predictor, prior, posterior), known.divergence(expected)

    @staticmethod
    def _of_frame(maps: Tensor, index: int, shape: tuple[int, ...]) -> Tensor:
        """The maps of the encoded frame ``index`` of each clip, repeated for each of ``shape[1]`` frames."""
        num_clips, num_frames = shape
        mine = maps.unflatten(0, (num_clips, -1))[:, index]
        return mine[:, None].expand(-1, num_frames, -1, -1, -1).flatten(0, 1)
