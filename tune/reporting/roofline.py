"""The table of FLOPs: what a clip of each model takes, and how much of its device's peak its training reached."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from tune.analysis.results import ModelRow
from tune.core.cell_folder import CellFolder
from tune.core.console import UNKNOWN, ReportTable
from tune.core.study import Study
from tune.engine.roofline import Roofline, recorded_peak, training_work

TERA, GIGA = 1e12, 1e9
HEADER = (
    "model", "device", "precision", "TFLOP a clip", "GB a clip", "clips/s", "TFLOP/s", "peak TFLOP/s", "share of peak",
)  # fmt: skip
REMARK = (
    "Counted in training: the products and sums of convolutions and matrices, and the bytes that operations read and "
    "write if each is a kernel of its own. clips/s: median over the epochs of all cells, of one trial; trials that "
    "shared a GPU reach the sum of theirs together. Peak: of a GPU the dense one of its data sheet, in float32 that of "
    "TF32 where it has it; of a CPU the fastest matrix product on a trial's threads. unknown: not measured, not listed."
    " Of a network that is tailored after some steps one before that is counted."
)


def roofline_table(study: Study, rows: Sequence[ModelRow]) -> ReportTable:
    """A line for each model and device on which its cells were trained, over all choices and seeds."""
    lines = []
    for row in rows:
        folders: dict[str, list[CellFolder]] = {}
        for seeds in row.by_choice.values():
            for seed in seeds:
                folder = study.cell_folder(seed.cell)
                folders.setdefault(_device(folder), []).append(folder)
        lines += [_line(row, device, found) for device, found in folders.items()]
    return ReportTable("roofline", "FLOPs, and the share of the device's peak", HEADER, lines, [REMARK])


def _device(folder: CellFolder) -> str:
    machine = _machine(folder)
    return str(machine.get("gpu") or machine.get("cpu") or UNKNOWN)


def _machine(folder: CellFolder) -> dict[str, Any]:
    result = folder.done()
    return {} if result is None else dict(result.machine)


def _line(row: ModelRow, device: str, folders: Sequence[CellFolder]) -> tuple[Any, ...]:
    precision, name = row.experiment.precision, "time/clips_per_second"
    rates = [epoch[name] for folder in folders for epoch in folder.history() if name in epoch]
    peaks = [peak for folder in folders if (peak := recorded_peak(_machine(folder), precision)) is not None]
    work, rate = training_work(row.experiment), median(rates) if rates else None
    found = Roofline(work, rate, device, median(peaks) if peaks else None)
    share = None if found.share is None else f"{found.share:.1%}"
    numbers = (work and work.flops / TERA, work and work.num_bytes / GIGA, rate)
    speeds = (value and value / TERA for value in (found.achieved, found.peak))
    return (
        row.label,
        device,
        precision,
        *("unknown" if value is None else value for value in (*numbers, *speeds, share)),
    )
