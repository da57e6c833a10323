"""The command of every measure: measure the finished cells that are not measured yet, show all, and update MLflow."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Literal

import tyro

from data.registry import data_set
from data.stream import Corpus
from data.terminal import options_of, progress, say
from fernn.config import DATA, unknown_name
from fernn.models.own import StoredConfig, UnnamedModelError, how_to_name
from tune.analysis.results import ModelRow, model_rows, registered_name
from tune.commands.search import refuse
from tune.core.clips import find_data
from tune.core.console import print_document, print_lines, print_table
from tune.core.driver import driver_lock, stop_on_sigterm
from tune.core.identity import record_folder
from tune.core.protocol import find_study
from tune.core.study import USER_ERRORS, Cell, Study, StudyError
from tune.engine.ray_tune import ray_runtime
from tune.measures.measure import CellMeasurement, Measure, Results, S
from tune.measures.registry import MEASURES
from tune.planning.options import Records
from tune.planning.preflight import check_views, tracking_uri
from tune.reporting.table import notes
from tune.services.databases import ViewError

if TYPE_CHECKING:
    from tune.tracking.mlflow_tracker import Tracker
    from tune.tracking.views import MLflowView

SHARED = """

Measures every seed of the learning rate that the study's table reports. The results are kept in the cells' folders and
logged to MLflow; tune/report.py shows them without a network. A stopped command continues when it is started again.
Once all is measured it only shows the table."""


@dataclass(frozen=True)
class EvaluationOptions:
    """The options of every measure: the study, its place, and its cells to measure."""

    study: str
    """Name of the study, or its folder."""
    storage: str = "studies"
    """Folder in which studies are kept."""
    tracking_uri: str | None = None
    """MLflow server or database; by default SQLite inside the storage."""
    models: tuple[str, ...] | None = None
    """Models by name, or package.module:ConfigClass for one of your own; by default all that have a finished cell,
    except your own, whose code is imported only where you name it."""
    which: Literal["seeds", "best"] = "seeds"
    """Every seed of the chosen learning rate, or the one checkpoint under MLflow's alias "best"."""
    data: str | None = None
    """Folder of the prepared data, or its URL in a bucket; by default where the study found it."""
    json: bool = False
    """Print the numbers as JSON instead of a table."""

    def chosen(self, rows: Sequence[ModelRow]) -> list[ModelRow]:
        """The rows of the models to measure."""
        if self.models is not None:
            return [row for row in rows if row.model in self.models]
        return [row for row in rows if not row.experiment.model.is_own]


@dataclass(frozen=True)
class Options(Generic[S]):
    """The options of every measure, and one measure's own."""

    shared: EvaluationOptions
    own: S


def main(name: str) -> int:
    """Measure what is missing and show all; returns 0, 1 where MLflow is behind, 2 for an error, 130 when stopped."""
    measure: Measure[Any] = MEASURES[name]
    kind: Any = Options[measure.settings]  # type: ignore[name-defined]
    options = options_of(kind, description=measure.description + SHARED, config=(tyro.conf.OmitArgPrefixes,))
    stop_on_sigterm()
    try:
        study, results, behind = run(measure, options)
    except KeyboardInterrupt:
        say("stopped: the results so far are kept, the same command continues")
        return 130
    except USER_ERRORS as error:
        return refuse(error)
    show(study, results, options.shared.json)
    for line in behind:
        say(line)
    return 1 if behind else 0


def run(measure: Measure[S], options: Options[S]) -> tuple[Study, Results | None, list[str]]:
    """Measure what is missing; the study, all its results, and a line where MLflow is behind."""
    study = open_study(measure, options)
    records = Records(storage=options.shared.storage, tracking_uri=options.shared.tracking_uri)
    check_views(records)
    from tune.tracking.views import MLflowView  # MLflow takes seconds to import: not for a refused option

    with driver_lock(study.folder):
        study = replace(study, id=record_folder(study.folder))
        view = MLflowView(study, tracking_uri(records))
        for line in view.log()[1]:
            say(f"{line}; measuring continues")
        return study, *evaluate(measure, options, view)


def open_study(measure: Measure[S], options: Options[S]) -> Study:
    """The study; raises StudyError or KeyError where the measure or an option does not fit it."""
    study = finished_study(options.shared)
    data = study.cells[0].experiment.data
    if not measure.is_defined_on(data):
        names = ", ".join(name for name, known in DATA.items() if measure.is_defined_on(known))
        others = [f"python tune/{other.command}" for other in MEASURES.values() if other.is_defined_on(data)]
        raise StudyError(
            f"{measure.title} is defined for {measure.clips} ({names}), not for {data.name}: "
            f"see {' or '.join([*others, 'python tune/report.py'])} --study {study.name}"
        )
    measure.check(study, options.own)
    return study


