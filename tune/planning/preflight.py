"""Checks before a search starts: the storage and the addresses of views. Each error is one line."""

from importlib.util import find_spec

from tune.core.folder import Folder
from tune.core.study import StudyError
from tune.planning.options import Records
from tune.services.addresses import SERVERS, check_database, check_scheme, check_server, normalized
from tune.services.databases import DATABASES, MLFLOW, OPTUNA


def check_storage(folder: Folder) -> None:
    """Raises StudyError where the study's folder cannot be written."""
    try:
        folder.write("writable", b"")
        folder.delete("writable")
    except OSError as error:
        raise StudyError(f"--storage must be writable, {folder.root} is not: {error}") from error


def check_tracking(uri: str, storage: str, *, given: bool = True) -> None:
    """Raises StudyError where ``uri`` is not MLflow's, its server does not answer, or it rejects the login.

    ``given``: whether the user gave the address; a default address is not checked. Nor is the state of a database.
    """
    uri = normalized(uri)
    if storage.startswith("s3://") and not uri.startswith(SERVERS) and find_spec("boto3") is None:
        raise StudyError(f"MLflow keeps files in {storage} through boto3, which is missing: pip install boto3")
    if not given:
        return
    check_scheme("--tracking-uri", uri, SERVERS)
    if uri.startswith(SERVERS):
        check_server(uri)
    elif uri.startswith(DATABASES):
        check_database("--tracking-uri", MLFLOW, uri)


def check_views(records: Records) -> None:
    """Raises StudyError where an address on the command line cannot be used for a view."""
    check_tracking(tracking_uri(records), records.storage, given=records.tracking_uri is not None)
    check_optuna(records)


def check_optuna(records: Records) -> None:
    """Raises StudyError where a given database of Optuna's study cannot be used, or is also MLflow's."""
    url = optuna_storage(records)
    if records.optuna_storage is None or url is None:
        return
    check_scheme("--optuna-storage", url)
    is_known = records.tracking_uri is not None or Folder(records.storage).is_local
    if is_known and url == tracking_uri(records):
        raise StudyError(f"--optuna-storage must be another database than MLflow's, got {url} for both")
    check_database("--optuna-storage", OPTUNA, url)


def tracking_uri(records: Records) -> str:
    """The address of the MLflow server or database; raises StudyError where none is given for a bucket."""
    if records.tracking_uri is not None:
        return normalized(records.tracking_uri)
    home = Folder(records.storage)
    if not home.is_local:
        raise StudyError(f"--tracking-uri must be given where --storage is a bucket, as {records.storage} is")
    return f"sqlite:///{home.root}/mlflow.db"


def optuna_storage(records: Records) -> str | None:
    """The address of Optuna's database; None where the storage is a bucket and none is given."""
    if records.optuna_storage is not None:
        return normalized(records.optuna_storage)
    home = Folder(records.storage)
    return f"sqlite:///{home.root}/optuna.db" if home.is_local else None
