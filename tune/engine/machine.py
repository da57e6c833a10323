"""This machine: its hardware, the versions of the software that can change rounding, its memory and home folder."""

import os
import platform
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
import torch
from ray._common.utils import get_system_memory  # Ray's own count, which a container's limit bounds
from ray._private.utils import get_current_node_cpu_model_name

from fernn.layers import moving_frame
from tune.core.code_record import source_sha256
from tune.planning.gpu_kind import kind_of


def machine(device: torch.device) -> dict[str, Any]:
    """The host, hardware and software versions of this process; None for a fact that cannot be read."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "host": socket.gethostname(),
        "device": name or platform.machine(),
        "device_type": device.type,
        "threads": torch.get_num_threads(),
        "held": assigned_resources(),
        "cpu": get_current_node_cpu_model_name() or platform.processor() or None,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "memory_bytes": get_system_memory(),
        **(gpu(device) if device.type == "cuda" else {}),
        "os": system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "ray": ray.__version__,
        "source_sha256": source_sha256(),
    }


def device_name(device: torch.device) -> str:
    """The GPU or the CPU by its maker's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return get_current_node_cpu_model_name() or platform.processor() or platform.machine()


def gpu(device: torch.device) -> dict[str, Any]:
    """The GPU, its memory in bytes, the versions of its driver and libraries, and what computes moving-frame steps."""
    facts = torch.cuda.get_device_properties(device)
    return {
        "gpu": facts.name,
        "gpu_memory_bytes": facts.total_memory,
        "driver": nvidia_driver(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "moving_frame": "triton" if moving_frame.KERNELS else "pytorch",
    }


def assigned_resources() -> dict[str, float] | None:
    """CPUs and GPUs that Ray has assigned to this trial, None outside of a trial."""
    if (assigned := _assigned()) is None:
        return None
    return {  # a placement group adds a suffix to the name
        f"{kind.lower()}s": max((number for name, number in assigned.items() if name.startswith(kind)), default=0.0)
        for kind in ("CPU", "GPU")
    }


def assigned_kind() -> str:
    """The kind of GPU that this trial asked for; empty where kinds are not told apart."""
    return kind_of(_assigned() or ())


def _assigned() -> dict[str, float] | None:
    context = ray.get_runtime_context() if ray.is_initialized() else None
    if context is None or context.worker.mode != ray.WORKER_MODE:
        return None
    assigned: dict[str, float] = context.get_assigned_resources()
    return assigned


def nvidia_driver() -> str | None:
    """The version of NVIDIA's kernel driver."""
    path = Path("/proc/driver/nvidia/version")
    words = path.read_text(encoding="utf-8", errors="replace").split() if path.is_file() else []
    return next((word for word in words if word[0].isdigit() and "." in word), None)


def system() -> str:
    """The operating system and its kernel."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform()
    return f"{name}, {platform.platform()}"


def home_problem() -> str:
    """Why the home folder cannot be used, empty where it can."""
    try:
        folder = Path.home()
    except RuntimeError:
        return "this user has no home folder"
    if not folder.is_dir():
        return f"the home folder {folder} does not exist"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"the home folder {folder} cannot be written"


def reset_peak_memory(device: torch.device) -> None:
    """Reset the peak that :func:`peak_memory` reads; on a CPU only where Linux permits it."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def peak_memory(device: torch.device) -> int:
    """This process's peak memory in bytes since :func:`reset_peak_memory`: of the GPU, or of the machine for a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
