"""MLflow and Optuna's study brought up to date with a study's folders, or made anew from them.

    python tune/sync.py --study kth-paper

The folders hold everything; a database that was lost, or a server that was away, has it back after this. A damaged
SQLite file is moved aside under a new name and made anew, one of an older version is brought to this one, a newer one
is left. Run twice, it changes nothing the second time.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from data.progress import say
from data.terminal import console, options_of
from tune.commands.search import USER_ERRORS, refuse
from tune.core.console import masked
from tune.core.driver import driver_lock
from tune.core.identity import record_folder
from tune.core.protocol import find_study, known_studies
from tune.core.study import Study
from tune.planning.options import Records
from tune.planning.preflight import check_views, optuna_storage, tracking_uri
from tune.services.databases import MLFLOW, OPTUNA, Package, ViewError, sqlite_file, view_errors
from tune.services.repair import rebuild, repair_file

ARTIFACTS = "mlflow-artifacts"
"""Where in a study's folder MLflow keeps the files of runs that a database has."""


@dataclass(frozen=True)
class Options:
    """Which study, and where its views are."""

    study: str
    """Name of the study, or its folder."""
    storage: str = "studies"
    """Folder or bucket in which studies are kept."""
    tracking_uri: str | None = None
    """MLflow server or database; by default SQLite inside the storage."""
    optuna_storage: str | None = None
    """Database of Optuna's study; by default SQLite inside the storage."""
    json: bool = False
    """Print what was brought up to date as JSON."""


def main() -> int:
    """Bring the views up to date; 0, 1 where one is still behind, or 2 for a command that cannot run."""
    options = options_of(Options, description=__doc__)
    records = Records(options.study, options.storage, options.tracking_uri, options.optuna_storage)
    try:
        study = find_study(options.study, options.storage)
        records = replace(
            records, storage=study.folder.root.rpartition("/")[0]
        )  # also of one that is named by its folder
        check_views(records)
        with driver_lock(study.folder):
            behind = sync(replace(study, id=record_folder(study.folder)), records)
    except USER_ERRORS as error:
        return refuse(error, console(stderr=True))
    facts = {"cells": len(study.cells), "done": len(study.cells) - len(study.missing())}
    shown = [masked(uri) for uri in (tracking_uri(records), optuna_storage(records)) if uri]
    for line in behind:
        say(line)
    if options.json:
        print(json.dumps({"study": study.name, **facts, "views": shown, "behind": behind}))
    elif not behind:
        say(f"{study.name}: {facts['done']} of {facts['cells']} cells are done, as {' and '.join(shown)} show")
    return 1 if behind else 0


def sync(study: Study, records: Records) -> list[str]:
    """Bring MLflow, with what was measured beyond training, and Optuna up to date; what is behind, a line each.

    A damaged database is moved aside and made anew. Raises StudyError where another study has these views.
    """
    from tune.tracking.background import MLflowView
    from tune.tracking.measures import log_all_results
    from tune.tracking.optuna_mirror import mirror  # MLflow takes seconds to import: not for a refused option
    from tune.tracking.views import lines_of, refresh

    uri, url = tracking_uri(records), optuna_storage(records)

    def to_mlflow(at: str) -> None:
        view = MLflowView(study, at)
        view.ship(lambda tracker: refresh(tracker, study))
        view.ship(lambda tracker: log_all_results(tracker, study))

    return lines_of(
        study,
        partial(ship_repaired, MLFLOW, uri, study, to_mlflow),
        *([partial(ship_repaired, OPTUNA, url, study, partial(mirror, study))] if url else []),
    )


def ship_repaired(package: Package, uri: str, study: Study, ship: Callable[[str], None]) -> None:
    """Ship to a database that is brought into a state for that; raises BehindError where it cannot be yet.

    One whose damage shows only then is made anew beside it, and moved aside once that has succeeded: what fails with
    a new database, too, is not the database's fault.
    """
    with view_errors(package, uri):
        _say_mended(package, uri, study, repair_file(package, uri, study.folder.root))
        try:
            ship(uri)
        except ViewError as error:
            if error.condition != "damaged" or (file := sqlite_file(uri)) is None:
                raise
            kept = rebuild(package, file, ship)
            _say_mended(package, uri, study, [f"{package.name}: {error}: moved to {kept}, and made anew"])


def _say_mended(package: Package, uri: str, study: Study, done: Sequence[str]) -> None:
    for line in done:
        say(masked(line))
    if any(line.endswith("made anew") for line in done):
        if package is MLFLOW and (study.folder / ARTIFACTS).exists():
            say(f"MLflow: files of the runs of before stay beside the new ones in {study.folder.root}/{ARTIFACTS}")
        storage = study.folder.root.rpartition("/")[0]
        others = [name for name in known_studies(storage) if name != study.name]
        if others and f"{storage}/" in uri:
            say(f"{package.name}: other studies come back with python tune/sync.py each: {', '.join(others)}")


if __name__ == "__main__":
    sys.exit(main())
