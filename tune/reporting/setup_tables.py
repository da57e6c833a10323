"""Parts of the reproducibility card: the experiment's setup, its compute, the commands to repeat it, and its cells."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tune.core.console import UNKNOWN, bullets, fenced, grid
from tune.core.study import HALVING


def setup(values: Mapping[str, Any], is_trained: bool) -> list[str]:
    """The searched, chosen and fixed fields; seeds; the metric; and how the cells are trained, where they are."""
    searched = [(name, ", ".join(map(_text, choices))) for name, choices in values["searched"].items()]
    parts = ["Searched:", grid(("field", "values"), searched)] if searched else ["Nothing was searched."]
    if values["sampling"]:
        parts.append(f"Learning rates were sampled: {json.dumps(values['sampling'])}.")
    metric = values["metric"]
    if values["chosen"]:
        header = ("model", "chosen learning rate", "seeds", "parameters", "mean validation by learning rate")
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
    means = ", ".join(f"{lr}: {_text(mean)}" for lr, mean in model["validation_by_learning_rate"].items())
    seeds = f"{model['num_seeds']} of {model['num_seeds_planned']}"
    return model["model"], f"{model['learning_rate']:g}", seeds, f"{model['num_parameters']:,}", means


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


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
