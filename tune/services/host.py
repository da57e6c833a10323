"""This machine as a search finds it: the memory that it may use, and the home folder."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def memory_limit(cgroup: Path = CGROUP) -> int | None:
    """The bytes that a container may use, None without a limit; of cgroup version 2 or 1."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = (cgroup / name).read_text(encoding="utf-8").strip()
        except OSError:
            continue
        return None if text == "max" else int(text)
    return None


def home_problem() -> str:
    """What is wrong with the home folder, empty where nothing is."""
    try:
        folder = Path.home()
    except RuntimeError:
        return "this user has no home folder"
    if not folder.is_dir():
        return f"the home folder {folder} does not exist"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"the home folder {folder} cannot be written"
