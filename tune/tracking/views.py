"""MLflow's runs and Optuna's study, brought up to date with what a study's folders hold; neither holds up anything."""

from collections.abc import Callable, Mapping

from tune.analysis.results import model_rows
from tune.core.study import Study
from tune.planning.options import Records
from tune.planning.preflight import optuna_storage, tracking_uri
from tune.services.databases import ViewError, error_text, first_line, is_own_error
from tune.tracking.background import MLflowView, TrackingListener
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.optuna_mirror import mirror

FIRST_S = 15.0
"""Seconds that a search waits at its beginning for MLflow's first answer."""
WAYS_OUT = {
    "damaged": "python tune/sync.py --study {study} makes it anew, and keeps what there was under another name",
    "foreign": "it is left as it is; name {package}'s database with {option}",
    "locked": "it is tried again; python tune/sync.py --study {study} brings it up to date, too",
    "older": "python tune/sync.py --study {study} brings it to this version",
    "newer": "install that version of {package}, then python tune/sync.py --study {study}",
    "unwritable": "let it be written, then python tune/sync.py --study {study}",
    "full": "make room, then python tune/sync.py --study {study}",
    "away": "python tune/sync.py --study {study} brings it up to date, once it can be used",
}


class Views:
    """Both views of a study while something is done on it."""

    def __init__(self, study: Study, records: Records) -> None:
        self.study, self.optuna_storage = study, optuna_storage(records)
        self.mlflow = MLflowView(study, tracking_uri(records))
        self.listener = TrackingListener(self.mlflow)

    def begin(self) -> list[str]:
        """Bring both up to date; what is behind, and why, a line each. Raises StudyError for another study's views."""
        return lines_of(
            self.study,
            lambda: mirror(self.study, self.optuna_storage),
            lambda: self.listener.opened(FIRST_S),
        )

    def end(self, study: Study, seconds: float) -> list[str]:
        """Bring both up to date with the study as it is now; what is behind, and why, a line each.

        MLflow is waited for so many seconds at the most.
        """

        def ship() -> None:
            self.listener.close(seconds)
            self.mlflow.ship(lambda tracker: refresh(tracker, study))

        return lines_of(study, ship, lambda: mirror(study, self.optuna_storage), refuses=False)

    def links(self) -> Mapping[str, str]:
        """The addresses of MLflow's saved views, none where it could not be opened."""
        return {} if self.mlflow.tracker is None else self.mlflow.tracker.links()


def lines_of(study: Study, *tasks: Callable[[], object], refuses: bool = True) -> list[str]:
    """Do every task; a line for each view that is behind.

    ``refuses``: raises what is no view's fault, as StudyError for another study's views; else it is a line, too.
    """
    found = []
    for task in tasks:
        try:
            task()
        except ViewError as error:
            found.append(line_of(study, error))
        except Exception as error:
            if refuses and is_own_error(error):
                raise
            found.append(first_line(error) if is_own_error(error) else f"a view is behind: {error_text(error)}")
    return found


def line_of(study: Study, error: ViewError) -> str:
    """Which view of the study is behind, why, and the way out."""
    package = error.package
    way_out = WAYS_OUT[error.condition].format(study=study.name, package=package.name, option=package.option)
    return f"{package.name} is behind: {error}; {way_out}"


def refresh(tracker: Tracker, study: Study) -> None:
    """Ship what MLflow lacks: cells, the table's numbers; then close the runs."""
    tracker.study = study
    tracker.sync()
    tracker.summarise(model_rows(study))
    tracker.close(complete=not study.missing())
