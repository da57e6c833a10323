"""Checks of the addresses of MLflow and Optuna on the command line; each error says what to give instead."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from fernn.config import unknown_name
from tune.core.study import StudyError
from tune.services.databases import Package, ViewError, check_usable, sqlite_file

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
SERVERS = ("http", "https")
NO_TRACKING = ("", "file", "databricks-uc", "uc")
"""Schemes that MLflow's client registers but that keep no runs any more."""
PLUGINS = {"azureml": "azureml-mlflow", "arn": "sagemaker-mlflow"}
"""The package of MLflow's plugin for a scheme."""
PAGES = re.compile(r"/(#|ajax-api|api/\d\.\d|graphql|static-files|health|version)(/|$)")
"""The paths of an MLflow server's pages and API, below its address."""
HOST_AND_PORT = re.compile(r"[\w.-]+:\d+(/.*)?")
FOLDERS = "MLflow keeps runs in a database or behind a server, no longer in folders"


def check_server_address(uri: str) -> None:
    """Raises StudyError for an http(s) address without a host, with a bad port, or copied from a browser's page."""
    try:
        parts = urlsplit(uri)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or too high
        is_address = False
    if not is_address:
        raise StudyError(f"--tracking-uri must be as http://HOST:PORT, got {uri}")
    if parts.query or parts.fragment or uri.endswith("#"):
        raise StudyError(page_of(uri))


def page_of(uri: str) -> str:
    """An error text with the server's address, if an http(s) address looks like a page's, else an empty text.

    Such an address may still be right: a proxy may serve MLflow at that path.
    """
    parts = urlsplit(uri)
    full_path = parts.path + ("/#" if parts.fragment or uri.endswith("#") else "")
    page = PAGES.search(full_path)
    if page is None and not parts.query:
        return ""
    path = full_path[: page.start()] if page else parts.path
    server = f"{parts.scheme}://{parts.netloc}{path}".rstrip("/")
    return f"--tracking-uri must be the server's address alone, got the address of a page: give {server}"


def normalized(uri: str) -> str:
    """The address with its scheme in lower case, as MLflow and SQLAlchemy compare it."""
    scheme, colon, rest = uri.partition(":")
    return scheme.lower() + colon + rest if colon else uri


def check_scheme(option: str, uri: str, servers: tuple[str, ...] = ()) -> None:
    """Raises StudyError for an option's address with an unknown scheme, with a suggestion."""
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme in (*servers, *DATABASES) and ":" in uri:
        return
    if servers and _is_mlflow_store(uri, scheme):
        return
    forms = "http://HOST:PORT, sqlite:///FILE or postgresql://..." if servers else "sqlite:///FILE or postgresql://..."
    raise StudyError(f"{option} must be as {forms}, got {uri!r}: {_suggestion(uri, scheme, servers)}")


def _is_mlflow_store(uri: str, scheme: str) -> bool:
    """Whether MLflow's client or one of its plugins has a tracking store for the scheme."""
    from mlflow.tracking._tracking_service.utils import _tracking_store_registry  # takes seconds to import

    schemes = _tracking_store_registry._registry  # MLflow has no public list of them
    return uri == "databricks" or (":" in uri and scheme in schemes and scheme not in NO_TRACKING)


def _suggestion(uri: str, scheme: str, servers: tuple[str, ...]) -> str:
    if scheme in SERVERS:
        return "a server of MLflow's is given with --tracking-uri"
    if scheme in PLUGINS and servers:
        return f"MLflow's plugin for it is not installed: pip install {PLUGINS[scheme]}"
    if HOST_AND_PORT.fullmatch(uri) and servers:
        return f"give http://{uri}"
    if scheme == "postgres":
        return f"give {uri.replace('postgres', 'postgresql', 1)}"
    if scheme == "file" or "://" not in uri:
        path = uri.removeprefix("file:").removeprefix("//") or "FOLDER"
        file = path if path.endswith((".db", ".sqlite", ".sqlite3")) else f"{path.rstrip('/')}/NAME.db"
        return f"{FOLDERS + '; ' if servers and file != path else ''}for a file, give sqlite:///{file}"
    return unknown_name(scheme, [*servers, *DATABASES], kind="scheme")


def check_database(option: str, package: Package, uri: str) -> None:
    """Raises StudyError for a malformed address, and for a server that does not answer or rejects the login.

    The state of a SQLite file is not checked here.
    """
    from sqlalchemy.exc import ArgumentError

    try:
        file = sqlite_file(uri)
        if file is None and uri.startswith("sqlite") and "uri=" not in uri:
            raise StudyError(f"{option} must name a file, as sqlite:///FILE, got {uri}: what is in memory is lost")
    except ArgumentError as error:
        raise StudyError(f"{option} must be as sqlite:///FILE or postgresql://..., got {uri}") from error
    if file is not None:
        return _check_folder(option, package, uri, file)
    try:
        check_usable(package, uri)
    except ViewError as error:
        if error.condition == "away":
            raise StudyError(f"{option} must be a database that answers and lets this user in, {error}") from error


def _check_folder(option: str, package: Package, uri: str, file: Path) -> None:
    folder = file.absolute().parent
    if package.name == "MLflow":  # MLflow creates missing folders
        folder = next(path for path in (folder, *folder.parents) if path.exists())
    if not folder.is_dir():
        raise StudyError(f"{option} must be a file in a folder that is there, {uri} is not: {folder} is no folder")
