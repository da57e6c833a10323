"""Velocity generalization of equivariant networks, by the law and one reading after another: ``velocity.py``.

The logits of the same clips at 81 velocities (up to 4 pixels per frame on each axis), from one run of the clips that
stand still, and from a run of the drifting clips for each velocity. Circular embedding, 128 channels, 16 frames of
32x32 pixels, initial weights. It needs PyTorch and NumPy alone.
"""

import argparse
import json
import time

import torch
from hardware import describe, show

from fernn.equivariance import drift
from fernn.flows import TranslationFlow
from fernn.models.fernn import FERNNConfig

RANGES = {"grnn": 0, "fernn-v1": 1, "fernn-v2": 2}


@torch.no_grad()
def measure(name, num_clips, device):
    torch.manual_seed(0)
    reach = RANGES[name]
    model = FERNNConfig(velocity_range=(reach, reach), embedding_padding="circular").build().eval().to(device)
    clips, flow = torch.rand(num_clips, 16, 1, 32, 32, device=device), TranslationFlow.box(4, 4)
    model(clips)
    began = time.perf_counter()
    by_law = model.drift_logits(clips, flow.velocities).cpu()
    middle = time.perf_counter()
    plainly = torch.stack([model(drift(flow, clips, velocity)).cpu() for velocity in flow.velocities])
    end = time.perf_counter()
    return {
        "model": name,
        "clips": num_clips,
        "by the law s": round(middle - began, 2),
        "one by one s": round(end - middle, 2),
        "ratio": round((end - middle) / (middle - began), 1),
        "largest difference": f"{(by_law - plainly).abs().max().item():.1e}",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = [measure(name, asked.clips, asked.device) for name in RANGES]
    hardware = describe("torch") | {"device": asked.device}
    if asked.json:
        print(json.dumps({"hardware": hardware, "rows": rows}))
    else:
        show("Logits at 81 velocities", rows, hardware)
