"""Training steps timed side by side: what the step benchmarks share."""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from hardware import describe, show

from fernn.flops import work_of
from fernn.train.graph import WARM_UP, CUDARecorder
from tune.engine.roofline import peak_of


class Floor:
    """Convolutions alone, forward and backward, on zero-padded maps that stand ready."""

    def __init__(self, calls, device, dtype):
        """``calls`` names each convolution: how many maps, of which size, the weight, whether maps want a gradient."""
        self.calls = []
        for count, size, weight, wanted in calls:
            maps = torch.rand(count, weight.shape[1], size, size, device=device, dtype=dtype, requires_grad=wanted)
            self.calls.append((maps, weight.detach().to(dtype).requires_grad_()))

    def __call__(self):
        for maps, weight in self.calls:
            found = F.conv2d(maps, weight, padding=weight.shape[-1] // 2)
            found.backward(found.detach())
            maps.grad = weight.grad = None
        return found


class TrainingStep:
    """Forward and backward of what ``loss_of()`` gives."""

    def __init__(self, loss_of, device, dtype):
        self.loss_of, self.device, self.dtype = loss_of, device, dtype

    def loss(self):
        with torch.autocast(self.device, self.dtype, enabled=self.dtype != torch.float32):
            return self.loss_of()

    def __call__(self):
        loss = self.loss()
        loss.backward()
        return loss

    def kept(self):
        """Bytes of the tensors that the forward pass keeps for the backward pass."""
        storages = {}

        def keep(tensor):
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = self.loss()
        del loss
        return sum(storages.values())


def seconds(step, device):
    began = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def launched_at_once(step, device):
    """The step as a CUDA graph, as the search trains, so that the time is the GPU's and not that of its launches."""
    recorder = CUDARecorder(torch.device(device))
    with recorder.stream():
        for _ in range(WARM_UP):
            step()
        recording = recorder.record(step)
    return lambda: recording.replay()  # which keeps what the graph reads


def alternate(steps, device, repeats):
    """Medians of alternating runs after one to warm up, and how they compare.

    On a GPU ours and the floor are CUDA graphs; "by calls" is ours without one, as the published algorithm is.
    """
    kept = {kind: f"{steps[kind].kept() / 1e6:.0f}" for kind in ("published", "ours")}
    if device == "cuda":
        graphs = {kind: launched_at_once(steps[kind], device) for kind in ("ours", "floor")}
        steps = {**steps, "by calls": steps["ours"], **graphs}
    for step in steps.values():
        seconds(step, device)
    runs = [{kind: seconds(step, device) for kind, step in steps.items()} for _ in range(repeats)]
    middle = {kind: statistics.median(run[kind] for run in runs) for kind in steps}
    ratios = [run["ours"] / run["floor"] for run in runs]
    return {
        **{f"{kind} s": f"{value:.3g}" for kind, value in middle.items()},
        "ours/floor": f"{middle['ours'] / middle['floor']:.2f}",
        "spread": f"{min(ratios):.2f}-{max(ratios):.2f}",
        "published/ours": f"{middle['published'] / middle['ours']:.2f}",
        **{f"{kind} MB": value for kind, value in kept.items()},
    }


def share_of_peak(experiment, num_clips, found, device):
    """The part of the device's FLOP/s that our step reaches; "unknown" where its peak is."""
    peak = peak_of(torch.device(device), experiment.precision)
    return f"{work_of(experiment).flops * num_clips / float(found['ours s']) / peak:.1%}" if peak else "unknown"


def main(title, description, measure, batches, experiment_of):
    """Measure the models asked for in the precisions asked for, and show one table.

    ``experiment_of`` gives the experiment of a name, from which FLOPs are counted.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, help=f"one batch size for all models; by default {batches}")
    parser.add_argument("--models", nargs="+", default=list(batches))
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = []
    for precision in asked.precisions:
        for name in asked.models:
            batch = asked.batch or batches[name]
            found = measure(name, batch, getattr(torch, precision), asked.device, asked.repeats)
            fields = {"batch_size": batch, "precision": {"bfloat16": "bf16"}.get(precision, precision)}
            share = share_of_peak(experiment_of(name).override(fields), batch, found, asked.device)
            rows.append({"model": name, "batch": batch, "precision": precision, **found, "of peak": share})
    hardware = describe("torch") | {"threads": torch.get_num_threads()}
    if asked.device == "cuda":
        hardware["gpu"] = torch.cuda.get_device_name()
    if asked.json:
        print(json.dumps({"hardware": hardware, "rows": rows}))
    else:
        show(title, rows, hardware)
