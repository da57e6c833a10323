"""Addresses of artifacts in MLflow's own database, which follow a study that moved.

MLflow keeps them whole in every run and has no call to change them; on a server they are the server's business.
"""

from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlRun
from sqlalchemy import create_engine, literal, update


def move_artifacts(uri: str, experiment_id: str, home: str) -> None:
    """Let the experiment in the database at ``uri``, and its runs, have their artifacts below ``home``."""
    runs = update(SqlRun).where(SqlRun.experiment_id == int(experiment_id))
    experiment = update(SqlExperiment).where(SqlExperiment.experiment_id == int(experiment_id))
    engine = create_engine(uri)
    try:
        with engine.begin() as connection:
            connection.execute(experiment.values(artifact_location=home))
            connection.execute(runs.values(artifact_uri=literal(f"{home}/") + SqlRun.run_uuid + "/artifacts"))
    finally:
        engine.dispose()
