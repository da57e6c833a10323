"""The reproducibility card of a study, ``reproducibility.md`` and ``.json``: what a reviewer asks, in their order."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fernn.config import data_config
from tune.analysis.sheet import UNKNOWN, bullets, grid
from tune.core.console import all_masked
from tune.core.folder import Folder
from tune.core.study import Study
from tune.reporting.reproducibility import facts
from tune.reporting.setup_tables import cells, compute, missing, rerun, setup

NAME = "reproducibility"
MAIN = ("torch", "ray", "optuna", "mlflow", "numpy", "pyarrow", "safetensors", "torchvision", "escnn")
"""Distributions that the text names; the JSON has all."""
Section = tuple[str, Sequence[str]]
"""A heading and the paragraphs under it."""


def write_card(study: Study, folder: Folder) -> None:
    """Write the card in both forms; a file that is there with the same bytes is left alone."""
    found = all_masked(facts(study))
    forms = {"md": markdown(found), "json": json.dumps(found, indent=2, ensure_ascii=False) + "\n"}
    for ending, text in forms.items():
        if folder.read(f"{NAME}.{ending}") != text.encode():
            folder.write(f"{NAME}.{ending}", text.encode())


def markdown(card: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    mark = f" ({card['marks']})" if card["marks"] else ""
    parts = [f"# Reproducibility of study {card['study']}{mark}", bullets(card["notes"])]
    for heading, paragraphs in sections(card):
        parts += [f"## {heading}", *paragraphs]
    return "\n\n".join(parts) + "\n"


def sections(card: Mapping[str, Any]) -> list[Section]:
    """Every question with its answer."""
    return [
        ("Research type", research_type(card["research_type"])),
        ("Pseudocode", [PSEUDOCODE]),
        ("Open source code", source_code(card["code"])),
        ("Open datasets", datasets(card["data"])),
        ("Dataset splits", splits(card["data"])),
        ("Hardware specification", hardware(card["hardware"])),
        ("Software dependencies", software(card["code"], card["hardware"])),
        ("Experiment setup", setup(card["setup"])),
        ("Compute", compute(card["compute"])),
        ("Deviations from the published protocol", [bullets(card["deviations"]) or "None is known."]),
        ("What is missing", missing(card)),
        ("Rerun", rerun(card)),
        ("Cells", cells(card["cells"])),
    ]


PSEUDOCODE = (
    "No pseudocode; the code is the description: `fernn/train/loop.py` (an epoch and a step), `fernn/models/` (the "
    "networks), `tune/analysis/selection.py` (what is reported), `tune/engine/trial.py` (a cell from its "
    "first epoch to its result)."
)


def research_type(said: Mapping[str, Any]) -> list[str]:
    """Experimental, of how many models and cells."""
    counted = f"{said['num_finished']} of {said['num_cells']} cells (model, learning rate, seed) have a result"
    where = "The numbers are in `report/table.md`, which `python tune/report.py` makes from the cells' predictions."
    imported = (
        f" {said['num_imported']} of them are imported checkpoints, not trained here." if said["num_imported"] else ""
    )
    return [f"Experimental: {', '.join(said['models'])} are trained and tested; {counted}.{imported} {where}"]


def source_code(code: Mapping[str, Any]) -> list[str]:
    """Each record of code: what it is, and how many cells it trained."""
    header = ("code", "first used", "version", "commit", "uncommitted diff", "SHA-256 of the sources", "cells")
    lines = [
        (name, _moment(one["first_used_at"]), one["version"] or UNKNOWN, one["commit"] or "no git", _diff(name, one),
         one["source_sha256"], str(len(one["cells"])))
        for name, one in code["records"].items()
    ]  # fmt: skip
    said = f"Distribution `{code['distribution']}`, MIT licence. `code/` beside this file holds a record for each way "
    said += "in which the study was run; a cell that went on by other code counts with each."
    parts = [said, grid(header, lines)] if lines else [f"Distribution `{code['distribution']}`; its code is {UNKNOWN}."]
    if code["not_recorded"]:
        parts.append(f"Cells of which the code is {UNKNOWN}, in whole or in part: {len(code['not_recorded'])}.")
    if code["other_sources"]:
        parts.append(f"Finished by workers with other sources than the command's: {', '.join(code['other_sources'])}.")
    if code["records_lost"]:
        parts.append(f"Records that cells name and that are gone: {', '.join(code['records_lost'])}.")
    return parts


def _diff(name: str, one: Mapping[str, Any]) -> str:
    if one["diff_sha256"] is None:
        return "none" if one["commit"] else "unknown"
    kept = f"in code/{name}.json" if one["diff"] is not None else "too long to be kept"
    return f"{kept} (SHA-256 {one['diff_sha256'][:12]})"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def datasets(data: Mapping[str, Any]) -> list[str]:
    """Which data, where from, with its hashes."""
    manifest = data["manifest"]
    config = data_config(data["name"])
    said = [f"`{data['name']}`: {config.source}; card: {config.card}."]
    if data["demo"]:
        said = [f"DEMO: {data['demo']}. The study ran on what this project's own code makes, on no public data."]
    if data.get("stand_in"):
        said = [f"STAND-IN: the study ran on {data['stand_in']}."]
    lines = [("hash of the clips (equal hash, equal data)", data["hash"])]
    if manifest is None:
        return [*said, grid(("data", ""), [*lines, ("origin, files, versions", UNKNOWN)])]
    lines += [("prepared as", manifest["dataset"]), ("origin", manifest["origin"])]
    lines += [("SHA-256 of all it was made from", manifest["source_sha256"])]
    lines += [(f"SHA-256 of {one['name']}", f"{one['sha256']} ({one['rows']} rows)") for one in manifest["files"]]
    lines += [("prepared with", ", ".join(f"{name} {value}" for name, value in manifest["versions"].items()))]
    lines += [
        ("missing", _named(manifest["missing"])),
        ("skipped", _named([one["name"] for one in manifest["skipped"]])),
    ]
    return [*said, grid(("data", ""), lines)]


def _named(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "nothing"


def splits(data: Mapping[str, Any]) -> list[str]:
    """How many clips each split has, and by which rule."""
    fields = ", ".join(f"{name} {value}" for name, value in data["fields"].items() if name != "name")
    said = [f"Fields of the data: {fields}."]
    own = {name: value for name, value in data["fields"].items() if name != "name"}
    said.append(data_config(data["name"]).override(own).split_note())
    if data["manifest"] is None:
        return [*said, f"Numbers of clips: {UNKNOWN}."]
    return [*said, grid(("split", "clips"), [(name, f"{n:,}") for name, n in data["manifest"]["num_clips"].items()])]


def hardware(machines: Sequence[Mapping[str, Any]]) -> list[str]:
    """The machines on which trials ran."""
    if not machines:
        return ["No cell was trained yet, so none is recorded."]
    header = ("machine", "host", "CPU", "cores", "memory", "GPU", "driver, CUDA", "OS", "a trial held", "cells")
    lines = [(str(number), *_machine(one), str(len(one["cells"]))) for number, one in enumerate(machines, start=1)]
    return ["As each trial said when it began; of cells of earlier versions, where they ended.", grid(header, lines)]


def _machine(one: Mapping[str, Any]) -> tuple[str, ...]:
    cpu = one.get("cpu") and f"{one['cpu']} ({one.get('cpu_capability')})"
    gpu = one.get("gpu") and f"{one['gpu']}, {_gigabytes(one.get('gpu_memory_bytes'))}"
    drivers = f"{one.get('driver') or UNKNOWN}, CUDA {one.get('cuda') or UNKNOWN}" if gpu else "–"
    none = "none used" if one.get("device_type") == "cpu" else str(one.get("device") or UNKNOWN)
    held, threads = one.get("held"), one.get("threads")
    share = f", CPUs: {held['cpus']:g}, GPUs: {held['gpus']:g}" if held else ""
    return (
        one.get("host") or UNKNOWN, cpu or UNKNOWN, str(one.get("cores") or UNKNOWN),
        _gigabytes(one.get("memory_bytes")), gpu or none, drivers, one.get("os") or UNKNOWN,
        f"threads: {threads}{share}" if threads else UNKNOWN,
    )  # fmt: skip


def _gigabytes(num_bytes: float | None) -> str:
    return UNKNOWN if num_bytes is None else f"{num_bytes / 1e9:.1f} GB"


def software(code: Mapping[str, Any], machines: Sequence[Mapping[str, Any]]) -> list[str]:
    """The main versions of each record of code, and what workers ran."""
    records = code["records"]
    lines = [
        (name, one["python"], *(one["distributions"].get(main, "–") for main in MAIN), str(len(one["distributions"])))
        for name, one in records.items()
    ]
    names = ("python", "torch", "ray")
    workers = sorted({", ".join(f"{name} {one.get(name) or UNKNOWN}" for name in names) for one in machines})
    parts = [
        "The search command ran with (every distribution with its exact version: `code/`, and `code` in the JSON):"
    ]
    parts.append(grid(("code", "python", *MAIN, "distributions"), lines) if lines else f"Versions are {UNKNOWN}.")
    return [*parts, f"Trials ran with: {'; '.join(workers)}."] if workers else parts
