"""The Noether video network beside that of dylandoblar/noether-networks.

Weights, clips and noise are drawn as the metadata says. Of each parameter's gradient the file has the norm and the
products with some drawn tensors. The published evaluation adds KL terms of frames that are not given, ours does not:
those of the given ones are compared.
"""

import ast

import torch

from fernn.models.noether.published import renamed
from fernn.models.noether.quantities import conservation_loss
from fernn.reference import published_noether
from tests.support.golden import drawn, part
from tests.support.parity.measure import GRADIENTS, OUTPUTS, gradient_of

TOLERANCES = {"float32": (OUTPUTS, GRADIENTS), "float64": (1e-12, 1e-11)}
"""Of outputs and of gradients; the order of sums differs."""
FLOOR = 1e-4
"""Gradients are compared with their own size, and with no less than this share of the largest: that of the embedding's
last bias is zero but for rounding."""


def video(values, metadata):
    compared = {}
    for case in sorted({name.rpartition(".")[0] for name in values}):
        steps, mode = case.split("_steps.")
        found = run(metadata, int(steps), mode == "train")
        compared |= {
            f"{name}, {steps} steps, {mode}": entry
            for name, entry in beside(found, part(values, f"{case}."), metadata).items()
        }
    return compared


def beside(found, published, metadata):
    """What was found, by quantity, with what is published and its tolerance."""
    outputs, gradients = TOLERANCES[metadata["precision"]]
    if "outer_loss" not in published:  # without it the published sum has the terms of frames that are not given
        published["kl"] = published["kl"][: int(metadata["given_frames"]) - 1]
    published["kl"] = published["kl"].sum()
    if "gradients" in found:
        size = published["gradients"].abs().amax(dim=1, keepdim=True)
        size = size.clamp(min=FLOOR * size.max())
        found["gradients"], published["gradients"] = found["gradients"] / size, published["gradients"] / size
    assert found.keys() == published.keys()
    return {
        name.replace("_", " "): (found[name], value, gradients if name == "gradients" else outputs)
        for name, value in published.items()
    }


def run(metadata, steps, is_training):
    """What ours gives, by the published file's names."""
    network = build(metadata, steps)
    precision, given = getattr(torch, metadata["precision"]), int(metadata["given_frames"])
    clips, noise = inputs(metadata, precision)
    with torch.set_grad_enabled(is_training):
        plain = network.backbone(clips, noise, given, is_training)
        if is_training:
            loss, tailored = network.outer_loss(clips, noise, given)
        else:
            tailored = network.rollout(clips, noise, given)
    rollouts = (plain, tailored) if steps else (tailored,)
    found = {
        "prediction": tailored.frames[:, given:],
        "inner_losses": torch.stack([conservation_loss(network.embedding(one.frames)).mean() for one in rollouts]),
        "mse": (tailored.frames - clips).square().mean(dim=(0, 2, 3, 4))[1:],
        "kl": tailored.divergence.mean(),
    }
    found = {name: value.detach() for name, value in found.items()}
    if is_training:
        loss.backward()
        found |= {"outer_loss": loss.detach(), "gradients": projected(network, metadata)}
    return found | {"inner_losses": found["inner_losses"].double()}


def build(metadata, steps):
    """Ours with the drawn weights; gains of normalisations are about 1."""
    names = [parameter.partition(":")[0] for parameter in metadata["parameters"].split(";")]
    weights = dict(zip(names, drawn(metadata), strict=True))
    precision = getattr(torch, metadata["precision"])
    settings = {"inner_steps": steps, "inner_clips": int(metadata["inner_clips"])}
    settings |= {name: float(metadata[name]) for name in ("inner_lr", "kl_weight")}
    gains = {name: w + 1 for name, w in weights.items() if w.dim() == 1 and name.endswith("weight")}
    return published_noether({name: w.to(precision) for name, w in (weights | gains).items()}, **settings)


def inputs(metadata, precision):
    """Clips and noise, from the two seeds after those of the weights."""
    seed = int(metadata["seed"]) + len(metadata["parameters"].split(";"))
    generators = [torch.Generator().manual_seed(seed + number) for number in range(2)]
    clips = torch.rand(ast.literal_eval(metadata["clips"]), generator=generators[0])
    noise = torch.randn(ast.literal_eval(metadata["noise"]), generator=generators[1])
    return clips.to(precision), noise.to(precision)


def projected(network, metadata):
    """The norm of every gradient, and its products with tensors from the seeds 1000 after the weights' on."""
    parameters, number = dict(network.named_parameters()), int(metadata["directions"])
    blocks, rows = len(network.backbone.encoder.blocks), []
    for place, entry in enumerate(metadata["parameters"].split(";")):
        gradient = gradient_of(parameters.pop(renamed(entry.partition(":")[0], blocks))).double()
        seeds = [int(metadata["seed"]) + 1000 + number * place + way for way in range(number)]
        ways = [torch.randn(gradient.shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        rows.append(torch.stack([gradient.norm(), *((gradient * way.double()).sum() for way in ways)]))
    assert not parameters
    return torch.stack(rows)
