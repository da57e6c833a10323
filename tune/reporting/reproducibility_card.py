"""The reproducibility card of a study, ``reproducibility.md`` and ``.json``, in the order of a review's questions."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fernn.config import DataConfig, data_config
from tune.core.choice import value_text
from tune.core.console import UNKNOWN, all_masked, bullets, fenced, grid
from tune.core.folder import Folder
from tune.core.search_spec import searches
from tune.core.study import HALVING, RATE, Study
from tune.reporting.reproducibility import answers

MAIN = ("torch", "ray", "optuna", "mlflow", "numpy", "pyarrow", "safetensors", "torchvision", "escnn")
"""The distributions in the Markdown; the JSON has all."""


def write_card(study: Study, folder: Folder) -> None:
    """Write the card in both forms. A file with the same bytes is not written again."""
    card = all_masked(answers(study))
    forms = {"md": markdown(card), "json": json.dumps(card, indent=2, ensure_ascii=False) + "\n"}
    for ending, text in forms.items():
        name, content = f"reproducibility.{ending}", text.encode()
        if folder.read(name) != content:
            folder.write(name, content)


def markdown(card: Mapping[str, Any]) -> str:
    """The card as Markdown: every question with its answer."""
    sections = {
        "Research type": research_type(card),
        "Pseudocode": [PSEUDOCODE],
        "Open source code": source_code(card["code"]),
        "Open datasets": datasets(card["data"]),
        "Dataset splits": splits(card["data"]),
        "Hardware specification": hardware(card["hardware"]),
        "Software dependencies": software(card["code"], card["hardware"]),
        "Experiment setup": setup(card["setup"], is_trained(card)),
        "Compute": compute(card["compute"]),
        "Deviations from the published protocol": deviations(card),
        "What is missing": missing(card),
        "Rerun": rerun(card),
        "Cells": cells(card["cells"]),
    }
    mark = f" ({card['marks']})" if card["marks"] else ""
    parts = [f"# Reproducibility of study {card['study']}{mark}", bullets(card["notes"])]
    parts += [part for heading, paragraphs in sections.items() for part in (f"## {heading}", *paragraphs)]
    return "\n\n".join(parts) + "\n"


PSEUDOCODE = (
    "No pseudocode; the code is the description: `fernn/train/loop.py` (an epoch and a step), `fernn/models/` (the "
    "networks), `tune/analysis/statistics.py` (what is reported), `tune/engine/trial.py` (a cell from its "
    "first epoch to its result)."
)


def is_trained(card: Mapping[str, Any]) -> bool:
    """Whether the study trains cells, beside imported ones."""
    return card["research_type"]["num_cells"] > card["research_type"]["num_imported"]


def research_type(card: Mapping[str, Any]) -> list[str]:
    """The kind of study, with the numbers of models and cells."""
    counts = card["research_type"]
    searched = ", ".join("learning rate" if name == RATE else name for name in card["setup"]["searched"])
    searched = f" ({searched})" if searched else ""
    sentences = [
        f"Experimental: {', '.join(counts['models'])} are {'trained and ' * is_trained(card)}tested; "
        f"{counts['num_finished']} of {counts['num_cells']} cells{searched} have a result."
    ]
    if counts["num_imported"]:
        sentences.append(f"{counts['num_imported']} of them are imported checkpoints, not trained here.")
    sentences.append("`python tune/report.py` computes the numbers in `report/table.md` from the cells' predictions.")
    return [" ".join(sentences)]


def deviations(card: Mapping[str, Any]) -> list[str]:
    """The differences from the published protocol."""
    if card["data"]["name"] not in searches():
        return [f"No published protocol is declared for data set {card['data']['name']}."]
    return [bullets(card["deviations"]) or "None is known."]


def source_code(code: Mapping[str, Any]) -> list[str]:
    """The records of code, with the number of cells that each trained."""
    header = ("code", "first used", "version", "commit", "uncommitted diff", "SHA-256 of the sources", "cells")
    lines = [
        (name, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(record["first_used_at"])), record["version"] or UNKNOWN,
         record["commit"] or "no git", _diff(name, record), record["source_sha256"], str(len(record["cells"])))
        for name, record in code["records"].items()
    ]  # fmt: skip
    text = f"Distribution `{code['distribution']}`, MIT licence. `code/` beside this file holds a record for each code "
    text += "and command with which the study was run. A cell that was continued with other code counts with each."
    parts = [text, grid(header, lines)] if lines else [f"Distribution `{code['distribution']}`; its code is {UNKNOWN}."]
    if code["not_recorded"]:
        parts.append(f"Cells whose code is {UNKNOWN}, at least in part: {len(code['not_recorded'])}.")
    if code["other_sources"]:
        parts.append(f"Finished by workers with sources other than the command's: {', '.join(code['other_sources'])}.")
    if code["records_lost"]:
        parts.append(f"Records that cells name and that are missing: {', '.join(code['records_lost'])}.")
    return parts


def _diff(name: str, record: Mapping[str, Any]) -> str:
    if record["diff_sha256"] is None:
        return "none" if record["commit"] else "unknown"
    place = f"in code/{name}.json" if record["diff"] is not None else "too long to store"
    return f"{place} (SHA-256 {record['diff_sha256'][:12]})"


def datasets(data: Mapping[str, Any]) -> list[str]:
    """The data, its origin and its hashes."""
    manifest, config = data["manifest"], config_of(data)
    parts = [f"`{data['name']}`: {config.source}; card: {config.card}."]
    if data["demo"]:
        parts = [f"DEMO: {data['demo']}. The study ran on data that this project generates, on no public data."]
    if data.get("stand_in"):
        parts = [f"STAND-IN: the study ran on {data['stand_in']}."]
    lines = [("hash of the clips (equal hash, equal data)", data["hash"])]
    if manifest is None:
        return [*parts, grid(("data", ""), [*lines, ("origin, files, versions", UNKNOWN)])]
    lines += [("prepared as", manifest["dataset"]), ("origin", manifest["origin"])]
    lines += [("SHA-256 of all it was made from", manifest["source_sha256"])]
    lines += [(f"SHA-256 of {file['name']}", f"{file['sha256']} ({file['rows']} rows)") for file in manifest["files"]]
    lines += [("prepared with", ", ".join(f"{name} {value}" for name, value in manifest["versions"].items()))]
    lines += [("missing", ", ".join(manifest["missing"]) or "nothing")]
    lines += [("skipped", ", ".join(file["name"] for file in manifest["skipped"]) or "nothing")]
    return [*parts, grid(("data", ""), lines)]


def config_of(data: Mapping[str, Any]) -> DataConfig:
    """The config of the study's data."""
    return data_config(data["name"]).override({key: value for key, value in data["fields"].items() if key != "name"})


