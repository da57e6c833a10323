"""What the commands that measure a finished study's models have in common: options, refusals, MLflow, the answer."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from data.progress import say
from data.registry import read_corpus
from data.stream import Corpus
from data.terminal import console, options_of
from fernn.config import DATA, DataConfig, TaskName, unknown_name
from fernn.models.own import StoredConfig, UnnamedModelError, how_to_name
from tune.analysis.results import ModelRow, model_rows
from tune.commands.search import USER_ERRORS, refuse
from tune.core.console import tables
from tune.core.data_source import find_data
from tune.core.driver import driver_lock, stop_on_sigterm
from tune.core.identity import settle
from tune.core.protocol import find_study
from tune.core.study import Cell, Study, StudyError
from tune.engine.ray_tune import ray_runtime
from tune.planning.options import Records
from tune.planning.preflight import check_tracking, tracking_uri
from tune.reporting.table import notes

if TYPE_CHECKING:
    from rich.table import Table

    from tune.tracking.mlflow_tracker import Tracker


@dataclass(frozen=True)
class EvaluationOptions:
    """Which study is measured, and where it is."""

    study: str
    """Name of the study, or its folder."""
    storage: str = "studies"
    """Folder in which studies are kept."""
    tracking_uri: str | None = None
    """MLflow server or database; by default SQLite inside the storage."""
    models: tuple[str, ...] | None = None
    """Models by name, or package.module:ConfigClass for one of your own; by default every one that has a finished cell,
    but for your own, whose code is imported only where you name it."""
    data: str | None = None
    """Folder of the prepared data, or its URL in a bucket; by default where the study found it."""
    json: bool = False
    """Print the numbers as JSON instead of a table."""

    @property
    def uri(self) -> str:
        """The MLflow server or database, as the search finds it."""
        return tracking_uri(Records(storage=self.storage, tracking_uri=self.tracking_uri))

    def asked(self, rows: Sequence[ModelRow]) -> list[ModelRow]:
        """The rows of the models that are to be measured."""
        if self.models is not None:
            return [row for row in rows if row.model in self.models]
        return [row for row in rows if not row.experiment.model.is_own]


class Measured(Protocol):
    """What was measured of one model."""

    def document(self) -> dict[str, Any]:
        """Its numbers, for JSON."""


Asked = TypeVar("Asked", bound=EvaluationOptions)
Found = TypeVar("Found", bound=Measured)


def answer(
    kind: type[Asked],
    text: str | None,
    open_study: Callable[[Asked], Study],
    evaluate: Callable[[Study, Asked, "Shown"], Sequence[Found]],
    show: Callable[[Study, Sequence[Found], Asked], None],
) -> int:
    """Measure what is missing, show all; 0, 1 where MLflow is behind, 2 for a command that cannot run, 130 for a stop.

    ``open_study`` raises StudyError or KeyError for options that do not fit the study, before anything is measured.
    """
    options = options_of(kind, description=text)
    stop_on_sigterm()
    try:
        study = open_study(options)
        check_tracking(options.uri, options.storage, given=options.tracking_uri is not None)
        with driver_lock(study.folder):
            study = replace(study, id=settle(study.folder))
            with tracked(study, options) as shown:
                found = evaluate(study, options, shown)
    except KeyboardInterrupt:
        say("stopped: what is measured is kept, the same command goes on")
        return 130
    except USER_ERRORS as error:
        return refuse(error, console(stderr=True))
    if options.json:
        print(json.dumps({"models": [model.document() for model in found], "notes": notes(study)}, indent=2))
    else:
        show(study, found, options)
    for line in shown.behind:
        say(line)
    return 1 if shown.behind else 0


def finished_study(options: EvaluationOptions) -> Study:
    """The study; raises StudyError where it has no finished cell, KeyError where one of the models has none."""
    study = find_study(options.study, options.storage, options.models or ())
    rows = model_rows(study)
    known = [row.model for row in rows]
    if not known:
        raise StudyError(f"study {study.name!r} has no finished cell: run its search first")
    for model in options.models or ():
        if model not in known:
            raise KeyError(unknown_name(model, known, kind="model with a finished cell"))
    require_networks(options.asked(rows) or rows)
    return study


def require_networks(rows: Sequence[ModelRow]) -> None:
    """Raises UnnamedModelError where a row is of a user's own model that the user has not named."""
    for row in rows:
        if isinstance(row.experiment.model, StoredConfig):
            raise UnnamedModelError(how_to_name(row.model))


def require_data(study: Study, measure: str, names: Collection[str]) -> DataConfig:
    """The study's data; raises StudyError where the measure is not defined on it, with that on which it is."""
    data = study.cells[0].experiment.data
    if data.name not in names:
        raise StudyError(f"{measure} is measured on {', '.join(names)}: study {study.name!r} is on {data.name}")
    return data


def data_of(*tasks: TaskName) -> list[str]:
    """The names of the data sets that are for the tasks."""
    return [name for name, data in DATA.items() if data.task in tasks]


class Shown:
    """MLflow's view of a study that is measured: what it does not take is said, and shipped later."""

    def __init__(self, study: Study, uri: str) -> None:
        from tune.tracking.background import MLflowView  # MLflow takes seconds to import: not for a refused option

        self.study, self.view = study, MLflowView(study, uri)
        self.behind: list[str] = []

    def ship(self, task: "Callable[[Tracker], Any]") -> Any:
        """What the task answers, None where MLflow is behind; raises StudyError for another study's runs."""
        from tune.tracking.views import lines_of

        found: list[Any] = []
        self.behind = lines_of(self.study, lambda: found.append(self.view.ship(task)))
        return found[0] if found else None


@contextmanager
def tracked(study: Study, options: EvaluationOptions) -> Iterator[Shown]:
    """MLflow's view of the study, brought up to date before anything is added to it, where it can be."""
    shown = Shown(study, options.uri)
    shown.ship(lambda tracker: None)
    for line in shown.behind:
        say(f"{line}; measuring goes on")
    try:
        yield shown
    finally:
        if shown.view.tracker is not None:
            before = shown.behind
            shown.ship(lambda tracker: tracker.close(complete=not study.missing()))
            shown.behind = before or shown.behind


@contextmanager
def opened_data(study: Study, cell: Cell, given: str | None, data: DataConfig | None = None) -> Iterator[Corpus]:
    """The clips that the cell was trained on, read once, as ``data`` or the cell's own config has them."""
    home, manifest = find_data(study, cell.experiment.data, cell.data_hash, given)
    with ray_runtime(None):
        yield read_corpus(data or cell.experiment.data, home, manifest)


def print_table(table: "Table", lines: Sequence[str]) -> None:
    """A table, and sentences under it."""
    out = tables()
    out.print(table)
    out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
