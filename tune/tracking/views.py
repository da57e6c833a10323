"""Bring MLflow's runs and Optuna's study up to date with a study's folders. Neither delays the search."""

from collections.abc import Callable, Mapping

from data.terminal import say
from tune.analysis.results import model_rows
from tune.core.study import Study
from tune.measures.measure import Results
from tune.planning.options import Records
from tune.planning.preflight import optuna_storage, tracking_uri
from tune.services.databases import ViewError, error_text, first_line, is_own_error
from tune.tracking.background import MLflowView, TrackingListener
from tune.tracking.measures import log_results
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.optuna_mirror import mirror

FIRST_S = 15.0
"""Seconds for which a starting search waits for MLflow's first answer."""
WAYS_OUT = {
    "damaged": "python tune/sync.py --study {study} creates it again, and keeps the damaged file under another name",
    "foreign": "it is not changed; name {package}'s database with {option}",
    "locked": "the search tries again; python tune/sync.py --study {study} also brings it up to date",
    "older": "python tune/sync.py --study {study} brings it to this version",
    "newer": "install that version of {package}, then python tune/sync.py --study {study}",
    "unwritable": "allow writing, then python tune/sync.py --study {study}",
    "full": "make room, then python tune/sync.py --study {study}",
    "away": "python tune/sync.py --study {study} brings it up to date when it can be used",
}


class Views:
    """Both views of a study while a search runs."""

    def __init__(self, study: Study, records: Records) -> None:
        self.study, self.optuna_storage = study, optuna_storage(records)
        self.mlflow = MLflowView(study, tracking_uri(records))
        self.listener = TrackingListener(self.mlflow)

    def begin(self) -> list[str]:
        """Bring both up to date; a line for each that is behind. Raises StudyError where another study has the name."""
        return lines_of(
            self.study,
            lambda: mirror(self.study, self.optuna_storage),
            lambda: self.listener.opened(FIRST_S),
        )

    def end(self, study: Study, seconds: float) -> list[str]:
        """Bring both up to date with the study as it is now; returns a line for each that is behind.

        Waits at most ``seconds`` for MLflow.
        """

        def ship() -> None:
            self.listener.close(seconds)
            self.mlflow.ship(lambda tracker: refresh(tracker, study))

        return lines_of(study, ship, lambda: mirror(study, self.optuna_storage), refuses=False)

    def links(self) -> Mapping[str, str]:
        """The addresses of MLflow's saved views, empty where it could not be opened."""
        return {} if self.mlflow.tracker is None else self.mlflow.tracker.links()


class StudyView:
    """MLflow's view of a study that is measured, a context; it is brought up to date first, where MLflow can be used.

    Where it is behind, ``behind`` has the reasons.
    """

    def __init__(self, study: Study, uri: str) -> None:
        self.study, self.mlflow = study, MLflowView(study, uri)
        self.behind: list[str] = []

    def __enter__(self) -> "StudyView":
        self._ship(lambda tracker: None)
        for line in self.behind:
            say(f"{line}; measuring continues")
        return self

    def __exit__(self, *_: object) -> None:
        if self.mlflow.tracker is not None:  # end the runs where they were opened
            before = self.behind
            self._ship(lambda tracker: tracker.close(complete=not self.study.missing()))
            self.behind = before or self.behind

    def log(self, results: Results) -> int | None:
        """Log the results; returns the number of runs that changed, None where MLflow is behind."""
        numbers: list[int] = []
        self._ship(lambda tracker: numbers.append(log_results(tracker, results)))
        return numbers[0] if numbers else None

    def _ship(self, task: Callable[[Tracker], None]) -> None:
        """Do the task where MLflow can be used; raises StudyError for another study's runs."""
        self.behind = lines_of(self.study, lambda: self.mlflow.ship(task))


def lines_of(study: Study, *tasks: Callable[[], object], refuses: bool = True) -> list[str]:
    """Do every task; returns a line for each view that is behind.

    ``refuses``: raise other errors of this project, as StudyError for another study's views; else they become lines.
    """
    lines = []
    for task in tasks:
        try:
            task()
        except ViewError as error:
            lines.append(line_of(study, error))
        except Exception as error:
            if refuses and is_own_error(error):
                raise
            lines.append(first_line(error) if is_own_error(error) else f"a view is behind: {error_text(error)}")
    return lines


def line_of(study: Study, error: ViewError) -> str:
    """The sentence on a view that is behind: the reason and the way out."""
    package = error.package
    way_out = WAYS_OUT[error.condition].format(study=study.name, package=package.name, option=package.option)
    return f"{package.name} is behind: {error}; {way_out}"


def refresh(tracker: Tracker, study: Study) -> None:
    """Log the cells and the table's numbers that MLflow lacks, then close the runs."""
    tracker.study = study
    tracker.sync()
    tracker.summarise(model_rows(study))
    tracker.close(complete=not study.missing())