def splits(data: Mapping[str, Any]) -> list[str]:
    """The fields of the data, the rule of the splits, and their numbers of clips."""
    fields = ", ".join(f"{name} {value}" for name, value in data["fields"].items() if name != "name")
    parts = [f"Fields of the data: {fields}.", config_of(data).split_note()]
    if data["manifest"] is None:
        return [*parts, f"Numbers of clips: {UNKNOWN}."]
    return [*parts, grid(("split", "clips"), [(name, f"{n:,}") for name, n in data["manifest"]["num_clips"].items()])]


def hardware(machines: Sequence[Mapping[str, Any]]) -> list[str]:
    """The machines on which trials ran."""
    if not machines:
        return ["No machine is recorded, since no cell was trained yet."]
    header = ("machine", "host", "CPU", "cores", "memory", "GPU", "driver, CUDA", "OS", "a trial held", "cells")
    lines = [(str(number), *_machine(machine)) for number, machine in enumerate(machines, start=1)]
    return ["As recorded when each trial began; for cells of earlier versions, when they ended.", grid(header, lines)]


def _machine(machine: Mapping[str, Any]) -> tuple[str, ...]:
    cpu = machine.get("cpu") and f"{machine['cpu']} ({machine.get('cpu_capability')})"
    gpu = machine.get("gpu") and f"{machine['gpu']}, {_gigabytes(machine.get('gpu_memory_bytes'))}"
    drivers = f"{machine.get('driver') or UNKNOWN}, CUDA {machine.get('cuda') or UNKNOWN}" if gpu else "–"
    none = "none used" if machine.get("device_type") == "cpu" else str(machine.get("device") or UNKNOWN)
    held, threads = machine.get("held"), machine.get("threads")
    share = f", CPUs: {held['cpus']:g}, GPUs: {held['gpus']:g}" if held else ""
    return (
        machine.get("host") or UNKNOWN, cpu or UNKNOWN, str(machine.get("cores") or UNKNOWN),
        _gigabytes(machine.get("memory_bytes")), gpu or none, drivers, machine.get("os") or UNKNOWN,
        f"threads: {threads}{share}" if threads else UNKNOWN, str(len(machine["cells"])),
    )  # fmt: skip


