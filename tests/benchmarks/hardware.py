"""Where and with what a benchmark ran: printed above every table."""

import importlib.metadata
import os
import platform
from pathlib import Path


def describe(*packages):
    """Processor, cores and versions as a dictionary."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = models[0].partition(":")[2].strip() if models else platform.processor()
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {"processor": processor, "cores": os.cpu_count(), "python": platform.python_version()} | versions


def show(title, rows, hardware):
    """The rows as a small table, under one line about the machine."""
    print(title)
    print(", ".join(f"{name} {value}" for name, value in hardware.items()))
    names = list(rows[0])
    cells = [names, *[[str(row[name]) for name in names] for row in rows]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
