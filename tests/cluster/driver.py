"""A driver for tests: ``cluster_driver.py ADDRESS FOLDER DATA trains`` or ``... shares``; what came of it, as JSON.

It trains one cell by a Tune that forgives no failure, or lets two tasks read the same clips on one node.
"""

import json
import os
import sys
from pathlib import Path
from unittest import mock

import ray
from ray import tune as ray_tune

from data.kth.stream import ClipStream, Footage, read_footage
from data.manifest import Manifest
from data.stream import Corpus
from fernn.experiment import Experiment
from tune.core.cells import plan_cells
from tune.core.folder import Folder
from tune.core.protocol import save_study
from tune.core.study import Study
from tune.engine.agenda import Agenda
from tune.engine.ray_tune import ray_runtime, run_search
from tune.engine.workload import Workload
from tune.planning.resources import Resources

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0,)}
SMALL = {"data.size": 8, "model.hidden_channels": 4, "model.embedding_channels": (4,), "epochs": 60, "batch_size": 16}
COPIES = 2000
"""So often the clips are repeated, so that a copy of them is seen in a worker's memory."""


def trains(folder, footage, manifest):
    """The reasons of cells that failed, where not one failure is forgiven."""
    cells = plan_cells(Experiment(), SPACE, manifest.hash, SMALL)
    study = Study("drained", Folder(folder), SPACE, cells)
    save_study(study)
    unforgiving = ray_tune.FailureConfig(max_failures=0)
    with mock.patch("tune.engine.ray_tune.tune.FailureConfig", lambda **_: unforgiving):
        agenda = Agenda(Workload(study, Corpus(footage, ClipStream), Resources()))
        run_search(agenda)
        return list(agenda.failures.values())


def shares(folder, footage, manifest):
    """By how much each of two tasks on one node grows when it reads all frames, and how many bytes those are."""
    many = Footage(footage.frames.repeat(COPIES, axis=0), *list(vars(footage).values())[1:])
    shared = ray.put(many)

    @ray.remote(num_cpus=0.5)
    def reads(mine):
        before = private_bytes()
        total = int(mine.frames.sum(dtype="int64"))
        return {"total": total, "grown": private_bytes() - before, "node": ray.util.get_node_ip_address()}

    return {"bytes": many.frames.nbytes, "tasks": ray.get([reads.remote(shared) for _ in range(2)])}


def private_bytes():
    """What this process has for itself alone."""
    lines = Path(f"/proc/{os.getpid()}/smaps_rollup").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Private_"))


if __name__ == "__main__":
    address, folder, data, what = sys.argv[1:]
    found = Manifest.read(Path(data))
    with ray_runtime(address):
        print(json.dumps({"trains": trains, "shares": shares}[what](folder, read_footage(Path(data), found), found)))
