"""A tiny study on two machines with unlike GPUs that Ray takes for real: ``python -m tests.support.two_kinds FOLDER``.

What came of it, as JSON. GPU B is too small for a trial with less than half of it, as long as the trial counts.
"""

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import ray
import torch
from ray.cluster_utils import Cluster

from fernn.models import ModelConfig
from tests.support import tiny
from tune.core.protocol import import_models
from tune.engine.agenda import Agenda
from tune.engine.ray_tune import run_search
from tune.engine.workload import Workload
from tune.planning.gpu_kind import kind_of
from tune.planning.resources import Resources, hardware

MODEL = "tests.support.two_kinds:CrampedConfig"


class Cramped(torch.nn.Module):
    """The first trial on A waits until two have run out of memory on B, the next ones until one runs well there."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.has_begun, self.head = Path(folder), False, torch.nn.Linear(1, 6)

    def begin(self):
        assigned = ray.get_runtime_context().get_assigned_resources()
        kind, share = kind_of(assigned), assigned["GPU"]
        earlier = len(list(self.folder.glob(f"{kind} *")))
        (self.folder / f"{kind} {earlier} {share:g}").touch()
        if kind == "B" and share < 0.5:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        until, pattern = (1, "B * 0.5") if earlier else (2, "B * 0.25")
        deadline = time.monotonic() + 100
        while kind == "A" and len(list(self.folder.glob(pattern))) < until and time.monotonic() < deadline:
            time.sleep(0.05)

    def forward(self, clips):
        if not self.has_begun:
            self.has_begun = True
            self.begin()
        return self.head(clips.mean(dim=(1, 2, 3, 4))[:, None])


@dataclass(frozen=True)
class CrampedConfig(ModelConfig):
    name: str = MODEL
    folder: str = ""

    def build(self, *, in_channels=1, num_classes=6):
        return Cramped(self.folder)


def main(folder):
    import_models([MODEL])
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for kind in "AB":
        cluster.add_node(num_cpus=1, num_gpus=1, resources={f"accelerator_type:{kind}": 1})
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    cluster.wait_for_nodes()
    space = {"model": (MODEL,), "model.folder": (str(folder),), "seed": (0, 1, 2)}
    study, listener = tiny.study_in(folder / "study", space, epochs=1), tiny.Listener()
    resources = Resources(1, 0.4, None, {"A": 0.4, "B": 0.25})
    agenda = Agenda(Workload(study, tiny.footage(), resources, [listener]))
    run_search(agenda)
    failed, last = agenda.failures, agenda.work.resources
    label = study.model_label(study.cells[0])
    found = {
        "kinds": hardware().kinds,
        "failed": list(failed.values()),
        "missing": len(study.missing()),
        "done": Counter(key for word, key, *_ in listener.heard if word == "done"),
        "lost": [word for word, *_ in listener.heard].count("lost"),
        "held": [study.cell_folder(cell).done().machine["held"]["gpus"] for cell in study.cells],
        "shares": last.of(label),
        "of another": last.of("another"),
        "names": [cell.name for cell in study.cells],
    }
    print(json.dumps(found))
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
