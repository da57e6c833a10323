"""This machine: processors, memory, GPUs, scratch space and the video decoder, as a search will find them."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tune.commands.findings import Finding, broken, ok, warning
from tune.commands.probing import probe
from tune.services.host import CGROUP, home_problem, memory_limit

GB = 1e9
LEAST_MEMORY = 4 * GB
"""A driver and two workers on a CPU hold about 2 GB of it."""
SHARED = Path("/dev/shm")
SHARE_OF_STORE = 0.3
"""Ray's object store is so much of the memory, and goes to the disk where shared memory has less."""
FULLEST = 0.95
"""Ray writes no objects to a disk that is fuller."""
GPU_S = 60.0
DRIVER_S = 10.0


def processors(cgroup: Path = CGROUP) -> Finding:
    """How many CPUs there are, and how many of them this process may use."""
    there, mine = os.cpu_count() or 1, len(os.sched_getaffinity(0))
    quota = cpu_quota(cgroup)
    usable = min(mine, quota or mine)
    if usable < there:
        way_out = f"--max-concurrent {max(1, int(usable))}, so that trials do not wait for each other"
        return warning(f"{there}, of which this process or container may use {usable:g}", way_out)
    return ok(f"{there}")


def cpu_quota(cgroup: Path) -> float | None:
    """The CPUs that a container may use, None without a limit; of cgroup version 2 or 1."""
    try:
        if (cgroup / "cpu.max").exists():
            quota, period = (cgroup / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota, period = (
                (cgroup / f"cpu/cpu.cfs_{name}_us").read_text(encoding="utf-8").strip() for name in ("quota", "period")
            )
        return None if quota in ("max", "-1") else int(quota) / int(period)
    except OSError:
        return None


def memory(cgroup: Path = CGROUP) -> Finding:
    """The memory that this process may use, and how much is free."""
    total, free = memory_bytes()
    limit = memory_limit(cgroup)
    usable = min(free, limit or free)
    text = f"{total / GB:.1f} GB, {free / GB:.1f} GB free"
    if limit is not None and limit < total:
        text += f"; the container may use {limit / GB:.1f} GB"
    if usable < LEAST_MEMORY:
        way_out = "--max-concurrent 1, or end other programs: Ray ends workers where memory is short"
        return warning(f"{text}, which is little", way_out)
    return ok(text)


def memory_bytes(source: Path = Path("/proc/meminfo")) -> tuple[int, int]:
    """All memory and what is available."""
    lines = dict(line.split(":", 1) for line in source.read_text(encoding="utf-8").splitlines())
    total, free = (int(lines[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return total, free


def gpus() -> Finding:
    """Which GPUs PyTorch can use, and whether the machine has others."""
    driver, answer = driver_version(), probe("gpus", limit_s=GPU_S)
    there = driver or any(Path("/dev").glob("nvidia[0-9]*"))
    if "error" in answer:
        return broken(f"PyTorch fails on the GPU: {answer['error']}", "nvidia-smi; then look for its driver's log")
    if answer["gpus"]:
        names = (f"{one['name']} ({one['free'] / GB:.0f} of {one['total'] / GB:.0f} GB free)" for one in answer["gpus"])
        return ok(f"{', '.join(names)}; driver {driver or 'unknown'}, CUDA {answer['cuda']}")
    build = f"PyTorch {answer['torch']}, " + (f"built for CUDA {answer['cuda']}" if answer["cuda"] else "without CUDA")
    if there:
        text = f"there is one (driver {driver or 'unknown'}), but {build}, cannot use it"
        return broken(text, "install the driver for that CUDA, or torch from requirements.lock; nvidia-smi says more")
    text = "none: the demo needs none, the paper's grid would take very long without"
    return warning(text, "--address of a cluster with GPUs; in a container: docker run --gpus all")


def driver_version() -> str:
    """The version of NVIDIA's driver, empty where there is none that answers."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=DRIVER_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout else ""


def shared_memory(folder: Path = SHARED) -> Finding:
    """Whether Ray's object store, in which trials share the clips, fits into shared memory."""
    if not folder.is_dir():
        return warning(f"there is no {folder}: Ray keeps objects on the disk, which is slower", "mount a tmpfs there")
    free, wanted = shutil.disk_usage(folder).free, SHARE_OF_STORE * memory_bytes()[1]
    if free < wanted:
        text = f"{folder} has {free / GB:.2f} GB free, less than the {wanted / GB:.1f} GB that Ray wants"
        return warning(f"{text}: it uses the disk, which is slower", "in a container: docker run --shm-size=8g")
    return ok(f"{folder} has {free / GB:.1f} GB free")


def scratch() -> Finding:
    """Whether the folder for temporary files has room for what Ray keeps there."""
    folder = os.environ.get("RAY_TMPDIR", tempfile.gettempdir())
    usage = shutil.disk_usage(folder)
    full = 1 - usage.free / usage.total
    if full > FULLEST:
        text = f"the disk of {folder} is {full:.0%} full, and Ray stops writing objects at {FULLEST:.0%}"
        return warning(text, "free some space, or RAY_TMPDIR=/another/folder")
    return ok(f"{folder}, {usage.free / GB:.1f} GB free")


def home() -> Finding:
    """Whether the home folder can be written, in which Ray keeps its token, and copies of data in buckets are."""
    if problem := home_problem():
        without = "Ray gets a token for one search at a time, and data in a bucket has no cache"
        return warning(f"{problem}: {without}", "HOME=/a/folder/of/yours, or XDG_CACHE_HOME for the cache alone")
    return ok(f"{Path.home()}, writable")


def video() -> Finding:
    """Whether a video can be written and read again."""
    import numpy as np

    from data.kth.decode import HEIGHT, WIDTH, decode, encode

    frames = np.zeros((3, HEIGHT, WIDTH), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.avi"
        encode(path, frames)
        found = decode(path, 8)
    if found.shape != (3, 8, 8):
        return broken(f"three frames were written, {len(found)} read", "pip install --no-deps av as in the lock")
    return ok("three frames written as KTH's videos are, and read again")
