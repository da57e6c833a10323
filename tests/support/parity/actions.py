"""The Noether video network that reads actions, beside the published one in float64."""

import torch
from torch import nn

from fernn.models.noether import NoetherConfig
from tests.support.golden import drawn, part
from tests.support.parity.measure import worst

ROUNDING = 2e-7
"""Tolerance: the published run in float64 is stored as float32, which rounds by 6e-8 of a value."""


def acting_network(metadata):
    """Our Noether video network in float64 with the weights of ``noether_actions``, and the published names in turn.

    The published network has its parts in another order; a norm's gain had 1 added to what is drawn.
    """
    sizes = {"widths": (3, 4, 5, 6), "depths": (2, 2, 3, 3), "code": 6, "latent": 3, "recurrent": 7, "channels": 1}
    embedding = {"embedding_width": 32, "embedding_dimensions": 2}
    facts = {name: float(metadata[name]) for name in ("inner_lr", "kl_weight")}
    reads = {"use_actions": True, "action_width": int(metadata["a_dim"])}
    network = NoetherConfig(**sizes, **embedding, **facts, **reads).build().double()
    backbone = network.backbone
    parts = {
        "encoder": backbone.encoder, "frame_predictor": backbone.frame_predictor, "decoder": backbone.decoder,
        "prior": backbone.prior, "posterior": backbone.posterior, "emb": network.embedding,
    }  # fmt: skip
    gains = {id(norm.weight) for norm in network.modules() if isinstance(norm, nn.GroupNorm)}
    ours = [parameter for module in parts.values() for parameter in module.parameters()]
    names = [entry.partition(":")[0] for entry in metadata["parameters"].split(";")]
    assert [name.partition(".")[0] for name in names] == [name for name in parts for _ in parts[name].parameters()]
    with torch.no_grad():
        for parameter, weight in zip(ours, drawn(metadata), strict=True):
            parameter.copy_(weight + (id(parameter) in gains))
    return network, dict(zip(names, ours, strict=True))


def acting(values, metadata):
    """Predicted frames, loss and gradients of ``noether_actions``, which is of a network that reads actions."""
    network, weights = acting_network(metadata)
    clips, actions, noise = (values[f"in.{name}"].double() for name in ("frames", "actions", "noise"))
    given = int(metadata["given"])
    loss, rollout = network.outer_loss(clips, noise, given, actions)
    loss.backward()
    with torch.no_grad():
        evaluated = network(clips[:, :given], clips.shape[1] - given, noise, actions)
    compared = {
        "prediction": (evaluated, values["out.eval_frames"], ROUNDING),
        "taught": (rollout.frames[:, given:].detach(), values["out.train_frames"], ROUNDING),
        "loss": (loss.detach(), values["out.train_loss"], ROUNDING),
    }
    for name, gradient in part(values, "grad.").items():
        compared[f"gradient of {name}"] = (weights[name].grad, gradient, ROUNDING)
    for name, sums in part(values, "grad_sums.").items():
        found = weights[name].grad
        found = found.flatten(1).sum(1) if len(found) > 2 else found.reshape(len(found), -1, 256).sum(2)
        compared[f"gradient of {name}, summed"] = (found, sums, ROUNDING)
    return worst(compared)
