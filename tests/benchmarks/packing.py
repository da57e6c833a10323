"""How many trials of each model share a machine or its GPU best: the readings of ``--gpus-per-trial auto``.

Training processes side by side on blank clips, 1, 2, 4, ... of them, for each of KTH's models as published; the ratio
is to one process with all there is. ``python tests/benchmarks/packing.py``
"""

import argparse
import json

import ray
from hardware import describe, show

from fernn.models import MODELS
from tune.engine.cost import probe_of
from tune.engine.packing import layouts, measure
from tune.kth_search import SEARCH
from tune.planning.resources import Resources
from tune.planning.resources import hardware as machines


def rows_of(name, places):
    readings = measure(probe_of(SEARCH.base.override({"model": name})), places)
    for reading in readings:
        yield {
            "model": name,
            "trials": reading.trials,
            "CPUs each": f"{reading.cpus:g}",
            "GPU each": f"{reading.gpus:g}",
            "clips/s": f"{reading.clips_per_second:.3g}",
            "ratio": f"{reading.clips_per_second / readings[0].clips_per_second:.2f}",
            "memory": f"{reading.memory:.0%}",
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS["kth"]))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    places = layouts(Resources(), machines(), num_cells=60)
    rows = [row for name in asked.models for row in rows_of(name, places)]
    found = describe("torch", "ray")
    if asked.json:
        print(json.dumps({"hardware": found, "rows": rows}))
    else:
        show("Trials side by side", rows, found)
