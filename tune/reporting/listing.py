"""The list of the studies in a storage: ``python tune/study.py list``."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tune.core.console import disk, moment, print_document, print_lines, print_table
from tune.core.driver import driver_of, process_text
from tune.core.folder import Folder, check_storage_name
from tune.core.given_weights import experiments, imported_cells
from tune.core.identity import STUDY_FILE
from tune.core.protocol import load_study
from tune.core.result import Result
from tune.core.sealing import DamagedError
from tune.core.status import Status, count
from tune.core.study import Study, StudyError
from tune.reporting.table import marks

COLUMNS = ("study", "data", "cells done", "without a result", "marks", "driver", "last result", "disk")
FIRST = "python tune/kth_search.py --preset demo makes a first study"


@dataclass(frozen=True)
class Entry:
    """One study of the list."""

    study: Study
    data: str
    counts: Counter[Status]
    num_imported: int
    driver: Mapping[str, Any] | None
    last_result: float | None
    """The time of the latest result, in seconds since 1970."""
    num_bytes: int

    @property
    def num_planned(self) -> int:
        """The number of cells, with those that a sampler will still propose."""
        return len(self.study.cells) + self.study.num_to_come


@dataclass(frozen=True)
class Unreadable:
    """A folder of the storage that is not a study, and the reason."""

    name: str
    reason: str


def entries(storage: str) -> tuple[list[Entry], list[Unreadable]]:
    """The studies of the storage, and its other folders; raises StudyError for a storage that does not exist."""
    check_storage_name(storage)
    home = Folder(storage)
    if not home.exists():
        raise StudyError(f"--storage must be a folder or bucket with studies, {home.root} is not there: {FIRST}")
    studies, others = [], []
    for name in home.folders():
        try:
            studies.append(entry((home / name).as_root()))
        except (StudyError, DamagedError) as error:
            others.append(Unreadable(name, _reason((home / name).as_root(), error)))
        except OSError as error:
            others.append(Unreadable(name, f"it cannot be read: {error}"))
    return studies, others


def _reason(folder: Folder, error: Exception) -> str:
    return str(error) if folder.has(STUDY_FILE) else f"it has no {STUDY_FILE}: no study, or one that was never begun"


def entry(folder: Folder) -> Entry:
    """The entry of the study in ``folder``."""
    study = load_study(folder)
    imported, planned = imported_cells(study), experiments(study)
    data = planned[0].data.name if planned else ""
    driver, num_bytes = driver_of(folder), folder.num_bytes()
    return Entry(study, data, count(study), len(imported), driver, last_result(study), num_bytes)


def last_result(study: Study) -> float | None:
    """The time of the study's latest result."""
    times = []
    for cell in study.cells:
        try:
            times.append((study.cell_folder(cell).done() or Result()).finished_at)
        except DamagedError:  # counted as damaged
            continue
    return max((known for known in times if known is not None), default=None)


def print_list(storage: str, as_json: bool) -> None:
    """Print the list."""
    studies, others = entries(storage)
    if as_json:
        unreadable = [{"folder": one.name, "reason": one.reason} for one in others]
        return print_document(
            {"storage": Folder(storage).root, "studies": [record(one) for one in studies], "unreadable": unreadable}
        )
    if studies:
        print_table(f"studies in {storage}", COLUMNS, [row(one) for one in studies], right=("cells done", "disk"))
    else:
        print_lines([f"no study in {storage}: {FIRST}"])
    print_lines(f"not a study: {Folder(storage).root}/{one.name}: {one.reason}" for one in others)


def row(one: Entry) -> tuple[str, ...]:
    """An entry as text."""
    others = [
        f"{number} {status}" for status, number in sorted(one.counts.items()) if status not in ("done", "waiting")
    ]
    others += [f"{one.num_imported} imported"] if one.num_imported else []
    return (
        one.study.name, one.data, f"{one.counts['done']} / {one.num_planned}", ", ".join(others), marks(one.study),
        process_text(one.driver), "" if one.last_result is None else moment(one.last_result), disk(one.num_bytes),
    )  # fmt: skip


def record(one: Entry) -> dict[str, Any]:
    """An entry by name."""
    study = one.study
    return {
        "study": study.name, "folder": study.folder.root, "data": one.data, "num_cells": len(study.cells),
        "num_to_come": study.num_to_come, "num_imported": one.num_imported, "cells": dict(one.counts),
        "demo": study.demo, "stand_in": study.stand_in or None, "partial": list(study.partial),
        "driver": one.driver, "last_result_at": one.last_result,
        "num_bytes": one.num_bytes,
    }  # fmt: skip
