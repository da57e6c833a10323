"""Checks of the addresses of MLflow and Optuna on the command line; each error says what to give instead."""

import re
import socket
import ssl
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fernn.config import unknown_name
from tune.core.study import StudyError
from tune.services.databases import DATABASES, Package, ViewError, causes, check_usable, first_line, sqlite_file

SERVERS = ("http", "https")
NO_TRACKING = ("", "file", "databricks-uc", "uc")
"""Schemes that MLflow's client registers but that keep no runs any more."""
PAGES = re.compile(r"/(#|ajax-api|api/\d\.\d|graphql|static-files|health|version)(/|$)")
"""The paths of an MLflow server's pages and API, below its address."""
SECONDS_FOR_AN_ANSWER = 5
EXPERIMENTS = "/api/2.0/mlflow/experiments/search?max_results=1"
"""The path of a call of MLflow's API that changes nothing."""
REASONS = (socket.gaierror, ConnectionRefusedError, TimeoutError, ssl.SSLError)
"""Errors that explain why there is no answer; libraries wrap them in their own."""


def normalized(uri: str) -> str:
    """The address with its scheme in lower case, as MLflow and SQLAlchemy compare it."""
    scheme, colon, rest = uri.partition(":")
    return scheme.lower() + colon + rest if colon else uri


def check_scheme(option: str, uri: str, servers: tuple[str, ...] = ()) -> None:
    """Raises StudyError for an option's address with an unknown scheme, with a suggestion."""
    scheme = uri.partition(":")[0].partition("+")[0]
    if (":" in uri and scheme in (*servers, *DATABASES)) or (servers and _is_mlflow_store(uri, scheme)):
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
    if servers and re.fullmatch(r"[\w.-]+:\d+(/.*)?", uri):
        return f"give http://{uri}"
    if scheme == "file" or "://" not in uri:
        path = uri.removeprefix("file:").removeprefix("//") or "FOLDER"
        if path.endswith((".db", ".sqlite", ".sqlite3")):
            return f"for a file, give sqlite:///{path}"
        folders = "MLflow keeps runs in a database or behind a server, no longer in folders; " if servers else ""
        return f"{folders}for a file, give sqlite:///{path.rstrip('/')}/NAME.db"
    return unknown_name(scheme, [*servers, *DATABASES], kind="scheme")


def check_database(option: str, package: Package, uri: str) -> None:
    """Raises StudyError for a malformed address, and for a server that does not answer or rejects the login.

    The state of a SQLite file is not checked here.
    """
    from sqlalchemy.exc import ArgumentError

    try:
        file = sqlite_file(uri)
    except ArgumentError as error:
        raise StudyError(f"{option} must be as sqlite:///FILE or postgresql://..., got {uri}") from error
    if file is not None:
        return _check_folder(option, package, uri, file)
    if uri.startswith("sqlite") and "uri=" not in uri:
        raise StudyError(f"{option} must name a file, as sqlite:///FILE, got {uri}: what is in memory is lost")
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


def check_server(uri: str) -> None:
    """Raises StudyError where no MLflow server answers at the http(s) address, or it rejects the login or host name.

    A proxy may forward only MLflow's API and not ``/health``, so the API decides where ``/health`` is not found.
    """
    _check_server_address(uri)
    status, text = ask(uri, "/health")
    if not status:
        raise StudyError(
            page_of(uri)
            or f"--tracking-uri must be a server that answers, {uri} does not ({text}): "
            f"start it, or leave the option out to record in the storage"
        )
    phrase = f" ({HTTPStatus(status).phrase})" if status in set(HTTPStatus) else ""
    found = f"--tracking-uri must be an MLflow server, {uri} answers {status}{phrase}"
    if status == HTTPStatus.BAD_REQUEST and _speaks_tls(uri):
        raise StudyError(f"{found}: it speaks https, give https://{uri.partition('://')[2]}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        ways_out = "the server is ill, or away behind its proxy; leave the option out to record in the storage"
        raise StudyError(f"{found}: {ways_out}")
    if not _is_mlflow(uri):
        raise StudyError(page_of(uri) or f"{found}: {_instead(uri)}")


def _check_server_address(uri: str) -> None:
    """Raises StudyError for an address without a host, with a bad port, or copied from a browser's page."""
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


def ask(uri: str, path: str) -> tuple[int, str]:
    """What MLflow's client gets at a path of the server: HTTP status and text, or 0 and why there is no answer."""
    from mlflow.utils.credentials import get_default_host_creds  # takes seconds to import
    from mlflow.utils.rest_utils import http_request

    how: dict[str, Any] = {"max_retries": 0, "timeout": SECONDS_FOR_AN_ANSWER, "raise_on_status": False}
    try:
        answer = http_request(get_default_host_creds(uri), path, "GET", **how)
        return answer.status_code, answer.text
    except Exception as error:
        errors = [cause for cause in causes(error) if isinstance(cause, Exception)]
        return 0, _reason(uri, next((cause for cause in errors if isinstance(cause, REASONS)), errors[-1]))


def _instead(uri: str) -> str:
    """Where MLflow is, if it is elsewhere on the server, or what else may be wrong with the address."""
    parts = urlsplit(uri)
    root = f"{parts.scheme}://{parts.netloc}"
    for prefix in ("", "/mlflow"):  # a usual static prefix
        if prefix != parts.path.rstrip("/") and ask(root + prefix, "/health")[0] == HTTPStatus.OK:
            return f"MLflow is at {root}{prefix}"
    return "another server is there, or MLflow has a --static-prefix, which belongs to its address"


def _reason(uri: str, error: Exception) -> str:
    """Why there is no answer, in words."""
    parts = urlsplit(uri)
    if isinstance(error, socket.gaierror):
        return f"the name {parts.hostname} is not known here"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError):
        return f"no answer within {SECONDS_FOR_AN_ANSWER:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {error.verify_message}; "
            f"MLFLOW_TRACKING_SERVER_CERT_PATH, or REQUESTS_CA_BUNDLE, names a file of authorities"
        )
    if isinstance(error, ssl.SSLError):
        return f"it speaks http, not https: give http://{uri.partition('://')[2]}"
    if parts.scheme == "http" and _speaks_tls(uri):
        return f"it speaks https: give https://{uri.partition('://')[2]}"
    return first_line(error)


def _speaks_tls(uri: str) -> bool:
    """Whether the server speaks TLS; its certificate is not checked, and no request is sent."""
    parts, context = urlsplit(uri), ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError):
        plain = socket.create_connection((parts.hostname, parts.port or 80), SECONDS_FOR_AN_ANSWER)
        with plain, context.wrap_socket(plain):
            return True
    return False


def _is_mlflow(uri: str) -> bool:
    """Whether MLflow's API answers; raises StudyError where it rejects the login or the host name."""
    status, text = ask(uri, EXPERIMENTS)
    if "Invalid Host header" in text:  # MLflow's status is that of a rejected login
        host = urlsplit(uri).netloc.rpartition("@")[2]
        raise StudyError(
            f"--tracking-uri must have a host name that the server allows, it does not allow {host}: start it with "
            f"mlflow server --allowed-hosts {host}"
        )
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise StudyError(
            f"--tracking-uri must be a server that lets this user in, {uri} does not ({status}): "
            f"the environment variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD hold the login"
        )
    is_page = status == HTTPStatus.OK and not text.lstrip().startswith("{")
    return not is_page and status not in (404, 405, 501)  # a timeout is no other server
