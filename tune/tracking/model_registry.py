"""The best checkpoints of a study in MLflow's registry of models."""

from contextlib import suppress

from mlflow.exceptions import MlflowException

from tune.analysis.results import ModelRow, registered_name
from tune.core.study import Study
from tune.services.mlflow_client import MlflowClient

KEY = "fernn.key"
"""The tag with the key of a registered checkpoint's cell."""


def register(client: MlflowClient, study: Study, row: ModelRow, run_id: str, note: str) -> None:
    """Register the row's best checkpoint as a version of its model with the alias "best", and describe the model.

    A checkpoint that breaks the law of flow equivariance gets no alias, and the alias of an earlier one is removed.
    ``run_id`` is the run of the checkpoint's cell.
    """
    name, key = registered_name(study, row), row.best.key
    registered = registered_key(client, name)
    if row.breaches:
        if registered is not None:
            client.delete_registered_model_alias(name, "best")
        return
    if registered != key:
        with suppress(MlflowException):  # it exists already
            client.create_registered_model(name)
        versions = client.search_model_versions(f"name = '{name}'")
        version = next((version for version in versions if version.tags.get(KEY) == key), None)
        if version is None:
            text = f"The best epoch's weights of {study.label(row.best)}."
            source = f"runs:/{run_id}/best"
            version = client.create_model_version(name, source, run_id, tags={KEY: key}, description=text)
        client.set_registered_model_alias(name, "best", version.version)
    if client.get_registered_model(name).description != note:
        client.update_registered_model(name, note)


def registered_key(client: MlflowClient, name: str) -> str | None:
    """The key of the cell with the alias, None where no version has it."""
    try:
        return client.get_model_version_by_alias(name, "best").tags.get(KEY)
    except MlflowException:
        return None
