"""The switches of Noether Networks beside the published code: the golden files ``noether_switch_*``."""

import ast
from itertools import islice

import torch

from fernn.models.noether import NoetherConfig
from tests.support.golden import drawn, part

NUM_CLIPS, NUM_FRAMES, NUM_GIVEN = 3, 5, 2
"""Of the Noether Networks' cases."""


class NoetherCase:
    """One option of the published Noether Network for video: our network with its weights, its clips and draws.

    Weights, clips and draws are made from the file's seed. A gain of a normalisation, alone in having one dimension
    and the name "weight", is 1 more than drawn. The published code ran in float64, and so does ours: a step so long
    that it does not help every clip is too steep for single precision.
    """

    def __init__(self, metadata):
        self.network = NoetherConfig(**ast.literal_eval(metadata["fields"])).build()
        self.names = [entry.partition(":")[0] for entry in metadata["parameters"].split(";")]
        ours = [weight for name, weight in self.network.named_parameters() if name != "log_lr_scale"]
        ours += [self.network.log_lr_scale] if self.network.inner.learn_lr else []
        self.parameters = dict(zip(self.names, ours, strict=True))
        with torch.no_grad():
            for (name, weight), values in zip(self.parameters.items(), drawn(metadata), strict=True):
                is_gain = values.dim() == 1 and name.endswith("weight")
                weight.copy_(values + 1 if is_gain else values)
        seed, size = int(metadata["seed"]), self.network.backbone.size
        num_draws, latent = int(metadata["draws"]), self.network.backbone.latent
        self.clips = torch.rand(NUM_CLIPS, NUM_FRAMES, 3, size, size, generator=torch.Generator().manual_seed(seed - 1))
        generator = torch.Generator().manual_seed(seed - 2)
        noise = torch.randn(NUM_CLIPS, NUM_FRAMES - 1, num_draws * latent, generator=generator)
        self.noise = noise[..., : self.network.inner.num_draws * latent].double()
        self.network, self.clips = self.network.double(), self.clips.double()

    def compared(self, values):
        """Pairs of ours and of what was published: outputs first, then gradients."""
        network, given = self.network, (self.clips, self.noise, NUM_GIVEN)
        with torch.no_grad():
            yield "prediction", (seen(network.rollout(*given).frames), values["out.eval_frames"])
            losses = [step.losses.mean() for step in islice(network.descend(network.inner, *given), 2)]
            count = 1 if network.inner.jumps else 2
            yield "inner losses", (torch.stack(losses)[:count], values["out.eval_inner"][:count])
        loss, rollout = network.outer_loss(*given)
        loss.backward()
        yield "prediction in training", (seen(rollout.frames).detach(), values["out.train_frames"])
        yield "loss", (loss.detach(), values["out.train_loss"])
        for name, gradient in part(values, "grad.").items():
            yield f"gradient of {name}", (self.parameters[name].grad, gradient)


def seen(frames):
    """The pixels of the predicted frames that are in the files."""
    return frames[:, NUM_GIVEN:, :, ::7, ::5]


def switch(values, metadata):
    """By quantity ours, the published values and the tolerance; of the gradients the one that differs most.

    Values were computed in float64 and are kept in float32.
    """
    compared = {}
    for name, (ours, published) in NoetherCase(metadata).compared(values):
        difference = ((ours - published).abs().max() / published.abs().max()).item()
        quantity, tolerance = ("gradient", 1e-5) if name.startswith("gradient") else (name, 1e-6)
        if quantity not in compared or not difference <= compared[quantity][0]:
            compared[quantity] = (difference, (name, (ours, published, tolerance)))
    return dict(entry for _, entry in compared.values())
