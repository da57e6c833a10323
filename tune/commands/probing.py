"""Checks that can hang or crash, each in a separate process with a time limit.

python -m tune.commands.probing imports MODULE ...    whether each module can be imported
python -m tune.commands.probing gpus                  what PyTorch can use, and whether it computes there
python -m tune.commands.probing cluster [ADDRESS]     whether Ray starts or answers, and runs a task
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
"""Where this project's packages are."""


def probe(*arguments: str, limit_s: float, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The answer of this module in another process; {"error": reason} for a crash or a timeout."""
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(  # -P: what lies in the current folder is no module
        [sys.executable, "-P", "-m", "tune.commands.probing", *arguments], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
        env={**os.environ, **(environment or {}), "PYTHONPATH": os.pathsep.join(path)},
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()  # Ray's processes end with the one that started them
        process.communicate()
        return {"error": f"no answer within {limit_s:g} s"}
    try:
        return json.loads(out.splitlines()[-1])
    except (IndexError, ValueError):
        lines = [line for line in err.splitlines() if line.strip()]
        return {"error": lines[-1].strip() if lines else f"it ended with code {process.returncode}"}


def imports(*modules: str) -> dict[str, Any]:
    """The modules that cannot be imported, each with the reason."""
    failed = {}
    for module in modules:
        try:
            import_module(module)
        except Exception as error:  # an incompatible package can raise any exception
            failed[module] = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return {"failed": failed}


def gpus() -> dict[str, Any]:
    """PyTorch's CUDA version, and each GPU's name and bytes, after a product was computed on it."""
    import torch

    usable = []
    for index in range(torch.cuda.device_count()):
        ones = torch.ones(64, 64, device=f"cuda:{index}")
        if (ones @ ones).sum().item() != 64**3:
            raise RuntimeError(f"GPU {index} computes wrong numbers")
        free, total = torch.cuda.mem_get_info(index)
        usable.append({"name": torch.cuda.get_device_name(index), "free": free, "total": total})
    return {"gpus": usable, "cuda": torch.version.cuda, "torch": torch.__version__}


def cluster(address: str | None = None) -> dict[str, Any]:
    """CPUs, GPUs and machines of the cluster, or of a Ray started for this check, and the host that ran a task."""
    import ray
    from ray._private.authentication import authentication_utils

    from tune.engine.ray_tune import ray_runtime
    from tune.planning.resources import hardware

    with ray_runtime(address):
        machines = hardware()
        host = ray.get(ray.remote(num_cpus=0)(lambda: os.uname().nodename).remote(), timeout=TASK_S)
        token = authentication_utils.is_token_auth_enabled()
        resources = {"cpus": machines.cpus, "gpus": machines.gpus, "machines": len(machines.alive)}
        return resources | {"task_ran_on": host, "token": token}


TASK_S = 60.0

if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    try:
        answer = {"imports": imports, "gpus": gpus, "cluster": cluster}[what](*rest)
    except Exception as error:  # the error is the answer
        answer = {"error": (str(error).splitlines() or [type(error).__name__])[0]}
    print(json.dumps(answer), flush=True)