def _gigabytes(num_bytes: float | None) -> str:
    return UNKNOWN if num_bytes is None else f"{num_bytes / 1e9:.1f} GB"


def software(code: Mapping[str, Any], machines: Sequence[Mapping[str, Any]]) -> list[str]:
    """The main versions of each record of code, and those of the workers."""
    records = code["records"]
    lines = [
        (
            name,
            record["python"],
            *(record["distributions"].get(main, "–") for main in MAIN),
            str(len(record["distributions"])),
        )
        for name, record in records.items()
    ]
    names = ("python", "torch", "ray")
    workers = sorted({", ".join(f"{name} {machine.get(name) or UNKNOWN}" for name in names) for machine in machines})
    return [
        "The search command ran with (every distribution with its exact version: `code/`, and `code` in the JSON):",
        grid(("code", "python", *MAIN, "distributions"), lines) if lines else f"Versions are {UNKNOWN}.",
        *([f"Trials ran with: {'; '.join(workers)}."] if workers else []),
    ]


def setup(values: Mapping[str, Any], is_trained: bool) -> list[str]:
    """The searched, chosen and fixed fields; seeds; the metric; and how the cells are trained, where they are."""
    searched = [(name, ", ".join(map(_text, choices))) for name, choices in values["searched"].items()]
    parts = ["Searched:", grid(("field", "values"), searched)] if searched else ["Nothing was searched."]
    what, metric = "choice" if values.get("tuned") else "learning rate", values["metric"]
    sampled = f"{what.capitalize()}s were sampled: {json.dumps(values['sampling'])}."
    parts += [sampled] if values["sampling"] else []
    if values["chosen"]:
        header = ("model", f"chosen {what}", "seeds", "parameters", f"mean validation by {what}")
        parts += [f"Chosen by validation {metric['title']}:", grid(header, [*map(_chosen, values["chosen"])])]
    parts.append(f"Metric: {metric['title']}, {metric['definition']}.")
    if is_trained:
        halved = ", fewer where successive halving stopped" if values["scheduler"] == HALVING else ""
        parts += [
            values["selection"],
            f"Seeds: {', '.join(map(str, values['seeds']))}. {values['draws']}",
            f"Epochs: {values['epochs']}{halved}. Optimizer: {'; or '.join(values['optimizer'])}.",
        ]
    for title, fields in (("Fixed for all cells:", values["fixed"]), ("Fields of the models:", values["models"])):
        parts += [title, grid(("field", "value"), [(name, _text(value)) for name, value in fields.items()])]
    return parts


def _chosen(model: Mapping[str, Any]) -> tuple[str, ...]:
    by_choice = model.get("validation_by_choice") or model["validation_by_learning_rate"]
    means = ("; " if "choice" in model else ", ").join(f"{name}: {_text(mean)}" for name, mean in by_choice.items())
    seeds, parameters = f"{model['num_seeds']} of {model['num_seeds_planned']}", f"{model['num_parameters']:,}"
    return model["model"], value_text(model.get("choice", model["learning_rate"])), seeds, parameters, means


