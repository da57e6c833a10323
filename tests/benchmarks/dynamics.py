"""One training step of the layers with a symmetry beside a plain convolution: ``dynamics.py``.

    plain       the same convolution with zeros at the border, then ReLU
    replicated  the same with the border replicated, as the symmetric layers have it
    ours        the layer, by algebra
    unfolded    the layer by its definition: every block cut out, shifted or scaled, convolved by itself
    MB          what the forward pass keeps for the backward pass

Fields of 64 x 64 pixels, 128 to 128 channels of 3 x 3 weights.
"""

import statistics
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from steps import TrainingStep, main, seconds

from fernn.layers.velocity_pairs import MagnitudeConvolution, UniformMotionConvolution

sys.path.append(str(Path(__file__).parents[2]))
from tests.fernn.reference import dynamics as reference_dynamics

KINDS = {
    "uniform-motion": (UniformMotionConvolution, reference_dynamics.uniform_motion),
    "magnitude": (MagnitudeConvolution, reference_dynamics.magnitude),
}


def measure(name, batch, dtype, device, repeats):
    kind, unfolded = KINDS[name]
    torch.manual_seed(0)
    layer = kind(128, 128).to(device)
    maps = torch.randn(batch, 128, 64, 64, device=device, requires_grad=True)
    weight, bias = layer.convolution.weight, layer.convolution.bias
    forwards = {
        "plain": lambda: F.relu(F.conv2d(maps, weight, bias, padding=1)),
        "replicated": lambda: F.relu(F.conv2d(F.pad(maps, (1, 1, 1, 1), mode="replicate"), weight, bias)),
        "ours": lambda: layer(maps),
        "unfolded": lambda: unfolded(maps, weight, bias),
    }
    steps = {one: TrainingStep(lambda f=f: f().float().square().mean(), device, dtype) for one, f in forwards.items()}
    for step in steps.values():
        seconds(step, device)
    runs = [{kind: seconds(step, device) for kind, step in steps.items()} for _ in range(repeats)]
    middle = {kind: statistics.median(run[kind] for run in runs) for kind in steps}
    ratios = [run["ours"] / run["plain"] for run in runs]
    return {
        **{f"{kind} s": f"{value:.3g}" for kind, value in middle.items()},
        "ours/plain": f"{statistics.median(ratios):.2f}",
        "spread": f"{min(ratios):.2f}-{max(ratios):.2f}",
        "unfolded/ours": f"{middle['unfolded'] / middle['ours']:.1f}",
        **{f"{kind} MB": f"{steps[kind].kept() / 1e6:.0f}" for kind in ("plain", "ours", "unfolded")},
    }


if __name__ == "__main__":
    main("One training step of symmetric layers", __doc__, measure, {name: 8 for name in KINDS})
