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
      dynamics_resnet, _unet        models/model_noequ.py: ResNet (101-117), Unet (27-64)
      dynamics_*_um, resnet_mag     models/model_um.py, model_mag.py: ResNet_UM, Unet_UM, ResNet_Mag
      dynamics_*_rot                models/model_rot.py: ResNet_Rot (66-99), Unet_Rot (157-210), escnn 1.0.11 in
                                    e2cnn's place (e2cnn 0.2.3 spans the same kernels with other coefficients);
                                    "out.train" is in training mode, with the batch's statistics

Losses and gradients are those of the published training step: cross-entropy (train_kth_classification.py 630-632), mean
squared error without teacher forcing (train_eval_utils.py 20-27).
"""

import ast
import math
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name):
    """The tensors and the metadata of a file."""
    path = GOLDEN / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        return load_file(path), file.metadata() or {}


def part(values, prefix):
    """The tensors whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def drawn(metadata):
    """The weights that a published dynamics network had, of the shapes, factors and seed in the file."""
    for number, parameter in enumerate(metadata["parameters"].split(";")):
        _, written, *factor = parameter.split(":")
        shape = ast.literal_eval(written)
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(int(metadata["seed"]) + number))
        by_shape = 0.1 if len(shape) == 1 else (2 / math.prod(shape[1:])) ** 0.5
        yield weight * (float(factor[0]) if factor else by_shape)
