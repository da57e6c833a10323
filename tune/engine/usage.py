"""What a trial's own process uses of its machine, as metrics of each epoch that MLflow shows as system metrics."""

import time
from pathlib import Path

import torch

from fernn.train.loop import Row

MEGABYTE = 1e6
"""Bytes, as MLflow's own system metrics count them."""


class Usage:
    """The use since the last row: ``system/process_...`` is this process's share, ``system/gpu_0_...`` the whole GPU's.

    GPU 0 is the one that the trial was given. The names of the whole GPU are those of MLflow's own monitor.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._since = time.perf_counter(), time.process_time()

    def row(self) -> Row:
        """CPU in percent of one core, the mean since the last row; memory in megabytes of 10**6 bytes, as it is now."""
        now = time.perf_counter(), time.process_time()
        (wall, computed), self._since = (new - old for new, old in zip(now, self._since, strict=True)), now
        return {
            "system/process_cpu_utilization_percentage": 100 * computed / wall,
            "system/process_memory_usage_megabytes": resident_bytes() / MEGABYTE,
        } | self._gpu()

    def _gpu(self) -> Row:
        if self.device.type != "cuda":
            return {}
        free, total = torch.cuda.mem_get_info(self.device)
        return {
            "system/process_gpu_memory_usage_megabytes": torch.cuda.memory_reserved(self.device) / MEGABYTE,
            "system/gpu_0_memory_usage_megabytes": (total - free) / MEGABYTE,
            "system/gpu_0_memory_usage_percentage": 100 * (total - free) / total,
        }


def resident_bytes() -> int:
    """The main memory that this process holds now."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
