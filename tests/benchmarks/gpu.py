"""Everything that only a GPU can tell, in one command: ``make gpu-test``, or ``python tests/benchmarks/gpu.py``.

First the tests in ``tests/gpu``: parity of every network in float32 and bf16, CUDA graphs against calls, two trials on
one GPU, a trial whose memory runs out. Then the benchmarks, and the plan of the grid of 60 cells. The results go to
``gpu.json``: hardware, outcome and seconds of every part, and the goals with what was reached. The last table is the
GPU's column of docs/speed.md. Without a GPU all runs on the CPU as far as it goes, in small, and no goal is judged.
Parts whose packages are missing are named. Exit code 1 where a part fails or a goal is missed.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from hardware import describe, show

ROOT = Path(__file__).parents[2]
HERE = "tests/benchmarks"
KTH = ["--models", "grnn", "fernn-v1", "fernn-v2"]
DRIFT = ["--models", "drift-grnn", "drift-fernn-v1", "drift-fernn-v2"]


@dataclass(frozen=True)
class Part:
    """A benchmark whose last line of output is JSON."""

    name: str
    command: tuple[str, ...]
    on_cpu: tuple[str, ...]
    """What follows the script where there is no GPU."""
    needs: tuple[str, ...] = ()
    """Packages."""
    environment: tuple[tuple[str, str], ...] = ()


PARTS = (
    Part("step", (f"{HERE}/step.py", *KTH, "--batch", "32", "--repeats", "5"), ("--models", "grnn", "--repeats", "1")),
    Part(
        "step by Triton", (f"{HERE}/step.py", *KTH, "--batch", "32", "--repeats", "5"),
        ("--models", "grnn", "--repeats", "1"), ("triton",), (("FERNN_TRITON", "1"),),
    ),
    Part(
        "drifting MNIST", (f"{HERE}/step_mnist.py", *DRIFT, "--batch", "32", "--repeats", "5"),
        ("--models", "drift-grnn", "--batch", "1", "--repeats", "1"),
    ),
    Part(
        "turning MNIST", (f"{HERE}/step_mnist.py", "--models", "turn-fernn-v2", "--batch", "8", "--repeats", "3"),
        ("--models", "turn-fernn-v2", "--batch", "1", "--repeats", "1"),
    ),
    Part(
        "E3D-LSTM", (f"{HERE}/step_video.py", "--batch", "4", "--repeats", "3"),
        ("--lengths", "5", "--size", "16", "--repeats", "1"),
    ),
    Part("velocities", (f"{HERE}/velocity.py", "--clips", "32"), ("--clips", "1"), ("numpy",)),
    Part("clips", (f"{HERE}/stream.py", "--epochs", "3"), ("--epochs", "1"), ("ray", "pyarrow")),
    Part(
        "trials side by side",
        (f"{HERE}/packing.py", "--models", "fernn-v2", "grnn", "3dcnn"), ("--models", "3dcnn"), ("ray",),
    ),
    Part("plan", ("tune/kth_search.py", "--plan"), ("--plan", "--models", "3dcnn"), ("ray", "mlflow", "optuna")),
)  # fmt: skip


OF_NAME = {part.name: part for part in PARTS}
PATIENCE = 600
"""Seconds after which a part is given up."""


@dataclass(frozen=True)
class Goal:
    """A number of one part that a GPU should reach."""

    what: str
    part: str
    where: tuple[tuple[str, str], ...]
    """What the row has."""
    field: str
    least: float | None = None
    most: float | None = None

    def reached(self, rows):
        """The number, None where the part or its row is missing, and whether it is good enough."""
        row = next((row for row in rows if all(str(row.get(name)) == value for name, value in self.where)), {})
        if self.field not in row or row[self.field] == "unknown":
            return None, None
        text = str(row[self.field])
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        return value, (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


V2 = (("model", "fernn-v2"), ("precision", "bfloat16"))
GOALS = (
    Goal("FERNN-V2, batch 32, bf16: times as fast as the published algorithm", "step", V2, "published/ours", least=6),
    Goal("FERNN-V2, batch 32, bf16: times its convolutions", "step", V2, "ours/floor", most=1.5),
    Goal("FERNN-V2, batch 32, bf16: share of the GPU's peak", "step", V2, "of peak", least=0.4),
    Goal("GPU-hours of the grid of 60 cells, at most", "plan", (), "gpu_hours", most=6),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="where the results go")
    parser.add_argument("--only", nargs="+", help="names of parts; tests: those of tests/gpu")
    asked = parser.parse_args()
    has_gpu, started = torch.cuda.is_available(), time.monotonic()
    names = asked.only or ["tests", *OF_NAME]
    if unknown := set(names) - {"tests", *OF_NAME}:
        parser.error(f"--only must name parts, got {', '.join(sorted(unknown))}: tests, {', '.join(OF_NAME)}")
    hardware, parts = describe("torch") | {"gpu": torch.cuda.get_device_name() if has_gpu else None}, {}
    for name in names:
        parts[name] = tested() if name == "tests" else measured(OF_NAME[name], has_gpu)
        goals, seconds = judged(parts) if has_gpu else [], round(time.monotonic() - started)
        found = {"hardware": hardware, "seconds": seconds, "parts": parts, "goals": goals}
        asked.out.write_text(json.dumps(found, indent=2) + "\n")  # after each part: none is lost with a later one
    told(found, asked.out)
    failed = [name for name, part in parts.items() if part["outcome"] == "failed"]
    return int(bool(failed) or any(goal["good"] is False for goal in goals))


def tested():
    """The tests in tests/gpu: how many passed, failed and were skipped, and the reasons."""
    said(f"tests/gpu, on {'the GPU' if torch.cuda.is_available() else 'the CPU: there is no GPU'}")
    with TemporaryDirectory() as scratch:
        report = Path(scratch) / "tests.xml"
        options = ["-m", "gpu", "tests/gpu", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=ROOT)
        cases = ElementTree.parse(report).findall(".//testcase") if report.is_file() else []
    bad = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    waiting = [case.find("skipped").get("message") for case in cases if case.find("skipped") is not None]
    return {
        "outcome": "passed" if done.returncode == 0 and cases else "failed",
        "seconds": round(time.monotonic() - began),
        "passed": len(cases) - len(bad) - len(waiting), "failed": bad, "skipped": len(waiting),
        "why_skipped": sorted(set(waiting)),
    }  # fmt: skip


def measured(part, has_gpu):
    """What the benchmark printed, as JSON; its last lines where it failed."""
    if missing := [name for name in part.needs if importlib.util.find_spec(name) is None]:
        return {"outcome": "left out", "why": f"not installed: {', '.join(missing)}"}
    command = part.command if has_gpu else (part.command[0], *part.on_cpu)
    said(" ".join(command))
    began, environment = time.monotonic(), os.environ | dict(part.environment)
    whole = [sys.executable, *command, "--json"]
    try:
        done = subprocess.run(whole, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        answer = json.loads(done.stdout.strip().splitlines()[-1])
        outcome = {"outcome": "measured", "rows": answer.get("rows", [answer])}
    except subprocess.TimeoutExpired:
        outcome = {"outcome": "failed", "why": f"not done in {PATIENCE} s"}
    except (json.JSONDecodeError, IndexError):
        outcome = {"outcome": "failed", "why": done.stderr.strip().splitlines()[-5:]}
    return {**outcome, "command": " ".join(command), "seconds": round(time.monotonic() - began)}


def judged(parts):
    """Every goal, and what was reached."""
    goals = []
    for goal in GOALS:
        value, good = goal.reached(parts.get(goal.part, {}).get("rows", []))
        wanted = f"at least {goal.least:g}" if goal.least is not None else f"at most {goal.most:g}"
        goals.append({"goal": goal.what, "wanted": wanted, "reached": value, "good": good})
    return goals


def told(found, out):
    """The outcome of every part, and the goals."""
    rows = [
        {"part": name, "outcome": part["outcome"], "seconds": part.get("seconds", ""), "": said_of(part)}
        for name, part in found["parts"].items()
    ]
    show("Parts", rows, found["hardware"] | {"seconds": found["seconds"]})
    if found["goals"]:
        show("Goals", found["goals"], {})
    else:
        print("No GPU: no goal was judged, and the skipped tests and the GPU's column of docs/speed.md wait for one.")
    print(f"All of it: {out}")


def said_of(part):
    if part["outcome"] == "measured":
        return f"{len(part['rows'])} rows"
    if "passed" in part:
        return f"{part['passed']} passed, {part['skipped']} skipped, failed: {', '.join(part['failed']) or 'none'}"
    return str(part.get("why", ""))


def said(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
