"""One study: its settings, the status of each cell, and its table; and the list of the studies in a storage.

``python tune/study.py show NAME`` and ``python tune/study.py list``.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import starmap
from typing import Any

from tune.core.choice import Domain
from tune.core.console import disk, duration, moment, plain, print_document, print_lines, print_table
from tune.core.driver import driver_of, process_text
from tune.core.folder import DamagedError, Folder, check_storage_name
from tune.core.given_weights import experiments, imported_cells
from tune.core.identity import STUDY_FILE
from tune.core.orders import read_orders, taken_at
from tune.core.protocol import load_study
from tune.core.result import Result
from tune.core.status import CellStatus, count, statuses
from tune.core.study import HALVING, RACE, RATE, Study, StudyError
from tune.planning.ledger import Session, sessions, total
from tune.reporting.stopping import saved_facts
from tune.reporting.table import Table, absent, columns, marks, notes, records, study_columns

CELL_COLUMNS = (
    "cell", "status", "epoch", "best epoch", "validation", "test", "training", "machine", "reason",
)  # fmt: skip
RIGHT = ("epoch", "best epoch", "validation", "test", "training")


def print_study(study: Study, as_json: bool) -> None:
    """Print the overview. It locks and writes nothing, so a driver may be running."""
    cells, table, missing = statuses(study), None, ""
    try:
        table = Table.of(study)
    except (StudyError, DamagedError) as error:
        missing = str(error)
    if as_json:
        return print_document(document(study, cells, table, missing))
    print_lines(summary(study))
    title = f"{study.name}: cells, by {study.metric.title}" if study.cells else f"{study.name}: no cells"
    print_table(title, CELL_COLUMNS, [cell_row(study, state) for state in cells], RIGHT)
    if table is None:
        return print_lines([f"no table: {missing}"])
    title = f"{study.name}: models" + (f" ({marks(study)})" if marks(study) else "")
    header = columns(table.metric, study_columns(study))
    print_table(title, header, table.texts(), right=header[1:])
    print_lines(table.remarks())


def summary(study: Study) -> Iterator[str]:
    """The study's data, protocol, searched fields, strategy and driver, one on each line."""
    yield f"study {study.name}" + (f", {marks(study)}" if marks(study) else "") + f": {study.folder.root}"
    planned = experiments(study)
    if planned:
        data = planned[0].data
        demo = f", {data.demo_note}" if study.demo else ""
        demo += f", {study.stand_in}" if study.stand_in else ""
        partial = f", {absent(study.partial)}" if study.partial else ""
        yield f"data: {data.name}{demo}{partial}; {study.data or 'not prepared yet'}"
        yield f"protocol: {', '.join(f'{name} {value}' for name, value in protocol(study).items())}"
    for name, values in study.space.items():
        yield f"searched: {name}: {', '.join(plain(value) for value in values)}"
    yield f"strategy: {strategy(study)}"
    yield f"spent: {spent_text(study)}"
    yield f"driver: {process_text(driver_of(study.folder)) or 'none'}"


def protocol(study: Study) -> dict[str, Any]:
    """The fields that all cells share, except those of the models and the name of the data set."""
    flat = experiments(study)[0].flatten()
    shared = {name: value for name, value in flat.items() if not name.startswith("model.") and name not in study.space}
    return {name: value for name, value in shared.items() if name not in ("data.name", "optim.lr", "seed")}


def strategy(study: Study) -> str:
    """Sampler and scheduler in words."""
    sampled = "choices from a grid" if study.tuned else "learning rates from a grid"
    if study.sampling:
        ranges = {name: Domain.of(facts).text for name, facts in study.sampling["ranges"].items()}
        named = f"of {'; '.join(f'{name} {text}' for name, text in ranges.items())}"
        where = named if study.tuned else ranges[RATE].removeprefix("log-uniform ")
        sampled = f"{study.sampling['num_samples']} {'choices' if study.tuned else 'learning rates'} a model by "
        sampled += f"{study.sampling['sampler']} {where}, {study.num_to_come} more cells to come"
    return f"{sampled}; {SCHEDULERS[study.scheduler]}"


SCHEDULERS = {"none": "each cell to its last epoch", HALVING: "successive halving", RACE: "a race of seeds"}


def spent_text(study: Study) -> str:
    """What the study's searches took, in words."""
    try:
        searches = sessions(study.folder)
    except DamagedError as error:
        return f"not known: {error}"
    spent, word = total(searches), "search" if len(searches) == 1 else "searches"
    price = f", a price of {spent.price:,.2f}" if spent.price else ""
    return f"{duration(spent.seconds)} in {len(searches)} {word}, {spent.gpu_hours:.2f} GPU-hours{price}"


