"""MLflow's runs and Optuna's study, brought up to date with what a study's folders hold."""

from tune import length_tracking, quality_tracking, velocity_tracking
from tune.length_views import measured_lengths
from tune.mirror import mirror
from tune.quality_views import measured_quality, measured_ways
from tune.results import model_rows
from tune.study import Study
from tune.tracking import Tracker
from tune.velocity_views import measured_velocities


def refresh(tracker: Tracker, study: Study, optuna_storage: str | None) -> None:
    """Ship what is missing: cells, the table's numbers, Optuna's trials; then close the runs.

    Raises one of OUTAGES where a database does not answer; Optuna's is brought up to date all the same.
    """
    tracker.study = study
    try:
        tracker.sync()
        tracker.summarise(model_rows(study))
        tracker.close(complete=not study.missing())
    finally:
        mirror(study, optuna_storage)


def ship_measurements(tracker: Tracker, study: Study) -> None:
    """Ship what velocity_eval.py, length_eval.py and noether_eval.py measured."""
    rows = model_rows(study)
    if velocities := measured_velocities(study, rows):
        velocity_tracking.ship(tracker, velocities)
    if lengths := measured_lengths(study, rows):
        length_tracking.ship(tracker, study, lengths)
    for way in measured_ways(study, rows):
        quality_tracking.ship(tracker, study, measured_quality(study, rows, way))
