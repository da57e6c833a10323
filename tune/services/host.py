"""This machine: the memory that a process may use, and the home folder."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def memory_limit(cgroup: Path = CGROUP) -> int | None:
    """The container's memory limit in bytes, None without one; reads cgroup version 2 or 1."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = (cgroup / name).read_text(encoding="utf-8").strip()
        except OSError:
            continue
        return None if text == "max" else int(text)
    return None


def home_problem() -> str:
    """Why the home folder cannot be used, empty where it can."""
    try:
        folder = Path.home()
    except RuntimeError:
        return "this user has no home folder"
    if not folder.is_dir():
        return f"the home folder {folder} does not exist"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"the home folder {folder} cannot be written"
