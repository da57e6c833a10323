"""Hundreds of epochs and hundreds of cells: memory stays flat, files grow with the epochs, the table stays quick."""

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from tests.support.disturbed import cells
from tune.commands.progress import Progress
from tune.core.folder import Folder
from tune.core.protocol import load_study
from tune.engine.cost import Pace

pytestmark = pytest.mark.soak
MOST_GROWTH = 0.05
LONG = ["--models", "grnn", "--lrs", "1e-3", "--seeds", "0", "--epochs", "500"]
MANY = ["--models", "grnn", "--lrs", "1e-3", "--epochs", "1", "--seeds", *map(str, range(300))]


def resident(pid):
    """Megabytes of a process, 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6
    except OSError:
        return 0.0


def descendants(pid):
    """All processes below one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().rsplit(")", 1)
        except OSError:
            continue
        parents.setdefault(int(rest.split()[1]), []).append((int(name.split(" ", 1)[0]), name.split("(", 1)[1]))
    found, left = [], [pid]
    while left:
        for child, name in parents.get(left.pop(), []):
            found.append((child, name))
            left.append(child)
    return found


def followed(search, share_done):
    """(share done, driver's MB, the largest worker's MB) every half second until the search ends."""
    samples = []
    while search.runs:
        workers = [resident(child) for child, name in descendants(search.process.pid) if name.startswith("ray::Impl")]
        samples.append((share_done(), resident(search.process.pid), max(workers, default=0.0)))
        time.sleep(0.5)
    assert search.process.returncode == 0, search.errors()
    return samples


def growth(samples, column):
    """By which part the median of the last tenth lies above that of the fifth after the warm-up; workers end first."""
    early = sorted(row[column] for row in samples if 0.3 <= row[0] < 0.5 and row[column])
    late = sorted(row[column] for row in samples if row[0] >= 0.9 and row[column])
    return late[len(late) // 2] / early[len(early) // 2] - 1


def check_memory(samples, what):
    driver, worker = growth(samples, 1), growth(samples, 2)
    print(f"{what}: driver {samples[-3][1]:.0f} MB, grown by {driver:.1%}; workers grown by {worker:.1%}", flush=True)
    assert driver < MOST_GROWTH and worker < MOST_GROWTH


def test_five_hundred_epochs(search, tmp_path):
    one = search(*LONG)

    def num_epochs():
        return sum(
            len((cell / "metrics.jsonl").read_bytes().splitlines())
            for cell in cells(tmp_path)
            if (cell / "metrics.jsonl").exists()
        )

    check_memory(followed(one, lambda: num_epochs() / 500), "500 epochs")
    (cell,) = cells(tmp_path)
    lines = (cell / "metrics.jsonl").read_text().splitlines(keepends=True)
    assert len(lines) == 500
    assert abs(len("".join(lines[250:])) / len("".join(lines[:250])) - 1) < 0.05


def test_three_hundred_cells(search, tmp_path):
    one = search(*MANY)
    check_memory(followed(one, lambda: sum((c / "done.json").exists() for c in cells(tmp_path)) / 300), "300 cells")
    study = load_study(Folder(str(tmp_path / "studies/soak")))
    assert not study.missing()
    progress = Progress(study, list(study.cells), Console(file=io.StringIO(), force_terminal=True), Pace())
    with progress:
        began = time.perf_counter()
        for cell in study.cells:
            progress.on_status(cell, "running")
            progress.on_epoch(cell, study.cell_folder(cell).history()[0])
            progress.on_status(cell, "done")
        seconds = (time.perf_counter() - began) / 900
    print(f"the live table takes {1000 * seconds:.1f} ms for an event of one in 300 cells", flush=True)
    assert seconds < 0.05
