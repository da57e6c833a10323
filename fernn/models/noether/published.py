"""The published video network's weights in this project's network.

Source: dylandoblar/noether-networks, commit c7a65a2, video_prediction/models/: svg.py, vgg_64.py and vgg_128.py,
lstm.py, embedding.py; the names are those of ``SVGModel.state_dict()``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from fernn.models.noether.video import NoetherNetwork
from fernn.models.noether.video_config import NoetherConfig

CONDITIONAL = (".gamma", ".beta")
"""Gains and offsets that tailoring begins anew for every batch: no weights here."""
PLACES = (
    ("emb.layer1.0.", "embedding.features.0."), ("emb.layer2.0.", "embedding.features.3."),
    ("emb.fc1.", "embedding.head."), ("lstm.", "cells."), ("output.0.", "head."), ("mu_net.", "mean."),
    ("logvar_net.", "log_variance."), ("main.", ""),
)  # fmt: skip
"""Parts of published names, and of ours."""


def published_noether(weights: Mapping[str, Tensor], **settings: Any) -> NoetherNetwork:
    """The network with the weights of a published one: the state dict of its SVG model, embedding included.

    Its sizes are read from the shapes. ``settings`` are fields of :class:`~fernn.models.noether.NoetherConfig` that
    no shape tells, as ``inner_steps``, ``inner_lr``, ``inner_clips`` (the published ``batch_size``), ``kl_weight``. The
    network is in double precision where its weights are. Raises ValueError where the weights are not those of such a
    network; one with batch normalisation is not built here.
    """
    own = {name: weight for name, weight in weights.items() if not name.endswith(CONDITIONAL)}
    if any(name.endswith("running_mean") for name in own):
        raise ValueError("the weights have batch normalisation: give those trained with --batch_norm_to_group_norm")
    try:
        sizes = _sizes(own)
    except KeyError as error:
        raise ValueError(f"the weights have no {error}: they are not those of the published video network") from error
    config = NoetherConfig().override(sizes | settings)
    network = config.build().to(own["prior.embed.weight"].dtype)
    blocks = len(config.widths)
    try:
        network.load_state_dict({renamed(name, blocks): weight for name, weight in own.items()})
    except RuntimeError as error:
        message = " ".join(str(error).split())
        raise ValueError(f"the weights do not fit the published video network: {message}") from error
    return network


def _sizes(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """The fields that the shapes tell; raises KeyError for a weight that is missing."""
    blocks = list(_blocks(weights))
    first, seen = weights["encoder.c1.0.main.0.weight"], weights["emb.layer1.0.weight"]
    return {
        "channels": first.shape[1],
        "widths": tuple(block[0].shape[0] for block in blocks),
        "depths": tuple(map(len, blocks)),
        "code": weights["prior.embed.weight"].shape[1],
        "recurrent": weights["prior.embed.weight"].shape[0],
        "latent": weights["prior.mu_net.weight"].shape[0],
        "embedding_width": seen.shape[0],
        "embedding_frames": seen.shape[1] // first.shape[1],
        "embedding_dimensions": weights["emb.fc1.weight"].shape[0],
    }


def _blocks(weights: Mapping[str, Tensor]) -> Iterator[list[Tensor]]:
    """The kernels of the encoder's blocks; what stands after them has other names."""
    pattern, number = r"encoder\.c{}\.\d+\.main\.0\.weight", 1
    while block := [weight for name, weight in weights.items() if re.fullmatch(pattern.format(number), name)]:
        yield block
        number += 1


def renamed(name: str, blocks: int) -> str:
    """Our name of a published weight, for an encoder of so many blocks."""
    for published, ours in PLACES:
        name = name.replace(published, ours)
    if name.startswith("embedding."):
        return name
    if match := re.fullmatch(r"(encoder|decoder)\.(?:c|upc)(\d+)\.(.*)", name):
        part, place, rest = match[1], int(match[2]), match[3]
        name = f"{part}.{_place(part, place, rest, blocks)}"
    return f"backbone.{name}"


def _place(part: str, place: int, rest: str, blocks: int) -> str:
    if part == "encoder":
        return f"last.{rest}" if place > blocks else f"blocks.{place - 1}.{rest}"
    if place == 1:
        return f"first.{rest}"
    if place <= blocks:
        return f"blocks.{place - 2}.{rest}"
    number, _, inner = rest.partition(".")
    return f"last.{inner}" if inner in ("weight", "bias") else f"before_last.{number}.{inner}"
