"""The list of the studies in a storage: ``python tune/study.py list``."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import starmap
from typing import Any

from tune.core.console import disk, moment, print_document, print_lines, print_table
from tune.core.driver import driver_of, process_text
from tune.core.folder import Folder, check_storage_name
from tune.core.given_weights import experiments, imported_cells
from tune.core.identity import STUDY_FILE
from tune.core.protocol import load_study
from tune.core.result import Result
from tune.core.sealing import DamagedError
from tune.core.status import count
from tune.core.study import Study, StudyError
from tune.reporting.table import marks

COLUMNS = ("study", "data", "cells done", "without a result", "marks", "driver", "last result", "disk")
FIRST = "python tune/kth_search.py --preset demo makes a first study"


def entries(storage: str) -> tuple[list[tuple[Study, dict[str, Any]]], list[dict[str, str]]]:
    """The studies of the storage with their records, and its other folders with the reason why they are none.

    Raises StudyError for a storage that does not exist.
    """
    check_storage_name(storage)
    home = Folder(storage)
    if not home.exists():
        raise StudyError(f"--storage must be a folder or bucket with studies, {home.root} is not there: {FIRST}")
    studies, others = [], []
    for name in home.folders():
        folder = (home / name).as_root()
        try:
            study = load_study(folder)
            studies.append((study, record(study)))
        except (StudyError, DamagedError) as error:
            unbegun = f"it has no {STUDY_FILE}: no study, or one that was never begun"
            others.append({"folder": name, "reason": str(error) if folder.has(STUDY_FILE) else unbegun})
        except OSError as error:
            others.append({"folder": name, "reason": f"it cannot be read: {error}"})
    return studies, others


def record(study: Study) -> dict[str, Any]:
    """A study by name: its data, cells by status, marks, driver, last result and size."""
    planned = experiments(study)
    return {
        "study": study.name, "folder": study.folder.root, "data": planned[0].data.name if planned else "",
        "num_cells": len(study.cells), "num_to_come": study.num_to_come, "num_imported": len(imported_cells(study)),
        "cells": dict(count(study)), "demo": study.demo, "stand_in": study.stand_in or None,
        "partial": list(study.partial), "driver": driver_of(study.folder), "last_result_at": last_result(study),
        "num_bytes": study.folder.num_bytes(),
    }  # fmt: skip


def last_result(study: Study) -> float | None:
    """The time of the study's latest result, in seconds since 1970."""
    times = []
    for cell in study.cells:
        with suppress(DamagedError):  # counted as damaged
            times.append((study.cell_folder(cell).done() or Result()).finished_at)
    return max((time for time in times if time is not None), default=None)


def print_list(storage: str, as_json: bool) -> None:
    """Print the list."""
    studies, others = entries(storage)
    root = Folder(storage).root
    if as_json:
        return print_document({"storage": root, "studies": [facts for _, facts in studies], "unreadable": others})
    if studies:
        print_table(f"studies in {storage}", COLUMNS, [*starmap(row, studies)], right=("cells done", "disk"))
    else:
        print_lines([f"no study in {storage}: {FIRST}"])
    print_lines(f"not a study: {root}/{other['folder']}: {other['reason']}" for other in others)


def row(study: Study, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """A study and its record as text."""
    cells, last = facts["cells"], facts["last_result_at"]
    others = [f"{number} {status}" for status, number in sorted(cells.items()) if status not in ("done", "waiting")]
    others += [f"{facts['num_imported']} imported"] if facts["num_imported"] else []
    return (
        study.name, facts["data"], f"{cells.get('done', 0)} / {len(study.cells) + study.num_to_come}",
        ", ".join(others), marks(study), process_text(facts["driver"]), "" if last is None else moment(last),
        disk(facts["num_bytes"]),
    )  # fmt: skip
