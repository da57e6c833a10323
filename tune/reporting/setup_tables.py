"""Parts of the reproducibility card: the experiment's setup, what it cost, how it is run again, and its cells."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tune.analysis.sheet import UNKNOWN, bullets, fenced, grid
from tune.core.study import HALVING


def setup(said: Mapping[str, Any]) -> list[str]:
    """What was searched, chosen and fixed; seeds; metrics."""
    searched = [(name, ", ".join(map(_text, values))) for name, values in said["searched"].items()]
    parts = ["Searched:", grid(("field", "values"), searched)] if searched else ["Nothing was searched."]
    if said["sampling"]:
        parts.append(f"Learning rates were sampled: {json.dumps(said['sampling'])}.")
    if said["chosen"]:
        header = ("model", "chosen learning rate", "seeds", "parameters", "mean validation by learning rate")
        parts += [
            f"Chosen by validation {said['metric']['title']}:",
            grid(header, [_chosen(one) for one in said["chosen"]]),
        ]
    metric, halved = said["metric"], ", fewer where successive halving stopped" if said["scheduler"] == HALVING else ""
    parts += [
        f"Metric: {metric['title']}, {metric['definition']}. {said['selection']}",
        f"Seeds: {', '.join(map(str, said['seeds']))}. {said['draws']}",
        f"Epochs: {said['epochs']}{halved}. Optimizer: {'; or '.join(said['optimizer'])}. Fixed for all cells:",
        grid(("field", "value"), [(name, _text(value)) for name, value in said["fixed"].items()]),
        "Fields of the models:",
        grid(("field", "value"), [(name, _text(value)) for name, value in said["models"].items()]),
    ]
    return parts


def _chosen(one: Mapping[str, Any]) -> tuple[str, ...]:
    means = ", ".join(f"{lr}: {_text(mean)}" for lr, mean in one["validation_by_learning_rate"].items())
    seeds = f"{one['num_seeds']} of {one['num_seeds_planned']}"
    return one["model"], f"{one['learning_rate']:g}", seeds, f"{one['num_parameters']:,}", means


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


def compute(spent: Sequence[Mapping[str, Any]]) -> list[str]:
    """Time by model, and in all."""
    header = ("model", "cells begun", "training, s", "validation, s", "CPU-hours", "GPU-hours", "cells in the hours")
    lines = [_spent(one["model"], [one]) for one in spent]
    lines += [_spent("in all", spent)] if len(spent) > 1 else []
    said = (
        "Seconds are summed over the epochs that stand in the record, also of cells without a result. Hours are those "
        "seconds times the CPUs and the share of a GPU that a trial held when its cell ended, of finished cells that "
        "say so. Not counted: epochs that were repeated after an interruption, the reading of test clips, start-up."
    )
    return [said, grid(header, lines)]


def _spent(label: str, spent: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    def hours(name: str) -> str:
        known = [one[name] for one in spent if one[name] is not None]
        return f"{sum(known):.3g}" if known else UNKNOWN

    seconds = [f"{sum(one[f'{part}_seconds'] for one in spent):,.1f}" for part in ("train", "validation")]
    counts = [str(sum(one[name] for one in spent)) for name in ("num_cells", "num_cells_in_hours")]
    return label, counts[0], *seconds, hours("cpu_hours"), hours("gpu_hours"), counts[1]


def missing(card: Mapping[str, Any]) -> list[str]:
    """Cells without a result, one a line."""
    lines = [
        f"{one['label']}: {one['status']} after {one['epochs']} of {one['epochs_planned']} epochs"
        + (f" ({one['reason']})" if one["reason"] else "")
        for one in card["missing"]
    ]
    return [bullets(lines) or "Nothing: every planned cell has a result."]


def rerun(card: Mapping[str, Any]) -> list[str]:
    """The commands that made the study, and the one that trains one of its cells again."""
    commands, finished = card["code"]["commands"], [one for one in card["cells"] if one["status"] == "done"]
    parts = [f"The command was {UNKNOWN}."]
    if commands:
        order = " One after the other, each goes on with the same study." if len(commands) > 1 else ""
        said = f"From a source tree of the code above, with the versions above.{order} Options that say only where "
        said += "things are kept (data, storage, tracking, cluster) are left out: the data is brought anew, and must "
        parts = [said + f"have the hash {card['data']['hash']}.", fenced(commands)]
    if finished:
        key = finished[0]["cell"].rpartition("_")[2]
        again = f"python tune/rerun.py --study {card['study']} --cell {key}"
        parts += ["One cell from nothing, compared with its record epoch by epoch (equal bit for bit on a CPU):"]
        parts += [fenced([again])]
    return parts


def cells(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every cell with the hash of its metrics, by which two machines can be compared."""
    header = ("cell", "status", "epochs", "best epoch", "code", "machine", "SHA-256 of its metrics")
    lines = [
        (one["cell"], one["status"], str(one["epochs"]), str(one["best_epoch"] or "–"), _codes(one["code"]),
         ", ".join(map(str, one["machines"])) or "–", one["metrics_sha256"] or (UNKNOWN if one["best_epoch"] else "–"))
        for one in found
    ]  # fmt: skip
    said = "The hash covers every metric of every epoch but times, and the final validation and test metrics."
    return [said, grid(header, lines)]


def _codes(stretches: Sequence[Mapping[str, Any]]) -> str:
    names = [one["code"] or UNKNOWN for one in stretches] or [UNKNOWN]
    later = [f", from epoch {one['first_epoch']} {name}" for one, name in zip(stretches[1:], names[1:], strict=True)]
    return names[0] + "".join(later)
