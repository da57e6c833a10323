"""How near a model's training comes to what its device can compute: FLOPs a clip, FLOP/s, and the share of the peak."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from fernn.experiment import Experiment, Precision
from fernn.flops import UncountableError, Work, work_of


@dataclass(frozen=True)
class Peak:
    """The most dense TFLOP/s of a GPU by its data sheet, None where it cannot compute so."""

    bf16: float | None
    """Of its tensor cores, summed up in float32."""
    tf32: float | None
    float32: float


_A100, _H100 = Peak(312, 156, 19.5), Peak(989.4, 494.7, 66.9)
_V100_SXM2, _V100_PCIE = Peak(None, None, 15.7), Peak(None, None, 14.0)
PEAKS: dict[str, Peak] = {
    "NVIDIA H200": _H100,
    "NVIDIA H100 80GB HBM3": _H100,
    "NVIDIA H100 PCIe": Peak(756.5, 378, 51),
    "NVIDIA H100 NVL": Peak(835.5, 417.5, 60),
    "NVIDIA A100-SXM4-40GB": _A100,
    "NVIDIA A100-SXM4-80GB": _A100,
    "NVIDIA A100-PCIE-40GB": _A100,
    "NVIDIA A100 80GB PCIe": _A100,
    "NVIDIA A30": Peak(165, 82, 10.3),
    "NVIDIA A40": Peak(149.7, 74.8, 37.4),
    "NVIDIA A10": Peak(125, 62.5, 31.2),
    "NVIDIA L40S": Peak(362.05, 183, 91.6),
    "NVIDIA L40": Peak(181.05, 90.5, 90.5),
    "NVIDIA L4": Peak(121, 60, 30.3),
    "NVIDIA RTX 6000 Ada Generation": Peak(364.2, 182.1, 91.1),
    "NVIDIA RTX A6000": Peak(154.8, 77.4, 38.7),
    "NVIDIA GeForce RTX 4090": Peak(165.2, 82.6, 82.6),
    "NVIDIA GeForce RTX 3090": Peak(71, 35.6, 35.6),
    "Tesla V100-SXM2-16GB": _V100_SXM2,
    "Tesla V100-SXM2-32GB": _V100_SXM2,
    "Tesla V100-PCIE-16GB": _V100_PCIE,
    "Tesla V100-PCIE-32GB": _V100_PCIE,
    "Tesla T4": Peak(None, None, 8.1),
}
"""By the name that ``torch.cuda.get_device_name`` gives, exactly: a slice of a GPU (MIG) has another name, and a peak
that is not known. Source: what NVIDIA publishes of each, half of it where sparsity counts; read second-hand, from pages
and programs that quote it."""

MATRIX, ENOUGH, LEAST = 512, 0.1, 3
"""Rows and columns of the matrices, and seconds and products that are enough for a CPU's peak."""


def gpu_peak(device: str, precision: Precision) -> float | None:
    """FLOP/s of a GPU by its name, None where they are not known.

    Convolutions in float32 are computed as TF32 where the GPU can, PyTorch's default.
    """
    if (peak := PEAKS.get(device)) is None:
        return None
    tera = peak.bf16 if precision == "bf16" else peak.tf32 or peak.float32
    return None if tera is None else tera * 1e12


@cache
def cpu_peak(precision: Precision, num_threads: int) -> float:
    """FLOP/s of a matrix product on this machine's CPU with ``num_threads``, PyTorch's number of threads: the fastest.

    Measured once in a process, beside whatever else runs.
    """
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    matrix, seconds = torch.ones(MATRIX, MATRIX, dtype=dtype), list[float]()
    while sum(seconds) < ENOUGH or len(seconds) < LEAST:
        start = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - start)
    return 2 * MATRIX**3 / min(seconds)


def peak_of(device: torch.device, precision: Precision) -> float | None:
    """FLOP/s that the device can reach: of a GPU by its data sheet, of a CPU as measured with PyTorch's threads."""
    if device.type == "cuda":
        return gpu_peak(torch.cuda.get_device_name(device), precision)
    return cpu_peak(precision, torch.get_num_threads())


@dataclass(frozen=True)
class Roofline:
    """A model's training on a device; None for what is not known."""

    work: Work | None
    """Of a clip in training."""
    clips_per_second: float | None
    """Of one trial."""
    device: str
    peak: float | None
    """FLOP/s of the whole device, or of the threads that a trial has on a CPU."""

    @property
    def achieved(self) -> float | None:
        """FLOP/s of one trial."""
        known = self.work is not None and self.clips_per_second is not None
        return self.work.flops * self.clips_per_second if known else None  # type: ignore[union-attr,operator]

    @property
    def share(self) -> float | None:
        """The part of the peak that one trial reaches."""
        return self.achieved / self.peak if self.achieved is not None and self.peak else None

    def words(self) -> str:
        """It in one line."""
        if self.work is None:
            return "FLOPs of a clip unknown, since the model does not run without values"
        text = f"{quantity(self.work.flops, 'FLOP')} and {quantity(self.work.num_bytes, 'B')} a clip in training"
        if self.achieved is None:
            return f"{text}, speed unknown"
        text += f", {quantity(self.achieved, 'FLOP/s')}"
        if self.share is None or self.peak is None:
            return f"{text}, the peak of {self.device} is unknown"
        return f"{text}, {self.share:.1%} of the peak of {self.device} ({quantity(self.peak, 'FLOP/s')})"

    def facts(self) -> dict[str, Any]:
        """It as JSON values."""
        return {
            "flops_per_clip": self.work and self.work.flops,
            "bytes_per_clip": self.work and self.work.num_bytes,
            "clips_per_second": self.clips_per_second,
            "flops_per_second": self.achieved,
            "device": self.device,
            "peak_flops_per_second": self.peak,
            "share_of_peak": self.share,
        }


def training_work(experiment: Experiment) -> Work | None:
    """The work of a clip in training; None for a model that cannot be counted."""
    try:
        return work_of(experiment)
    except UncountableError:
        return None


def recorded_peak(machine: Mapping[str, Any], precision: Precision) -> float | None:
    """FLOP/s of the device in a cell's machine record: of a GPU by its name, of a CPU as the cell's trial measured."""
    return gpu_peak(machine["gpu"], precision) if machine.get("gpu") else machine.get("peak_flops_per_second")


PREFIXES = ("", "k", "M", "G", "T", "P")


def quantity(value: float, unit: str) -> str:
    """Three digits with a prefix: 0.327 TFLOP is "327 GFLOP"."""
    index = 0
    while value >= 999.5 and index < len(PREFIXES) - 1:
        value, index = value / 1000, index + 1
    return f"{value:.3g} {PREFIXES[index]}{unit}"
