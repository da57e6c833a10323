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
    greydanus/hamiltonian-nn
      hnn_*                         hnn.py: HNN.time_derivative (33-55), nn_models.py: MLP (8-26), utils.py: L2_loss
                                    (32-33), integrate_model (11-19) by solve_ivp, rtol and atol 1e-10

Losses and gradients are those of the published training step: cross-entropy (train_kth_classification.py 630-632), mean
squared error without teacher forcing (train_eval_utils.py 20-27).
"""

import ast
import math
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from fernn.models.noether import DerivativeConfig

PERCEPTRON = "differentiable_model."
"""What the published names of an HNN's weights begin with."""
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
    """The weights that a published dynamics network had, of the shapes and seed in the file."""
    for number, parameter in enumerate(metadata["parameters"].split(";")):
        shape = ast.literal_eval(parameter.partition(":")[2])
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(int(metadata["seed"]) + number))
        yield weight * (0.1 if len(shape) == 1 else (2 / math.prod(shape[1:])) ** 0.5)


def derivative_network(values, metadata):
    """The network of a golden file of derivatives with its weights."""
    weights = part(values, f"weights.{PERCEPTRON}linear")
    width, is_baseline = int(metadata["hidden_dim"]), metadata["baseline"] == "True"
    model = DerivativeConfig(width=width, hamiltonian=not is_baseline).build()
    model.mlp.load_state_dict({f"layers.{int(name[0]) - 1}{name[1:]}": weight for name, weight in weights.items()})
    return model


def derivative_gradients(model, values):
    """Pairs of a network's gradients and the published ones."""
    for name, gradient in part(values, f"grad.{PERCEPTRON}linear").items():
        yield model.mlp.get_parameter(f"layers.{int(name[0]) - 1}{name[1:]}").grad, gradient