def _text(value: Any) -> str:
    short = f"{value:.4g}" if isinstance(value, float) else value
    return short if isinstance(short, str) else json.dumps(short)


def compute(spent: Sequence[Mapping[str, Any]]) -> list[str]:
    """Time by model, and in total."""
    header = ("model", "cells begun", "training, s", "validation, s", "CPU-hours", "GPU-hours", "cells in the hours")
    lines = [_spent(model["model"], [model]) for model in spent]
    lines += [_spent("total", spent)] if len(spent) > 1 else []
    text = (
        "Seconds are summed over the recorded epochs, also of cells without a result. Hours are these seconds times "
        "the CPUs and the share of a GPU that a trial held when its cell ended, for finished cells that recorded it. "
        "Not counted: epochs that were repeated after an interruption, the reading of test clips, start-up."
    )
    return [text, grid(header, lines)]


def _spent(label: str, spent: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    def hours(name: str) -> str:
        recorded = [model[name] for model in spent if model[name] is not None]
        return f"{sum(recorded):.3g}" if recorded else UNKNOWN

    seconds = [f"{sum(model[f'{part}_seconds'] for model in spent):,.1f}" for part in ("train", "validation")]
    counts = [str(sum(model[name] for model in spent)) for name in ("num_cells", "num_cells_in_hours")]
    return label, counts[0], *seconds, hours("cpu_hours"), hours("gpu_hours"), counts[1]


def missing(card: Mapping[str, Any]) -> list[str]:
    """The cells without a result."""
    lines = [
        f"{cell['label']}: {cell['status']} after {cell['epochs']} of {cell['epochs_planned']} epochs"
        + (f" ({cell['reason']})" if cell["reason"] else "")
        for cell in card["missing"]
    ]
    return [bullets(lines) or "Nothing: every planned cell has a result."]


def rerun(card: Mapping[str, Any]) -> list[str]:
    """The commands that made the study, and the command that trains one of its cells again."""
    commands, data_hash = card["code"]["commands"], card["data"]["hash"]
    finished = [cell for cell in card["cells"] if cell["status"] == "done"]
    parts = [f"The command was {UNKNOWN}."]
    if commands:
        order = " Each command continues the same study." if len(commands) > 1 else ""
        text = (
            f"From a source tree of the code above, with the versions above.{order} Options for places (data, storage, "
            f"tracking, cluster) are left out. The data that the commands prepare must have the hash {data_hash}."
        )
        parts = [text, fenced(commands)]
    if finished:
        key = finished[0]["cell"].rpartition("_")[2]
        again = f"python tune/rerun.py --study {card['study']} --cell {key}"
        text = "Train one cell again and compare every epoch with its record. On a CPU they are equal bit for bit:"
        parts += [text, fenced([again])]
    return parts


def cells(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every cell with the hash of its metrics, which compares two machines."""
    header = ("cell", "status", "epochs", "best epoch", "code", "machine", "SHA-256 of its metrics")
    lines = [
        (cell["cell"], cell["status"], str(cell["epochs"]), str(cell["best_epoch"] or "–"), _codes(cell["code"]),
         ", ".join(map(str, cell["machines"])) or "–",
         cell["metrics_sha256"] or (UNKNOWN if cell["best_epoch"] else "–"))
        for cell in records
    ]  # fmt: skip
    text = "The hash covers every metric of every epoch except times, and the final validation and test metrics."
    return [text, grid(header, lines)]


def _codes(stretches: Sequence[Mapping[str, Any]]) -> str:
    names = [stretch["code"] or UNKNOWN for stretch in stretches] or [UNKNOWN]
    later = zip(stretches[1:], names[1:], strict=True)
    return names[0] + "".join(f", from epoch {stretch['first_epoch']} {name}" for stretch, name in later)
