"""Bring MLflow and Optuna's study up to date with a study's folder.

    python tune/sync.py --study kth-paper

The folder holds everything, so this also restores a lost database, or the runs that a server missed while it did not
answer. A damaged SQLite file is moved aside and replaced, a file of an older version is upgraded, and one of a newer
version is left as it is. A second run changes nothing.
"""

import sys
from dataclasses import dataclass, field, replace
from functools import partial
from operator import methodcaller

from data.terminal import options_of, say
from tune.analysis.results import model_rows
from tune.commands.search import refuse
from tune.core.console import masked, print_document
from tune.core.driver import driver_lock
from tune.core.identity import record_folder
from tune.core.protocol import find_study
from tune.core.study import USER_ERRORS, Study
from tune.measures.registry import measured_results
from tune.planning.options import Records
from tune.planning.preflight import check_views, optuna_storage, tracking_uri
from tune.services.databases import MLFLOW, OPTUNA


@dataclass(frozen=True)
class Options(Records):
    """The study, and the places of its views."""

    study: str = field()
    """Name of the study, or its folder."""
    json: bool = False
    """Print what was brought up to date as JSON."""


def main() -> int:
    """Bring the views up to date; 0, 1 where one is still behind, or 2 for a command that cannot run."""
    options = options_of(Options, description=__doc__)
    try:
        study = find_study(options.study, options.storage)
        records = replace(options, storage=study.folder.root.rpartition("/")[0])  # the study may be given as a folder
        check_views(records)
        with driver_lock(study.folder):
            behind = sync(replace(study, id=record_folder(study.folder)), records)
    except USER_ERRORS as error:
        return refuse(error)
    num_cells, num_done = len(study.cells), len(study.cells) - len(study.missing())
    views = [masked(uri) for uri in (tracking_uri(records), optuna_storage(records)) if uri]
    for line in behind:
        say(line)
    if options.json:
        print_document({"study": study.name, "cells": num_cells, "done": num_done, "views": views, "behind": behind})
    elif not behind:
        say(f"{study.name}: {num_done} of {num_cells} cells are done, as {' and '.join(views)} show")
    return 1 if behind else 0


def sync(study: Study, records: Records) -> list[str]:
    """Bring MLflow, with the results of measures, and Optuna up to date; a line for each view that is still behind.

    A damaged database is moved aside and replaced. Raises StudyError where another study has these views.
    """
    from tune.services.repair import ship_repaired
    from tune.tracking.optuna_mirror import mirror  # MLflow takes seconds to import: not for a refused option
    from tune.tracking.views import MLflowView, lines_of, refresh

    def to_mlflow(at: str) -> None:
        view = MLflowView(study, at)
        view.ship(lambda tracker: refresh(tracker, study))
        for results in measured_results(study, model_rows(study)):
            view.ship(methodcaller("log_results", results))

    tasks = [partial(ship_repaired, MLFLOW, tracking_uri(records), study, to_mlflow)]
    if url := optuna_storage(records):
        tasks.append(partial(ship_repaired, OPTUNA, url, study, partial(mirror, study)))
    return lines_of(study, *tasks)


if __name__ == "__main__":
    sys.exit(main())
