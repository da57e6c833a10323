"""The best checkpoint of each model in MLflow's registry, under the alias "best"."""

from contextlib import suppress

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tune.analysis.results import ModelRow, registered_name
from tune.core.study import Study
from tune.tracking.run_tree import KEY, RunTree


def register(study: Study, tree: RunTree, row: ModelRow, note: str) -> None:
    """Register the row's best checkpoint as a version of its model with the alias "best", and describe the model.

    A checkpoint that breaks the law of flow equivariance gets no alias, and the alias of an earlier one is removed.
    """
    name, key, client = registered_name(study, row), row.best.key, tree.client
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
            run_id = tree.read(f"cell/{key}").info.run_id
            text, source = f"The best epoch's weights of {study.label(row.best)}.", f"runs:/{run_id}/best"
            version = client.create_model_version(name, source, run_id, tags={KEY: key}, description=text)
        client.set_registered_model_alias(name, "best", version.version)
    if client.get_registered_model(name).description != note:
        client.update_registered_model(name, note)


def registered_key(client: MlflowClient, name: str) -> str | None:
    """The key of the cell whose checkpoint has the alias "best" of a registered model, None where none has it."""
    try:
        return client.get_model_version_by_alias(name, "best").tags.get(KEY)
    except MlflowException:
        return None
