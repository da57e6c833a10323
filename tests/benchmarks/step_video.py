"""One training step of E3D-LSTM, against the published algorithm translated plainly, and what each keeps.

Both compute the same predictions and gradients; tests/fernn/models/test_e3d_lstm.py says so. The time is of forward and
backward passes, alternating, the memory that of the tensors kept for the backward pass, at several lengths: ours
must grow with the length, while the plain translation's history and attention matrices grow with its square.

    python tests/benchmarks/step_video.py                          Moving MNIST: 64x64, ten and twenty frames
    python tests/benchmarks/step_video.py --lengths 20 40 --size 64 --device cuda --batch 4
"""

import argparse
import copy
import json
import statistics
import sys
from pathlib import Path

import torch
from hardware import describe, show
from steps import TrainingStep, seconds

sys.path.append(str(Path(__file__).parents[2]))
from fernn.models.e3d_lstm import E3DLSTMConfig
from tests.fernn.reference.e3d_lstm import plain_predictions


def training_steps(config, batch, length, size, device, dtype):
    """Ours and the plain translation's, on equal weights and clips."""
    torch.manual_seed(0)
    ours = config.build().to(device)
    published = copy.deepcopy(ours)
    clips = torch.rand(batch, length, 1, size, size, device=device)
    given = torch.rand(batch, length - 1, device=device) < 0.5

    def loss(predicted):
        error = predicted.float() - clips[:, 1:]
        return 0.5 * error.square().sum() + error.abs().sum()

    return {
        "ours": TrainingStep(lambda: loss(ours.forced(clips, given)), device, dtype),
        "published": TrainingStep(lambda: loss(plain_predictions(published, clips, given)), device, dtype),
    }


def measure(config, asked, length, dtype):
    steps = training_steps(config, asked.batch, length, asked.size, asked.device, dtype)
    kept = {f"{kind} MB": f"{step.kept() / 1e6:.0f}" for kind, step in steps.items()}
    runs = [{kind: seconds(step, asked.device) for kind, step in steps.items()} for _ in range(asked.repeats + 1)][1:]
    ratios = [run["published"] / run["ours"] for run in runs]
    times = {f"{kind} s": f"{statistics.median(run[kind] for run in runs):.3g}" for kind in steps}
    spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
    return {**times, "published/ours": f"{statistics.median(ratios):.2f}", "spread": spread, **kept}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--lengths", type=int, nargs="+", default=[10, 20])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--patch-size", type=int, default=4)
    parser.add_argument("--precisions", nargs="+", default=["float32"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = []
    switches = [{}, {"kernel_depth": 1}, {"return_new_memory": True}]
    for precision in asked.precisions:
        for fields in switches:
            config = E3DLSTMConfig(patch_size=asked.patch_size).override(fields)
            for length in asked.lengths:
                found = measure(config, asked, length, getattr(torch, precision))
                named = ", ".join(f"{name} {value}" for name, value in fields.items()) or "published"
                rows.append({"model": named, "frames": length, "precision": precision, **found})
    hardware = describe("torch") | {"threads": torch.get_num_threads()}
    if asked.json:
        print(json.dumps({"hardware": hardware, "rows": rows}))
    else:
        show(f"Training step, batch {asked.batch}, {asked.size}x{asked.size}", rows, hardware)


if __name__ == "__main__":
    main()