def spent_record(study: Study) -> dict[str, Any] | None:
    """What the study's searches took, by name; None where the ledger is damaged."""
    try:
        searches = sessions(study.folder)
    except DamagedError:
        return None
    return total(searches)._asdict() | {"searches": [*map(Session._asdict, searches)]}


def cell_row(study: Study, state: CellStatus) -> tuple[str, ...]:
    """A cell as text."""
    metric, machine, seconds = state.cell.metric, state.result.machine, state.seconds("train")
    numbers = ("" if value is None else metric.text(value) for value in (state.best, state.test))
    return (
        study.label(state.cell), state.status, f"{len(state.rows)}/{state.cell.experiment.epochs}",
        "" if state.best_epoch is None else str(state.best_epoch), *numbers,
        "" if seconds is None else duration(seconds),
        f"{machine['host']}, {machine['device']}" if machine else "", state.reason,
    )  # fmt: skip


def document(study: Study, cells: list[CellStatus], table: Table | None, missing: str) -> dict[str, Any]:
    """The overview by name; the remarks are there without a table, too, where they can be read."""
    planned, remarks = experiments(study), table.remarks() if table else []
    with suppress(DamagedError):
        remarks = remarks or (notes(study) if study.cells else [])
    return {
        "study": study.name, "folder": study.folder.root, "demo": study.demo,
        "stand_in": study.stand_in or None, "partial": list(study.partial),
        "data": {"name": planned[0].data.name if planned else None, "folder": study.data},
        "protocol": protocol(study) if planned else {}, "space": study.space, "scheduler": study.scheduler,
        "saved": saved_facts(study), "orders": order_records(study), "spent": spent_record(study),
        "sampling": dict(study.sampling), "num_to_come": study.num_to_come, "driver": driver_of(study.folder),
        "metric": table.metric.name if table else study.metric.name if study.cells else None,
        "cells": [cell_record(study, state) for state in cells],
        "rows": records(table) if table else [], "remarks": remarks,
        "no_table": missing or None,
    }  # fmt: skip


def order_records(study: Study) -> list[dict[str, Any]]:
    """The orders that people gave to the study's searches, the earliest first."""
    orders = read_orders(study.folder).entries
    return [
        {"action": order.action, "cells": order.cells or None, "who": order.who, "given_at": order.at,
         "taken_up_at": taken_at(study.folder, order)}
        for order in orders
    ]  # fmt: skip


def cell_record(study: Study, state: CellStatus) -> dict[str, Any]:
    """A cell by name."""
    metric = state.cell.metric.name
    return {
        "cell": state.cell.name, "key": state.cell.key, **state.cell.point(study.space), "status": state.status,
        "epoch": len(state.rows), "epochs": state.cell.experiment.epochs, "best_epoch": state.best_epoch,
        f"validation_{metric}": state.best, f"test_{metric}": state.test, "train_seconds": state.seconds("train"),
        "machine": dict(state.result.machine), "reason": state.reason or None,
    }  # fmt: skip


LIST_COLUMNS = ("study", "data", "cells done", "without a result", "marks", "driver", "last result", "disk")
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
            studies.append((study, listed(study)))
        except (StudyError, DamagedError) as error:
            unbegun = f"it has no {STUDY_FILE}: no study, or one that was never begun"
            others.append({"folder": name, "reason": str(error) if folder.has(STUDY_FILE) else unbegun})
        except OSError as error:
            others.append({"folder": name, "reason": f"it cannot be read: {error}"})
    return studies, others


def listed(study: Study) -> dict[str, Any]:
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
        print_table(f"studies in {storage}", LIST_COLUMNS, [*starmap(list_row, studies)], right=("cells done", "disk"))
    else:
        print_lines([f"no study in {storage}: {FIRST}"])
    print_lines(f"not a study: {root}/{other['folder']}: {other['reason']}" for other in others)


def list_row(study: Study, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """A study and its record as text."""
    cells, last = facts["cells"], facts["last_result_at"]
    others = [f"{number} {status}" for status, number in sorted(cells.items()) if status not in ("done", "waiting")]
    others += [f"{facts['num_imported']} imported"] if facts["num_imported"] else []
    return (
        study.name, facts["data"], f"{cells.get('done', 0)} / {len(study.cells) + study.num_to_come}",
        ", ".join(others), marks(study), process_text(facts["driver"]), "" if last is None else moment(last),
        disk(facts["num_bytes"]),
    )  # fmt: skip
