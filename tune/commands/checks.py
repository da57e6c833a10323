"""The doctor's checks: their findings, and how a check that may hang or crash is run in a process of its own.

python -m tune.commands.checks imports MODULE ...    whether each module can be imported
python -m tune.commands.checks gpus                  what PyTorch can use, and whether it computes there
python -m tune.commands.checks cluster [ADDRESS]     whether Ray starts or answers, and runs a task
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from tune.services.databases import is_own_error

ROOT = Path(__file__).parents[2]
"""Where this project's packages are."""
TASK_S = 60.0
Verdict = Literal["ok", "warning", "broken"]


@dataclass(frozen=True)
class Finding:
    """The result of a check in one line, and the way out of a fault."""

    verdict: Verdict
    text: str
    way_out: str = ""


ok = partial(Finding, "ok")
"""A finding without a fault."""
warning = partial(Finding, "warning")
"""A finding with which a search runs, but not as well as it could."""
broken = partial(Finding, "broken")
"""A finding with which a search would fail or not follow its options."""


@dataclass(frozen=True)
class Check:
    """A named check, and the most seconds that it may take."""

    name: str
    run: Callable[[], Finding]
    limit_s: float = 20.0
    way_out: str = ""
    """The way out where it raises an error of this project."""


@dataclass(frozen=True)
class Result:
    """A check's finding and its duration; ``stuck`` where it has not ended."""

    name: str
    finding: Finding
    seconds: float
    stuck: bool = False


def result_of(check: Check) -> Result:
    """Run the check; an exception or a timeout is a broken finding."""
    findings: list[Finding] = []

    def run() -> None:
        try:
            findings.append(check.run())
        except Exception as error:  # a broken installation can raise any exception
            reason = f"cannot be checked: {type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
            findings.append(broken(str(error), check.way_out) if is_own_error(error) else broken(reason))

    start = time.monotonic()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(check.limit_s)
    seconds = time.monotonic() - start
    if findings:
        return Result(check.name, findings[0], seconds)
    way_out = "find out what it waits for: a network share, a server behind a firewall, a busy machine"
    return Result(check.name, broken(f"no answer within {check.limit_s:g} s", way_out), seconds, stuck=True)


def probe(*arguments: str, limit_s: float, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The answer of this module in another process; {"error": reason} for a crash or a timeout."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-P", "-m", "tune.commands.checks", *arguments]  # -P: the current folder has no modules
    variables = {**os.environ, **(environment or {}), "PYTHONPATH": path}
    try:  # after a timeout the process is ended, and Ray's processes end with the one that started them
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", env=variables, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {limit_s:g} s"}
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        return {"error": lines[-1] if lines else f"it ended with code {done.returncode}"}


def imports(*modules: str) -> dict[str, Any]:
    """The modules that cannot be imported, each with the reason."""
    failed = {}
    for module in modules:
        try:
            import_module(module)
        except Exception as error:  # an incompatible package can raise any exception
            failed[module] = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
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


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    try:
        answer = {"imports": imports, "gpus": gpus, "cluster": cluster}[what](*rest)
    except Exception as error:  # the error is the answer
        answer = {"error": (str(error).splitlines() or [type(error).__name__])[0]}
    print(json.dumps(answer), flush=True)
