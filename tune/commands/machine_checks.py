"""The doctor's checks of this machine: processors, memory, GPUs, scratch space and the video decoder."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from ray._common.utils import get_system_memory
from ray._private.utils import _get_docker_cpus, estimate_available_memory

from data.kth.decode import HEIGHT, WIDTH, decode, encode
from tune.commands.checks import Finding, broken, ok, probe, warning
from tune.engine.machine import home_problem, nvidia_driver

GB = 1e9
LEAST_MEMORY = 4 * GB
"""Bytes; a driver and two workers on a CPU use about 2 GB."""
SHARED = Path("/dev/shm")
SHARE_OF_STORE = 0.3
"""The part of the memory that Ray's object store takes; it uses the disk where shared memory has less."""
FULLEST = 0.95
"""Ray stops writing objects to a disk that is fuller than this."""
GPU_S = 60.0
MPS_PIPES = "/tmp/nvidia-mps"
"""Where the Multi-Process Service has its pipes unless CUDA_MPS_PIPE_DIRECTORY says otherwise."""


def processors() -> Finding:
    """The number of CPUs, and whether this process or its container may use all of them."""
    num_cpus, num_allowed = os.cpu_count() or 1, len(os.sched_getaffinity(0))
    usable = min(num_allowed, _get_docker_cpus() or num_allowed)
    if usable < num_cpus:
        way_out = f"--max-concurrent {max(1, int(usable))}, so that trials do not wait for each other"
        return warning(f"{num_cpus}, of which this process or container may use {usable:g}", way_out)
    return ok(f"{num_cpus}")


def memory() -> Finding:
    """Whether this machine or container has enough memory."""
    free = estimate_available_memory()
    text = f"{get_system_memory() / GB:.1f} GB, {free / GB:.1f} GB free"
    if free < LEAST_MEMORY:
        way_out = "--max-concurrent 1, or end other programs: Ray ends workers where memory is short"
        return warning(f"{text}, which is little", way_out)
    return ok(text)


def gpus() -> Finding:
    """The GPUs that PyTorch can use, and whether the machine has others."""
    driver, answer = nvidia_driver(), probe("gpus", limit_s=GPU_S)
    if "error" in answer:
        return broken(f"PyTorch fails on the GPU: {answer['error']}", "nvidia-smi; then look for its driver's log")
    if answer["gpus"]:
        names = (f"{gpu['name']} ({gpu['free'] / GB:.0f} of {gpu['total'] / GB:.0f} GB free)" for gpu in answer["gpus"])
        return ok(f"{', '.join(names)}; driver {driver or 'unknown'}, CUDA {answer['cuda']}; {multi_process()}")
    build = f"PyTorch {answer['torch']}, " + (f"built for CUDA {answer['cuda']}" if answer["cuda"] else "without CUDA")
    if driver or any(Path("/dev").glob("nvidia[0-9]*")):
        text = f"there is one (driver {driver or 'unknown'}), but {build}, cannot use it"
        return broken(text, "install the driver for that CUDA, or torch from requirements.lock; nvidia-smi says more")
    text = "none: the demo needs none, the paper's grid would take very long without"
    return warning(text, "--address of a cluster with GPUs; in a container: docker run --gpus all")


def multi_process() -> str:
    """Whether NVIDIA's Multi-Process Service runs here, by its control daemon's pipe, and what that means."""
    pipe = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", MPS_PIPES)) / "control"
    if pipe.exists():
        return "MPS is on: trials that share a GPU compute side by side"
    return "MPS is off: trials that share a GPU take turns (nvidia-cuda-mps-control -d starts it)"


def shared_memory() -> Finding:
    """Whether Ray's object store, in which trials share the clips, fits into shared memory."""
    if not SHARED.is_dir():
        return warning(f"there is no {SHARED}: Ray keeps objects on the disk, which is slower", "mount a tmpfs there")
    free, wanted = shutil.disk_usage(SHARED).free, SHARE_OF_STORE * estimate_available_memory()
    if free < wanted:
        text = f"{SHARED} has {free / GB:.2f} GB free, less than the {wanted / GB:.1f} GB that Ray wants"
        return warning(f"{text}: it uses the disk, which is slower", "in a container: docker run --shm-size=8g")
    return ok(f"{SHARED} has {free / GB:.1f} GB free")


def scratch() -> Finding:
    """Whether the folder for temporary files has room for Ray's objects."""
    folder = os.environ.get("RAY_TMPDIR", tempfile.gettempdir())
    usage = shutil.disk_usage(folder)
    full = 1 - usage.free / usage.total
    if full > FULLEST:
        text = f"the disk of {folder} is {full:.0%} full, and Ray stops writing objects at {FULLEST:.0%}"
        return warning(text, "free some space, or RAY_TMPDIR=/another/folder")
    return ok(f"{folder}, {usage.free / GB:.1f} GB free")


def home() -> Finding:
    """Whether the home folder can be written; it holds Ray's token and the cache of data in buckets."""
    if problem := home_problem():
        without = "Ray gets a token for one search at a time, and data in a bucket has no cache"
        return warning(f"{problem}: {without}", "HOME=/a/folder/of/yours, or XDG_CACHE_HOME for the cache alone")
    return ok(f"{Path.home()}, writable")


def video() -> Finding:
    """Whether a video can be written and read again."""
    frames = np.zeros((3, HEIGHT, WIDTH), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.avi"
        encode(path, frames)
        decoded = decode(path, 8)
    if decoded.shape != (3, 8, 8):
        return broken(f"three frames were written, {len(decoded)} read", "pip install --no-deps av as in the lock")
    return ok("three frames written as KTH's videos are, and read again")