def finished_study(options: EvaluationOptions) -> Study:
    """The study; raises StudyError where it has no finished cell, KeyError where one of the models has none.

    Raises UnnamedModelError where a model to measure is a user's own that the user has not named.
    """
    study = find_study(options.study, options.storage, options.models or ())
    rows = model_rows(study)
    finished = [row.model for row in rows]
    if not finished:
        raise StudyError(f"study {study.name!r} has no finished cell: run its search first")
    for model in options.models or ():
        if model not in finished:
            raise KeyError(unknown_name(model, finished, kind="model with a finished cell"))
    chosen = options.chosen(rows)
    for row in chosen or rows:
        if isinstance(row.experiment.model, StoredConfig):
            raise UnnamedModelError(how_to_name(row.model))
    if not chosen:
        raise StudyError(f"--models must name a model or more, of {', '.join(dict.fromkeys(finished))}")
    return study


def evaluate(measure: Measure[S], options: Options[S], view: "MLflowView") -> tuple[Results | None, list[str]]:
    """Measure the chosen cells that are not measured yet, and update MLflow; all results, a line where it is behind."""
    study = view.study
    rows = model_rows(study)
    cells = chosen_cells(study, rows, options.shared, view.ship)
    measurements = measure.measurements(study, cells, options.own)
    left = [measurement for measurement in measurements if measurement.result() is None]
    if left:
        with opened_data(study, left[0], options.shared.data) as corpus:
            total = sum(measurement.num_units(corpus) for measurement in left)
            done = sum(measurement.num_done() for measurement in left)
            with progress(f"{study.name}, {len(left)} cells", total, measure.unit, done=done) as advance:
                for measurement in left:
                    measurement.measure(corpus, advance)
    results = measure.results(study, [shown_row(row, cells) for row in rows], measurements[0].way)
    num_changed, behind = view.log(results)
    if not (left or num_changed or behind):
        say(f"nothing to do: {len(measurements)} cells are measured, and MLflow shows them")
    return results, behind


def chosen_cells(
    study: Study, rows: Sequence[ModelRow], options: EvaluationOptions, open_tracker: "Callable[[], Tracker]"
) -> list[Cell]:
    """The cells to measure: those of the reported learning rates, or the registered ones."""
    chosen = options.chosen(rows)
    if options.which == "seeds":
        return [result.cell for row in chosen for result in row.chosen]
    try:
        tracker = open_tracker()
    except ViewError as error:
        raise StudyError(f"--which best needs MLflow, and {error}: choose --which seeds") from error
    return [best_cell(study, row, tracker) for row in chosen]


def best_cell(study: Study, row: ModelRow, tracker: "Tracker") -> Cell:
    """The cell whose checkpoint is registered in MLflow as the row's best."""
    name = registered_name(study, row)
    if row.breaches:
        why = "; ".join(row.breaches)
        raise StudyError(f"the best checkpoint of {row.label} has no alias 'best' ({why}): choose --which seeds")
    key = tracker.registered_key(name)
    if key is None:
        way_out = "run the study's search again to register it, or choose --which seeds"
        raise StudyError(f"MLflow has no model {name!r} with the alias 'best': {way_out}")
    for cell in study.cells:
        if cell.key == key and study.cell_folder(cell).done() is not None:
            return cell
    raise StudyError(f"MLflow's 'best' of {name!r} is cell {key}, which study {study.name!r} has not finished")


def shown_row(row: ModelRow, measured: Sequence[Cell]) -> ModelRow:
    """The row with its chosen cells, or with only the registered cell where that is of another choice."""
    for choice, results in row.by_choice.items():
        if choice != row.choice and (registered := [result for result in results if result.cell in measured]):
            return replace(row, choice=choice, by_choice={choice: registered})
    return row


@contextmanager
def opened_data(study: Study, measurement: CellMeasurement, given: str | None) -> Iterator[Corpus]:
    """The clips that the cell was trained on, read once."""
    cell = measurement.cell
    home, manifest = find_data(study, cell.experiment.data, cell.data_hash, given)
    with ray_runtime(None):
        yield data_set(measurement.data.name).read(home, manifest)


def show(study: Study, results: Results | None, as_json: bool) -> None:
    """Print every model's numbers as JSON, or the table with its remarks."""
    if as_json:
        models = [] if results is None else [model.document() for model in results.models]
        print_document({"models": models, "notes": notes(study)})
    elif results is not None:
        table = results.table()
        print_table(table.title, table.header, table.texts())
        print_lines([*table.remarks, *notes(study)])
