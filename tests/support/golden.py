"""Golden files: outputs of the published code on fixed weights and inputs, with the settings in their metadata.

What made each file; lines are those of the commit.

    akandykeller/FERNN @7def7bc
      kth_grnn, kth_fernn_*         kth/train_kth_classification.py: FERNN (394-526), FERNN_Classifier (592-612)
      kth_grnn_plus_v1              GRNN_Plus (529-589) in FERNN_Classifier
      kth_3dcnn                     Video3DCNNClassifier (330-382)
      kth_flow                      KTHVideoClips._apply_velocity_shift (252-287) of frame t by t * vy, t * vx (308-313)
      kth_velocities_range2         KTHVideoClips.__init__ (170-175)
      translating_mnist_*           moving_mnist_fp/moving_mnist_models.py (6-119)
      translating_mnist_sequences   moving_mnist_fp/moving_mnist_dataset.py: MovingMNISTDataset (54-140)
      rotating_mnist_*              rotating_mnist_fp/rotating_mnist_models.py (8-191)
      rotating_mnist_sequences      rotating_mnist_fp/rotating_mnist_dataset.py: RotatingMNISTDataset (51-155)
    Rose-STL-Lab/Equivariant-Net @e6f4c84
      dynamics_*_scale, levels      models/model_scale.py (12-240), utils.py: blur_input (130-172)
      dynamics_unet_mag             models/model_mag.py (12-105, 145-179)
    dylandoblar/noether-networks @c7a65a2, video_prediction/
      noether_actions               models/: svg.py (20-57), forward.py (18-118, 122-266), lstm.py, vgg_64.py with fewer
                                    channels, embedding.py (11-30); utils.py: svg_crit (36-52); in float64
    MIT-Omnipush/video-prediction @e6e5489
      noether_actions               svg/train_svg_lp.py (372-374): what joins an action to both codes of a step. The
                                    Noether code widens its LSTMs (train_noether_net.py 237-240), and never fills them.

Losses and gradients are those of the published training step: cross-entropy (train_kth_classification.py 630-632), mean
squared error without teacher forcing (train_eval_utils.py 20-27).
"""

import ast
import math
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from fernn.models.noether import NoetherConfig

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name):
    """The tensors and the metadata of a file."""
    path = GOLDEN / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        return load_file(path), file.metadata() or {}


def part(values, prefix):
    """The tensors whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def acting_network(metadata):
    """Our Noether video network in float64 with the weights of ``noether_actions``, and the published names in turn.

    The published network has its parts in another order; a norm's gain had 1 added to what is drawn.
    """
    sizes = {"widths": (3, 4, 5, 6), "depths": (2, 2, 3, 3), "code": 6, "latent": 3, "recurrent": 7, "channels": 1}
    embedding = {"embedding_width": 32, "embedding_dimensions": 2}
    facts = {name: float(metadata[name]) for name in ("inner_lr", "kl_weight")}
    acting = {"use_actions": True, "action_width": int(metadata["a_dim"])}
    network = NoetherConfig(**sizes, **embedding, **facts, **acting).build().double()
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


def acted(values, metadata):
    """Ours beside the published: predicted frames, loss, gradients by published name, for ``noether_actions``."""
    network, weights = acting_network(metadata)
    clips, actions, noise = (values[f"in.{name}"].double() for name in ("frames", "actions", "noise"))
    given = int(metadata["given"])
    loss, rollout = network.outer_loss(clips, noise, given, actions)
    loss.backward()
    with torch.no_grad():
        evaluated = network(clips[:, :given], clips.shape[1] - given, noise, actions)
    compared = {"prediction": (evaluated, values["out.eval_frames"])}
    compared |= {"taught": (rollout.frames[:, given:].detach(), values["out.train_frames"])}
    compared |= {"loss": (loss.detach(), values["out.train_loss"])}
    for name, gradient in part(values, "grad.").items():
        compared[f"gradient of {name}"] = (weights[name].grad, gradient)
    for name, sums in part(values, "grad_sums.").items():
        found = weights[name].grad
        found = found.flatten(1).sum(1) if len(found) > 2 else found.reshape(len(found), -1, 256).sum(2)
        compared[f"gradient of {name}, summed"] = (found, sums)
    return compared


def drawn(metadata):
    """The weights that a published network had, of the shapes and seed in the file."""
    for number, parameter in enumerate(metadata["parameters"].split(";")):
        shape = ast.literal_eval(parameter.partition(":")[2])
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(int(metadata["seed"]) + number))
        yield weight * (0.1 if len(shape) == 1 else (2 / math.prod(shape[1:])) ** 0.5)
