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
    dylandoblar/noether-networks @c7a65a2, video_prediction/, on the CPU and with given draws, normalised in one group
      noether_video_*               models/forward.py (49-300), svg.py (7-65), lstm.py, embedding.py (11-30), cn.py;
                                    utils.py: svg_crit (36-52), batch_norm_to_group_norm (480-501)
      noether_video_float32, 64     models/vgg_64.py with a 16th of its channels, and of the embedding's
      noether_video_published_size  models/vgg_128.py with the sizes of README.md (23-59), one clip
      noether_actions               models/: svg.py (20-57), forward.py (18-118, 122-266), lstm.py, vgg_64.py with fewer
                                    channels, embedding.py (11-30); utils.py: svg_crit (36-52); in float64
      noether_switch_*              train_noether_net.py with one more option (a file's "options"), its first validation
                                    (372-425) and first update (454-510); models/vgg_64.py and models/embedding.py with
                                    few channels, on the CPU, in float64, batch normalisation replaced layer by layer
      noether_loader                data/phys101.py (27-71, 99-100) in PyTorch's loader
    MIT-Omnipush/video-prediction @e6e5489
      noether_actions               svg/train_svg_lp.py (372-374): what joins an action to both codes of a step. The
                                    Noether code widens its LSTMs (train_noether_net.py 237-240), and never fills them.
    kevinstan/video_prediction @e334293
      e3d_*                         tests/support/parity/eidetic.py has the lines
    greydanus/hamiltonian-nn @bcc3622
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
    """The weights that a published network had, of the shapes, factors and seed in the file."""
    for number, parameter in enumerate(metadata["parameters"].split(";")):
        _, written, *factor = parameter.split(":")
        shape = ast.literal_eval(written)
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(int(metadata["seed"]) + number))
        by_shape = 0.1 if len(shape) < 2 else (2 / math.prod(shape[1:])) ** 0.5
        yield weight * (float(factor[0]) if factor else by_shape)
