"""MLflow and Optuna's study brought up to date with a study's folders, or made anew from them.

    python tune/sync.py --study kth-paper

The folders hold everything; a database that was lost, or a server that was away, has it back after this. Run twice,
it changes nothing the second time.
"""

import json
import sys
from dataclasses import dataclass, replace

from data.progress import say
from data.terminal import console, options_of
from tune.command import USER_ERRORS, refuse
from tune.evaluation import mlflow_refusals
from tune.identity import settle
from tune.lock import driver_lock
from tune.masking import masked
from tune.options import Records
from tune.preflight import check_tracking, optuna_storage, tracking_uri
from tune.reuse import find_study
from tune.study import Study


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
    """Bring the views up to date; 0, or 2 for a command that cannot run."""
    options = options_of(Options, description=__doc__)
    records = Records(options.study, options.storage, options.tracking_uri, options.optuna_storage)
    try:
        study = find_study(options.study, options.storage)
        records = replace(
            records, storage=study.folder.root.rpartition("/")[0]
        )  # also of one that is named by its folder
        check_tracking(tracking_uri(records), options.storage)
        with driver_lock(study.folder), mlflow_refusals(tracking_uri(records)):
            sync(replace(study, id=settle(study.folder)), records)
    except USER_ERRORS as error:
        return refuse(error, console(stderr=True))
    facts = {"cells": len(study.cells), "done": len(study.cells) - len(study.missing())}
    shown = [masked(uri) for uri in (tracking_uri(records), optuna_storage(records)) if uri]
    if options.json:
        print(json.dumps({"study": study.name, **facts, "views": shown}))
    else:
        say(f"{study.name}: {facts['done']} of {facts['cells']} cells are done, as {' and '.join(shown)} show")
    return 0


def sync(study: Study, records: Records) -> None:
    """Bring MLflow, with what was measured beyond training, and Optuna up to date."""
    from tune.tracking import Tracker  # MLflow takes seconds to import: not for a refused option
    from tune.views import refresh, ship_measurements

    tracker = Tracker(study, tracking_uri(records))
    refresh(tracker, study, optuna_storage(records))
    ship_measurements(tracker, study)


if __name__ == "__main__":
    sys.exit(main())
