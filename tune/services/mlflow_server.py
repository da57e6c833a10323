"""Checks that an MLflow server answers at an address and accepts this user's login."""

import socket
import ssl
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tune.core.study import StudyError
from tune.services.addresses import page_of
from tune.services.databases import causes

SECONDS_FOR_AN_ANSWER = 5
PREFIXES = ("/mlflow",)
"""Usual static prefixes of MLflow servers."""
DENIED = {"UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403}
"""The HTTP status of MLflow's error codes for a rejected login."""
REASONS = (socket.gaierror, ConnectionRefusedError, TimeoutError, ssl.SSLError)
"""Errors that explain why there is no answer; libraries wrap them in their own."""


class NotMlflowError(StudyError):
    """The server at the address is not MLflow."""


def check_server(uri: str) -> None:
    """Raises StudyError where no MLflow server answers at the address, or it rejects the login.

    A proxy may forward only MLflow's API and not ``/health``, so the API decides where ``/health`` is not found.
    """
    health = ask_health(uri)
    if isinstance(health, Exception):
        raise StudyError(
            page_of(uri)
            or f"--tracking-uri must be a server that answers, {uri} does not ({reason(uri, health)}): "
            f"start it, or leave the option out to record in the storage"
        )
    if health >= HTTPStatus.INTERNAL_SERVER_ERROR or (health == HTTPStatus.BAD_REQUEST and _speaks_tls(urlsplit(uri))):
        raise StudyError(_not_mlflow(uri, health))
    try:
        check_login(uri)
    except NotMlflowError as error:
        is_found = health in (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        raise StudyError(page_of(uri) or (str(error) if is_found else _not_mlflow(uri, health))) from error


def ask_health(uri: str) -> int | Exception:
    """The HTTP status of ``/health`` for MLflow's client, or the error where there is no answer."""
    from mlflow.utils.credentials import get_default_host_creds  # takes seconds to import
    from mlflow.utils.rest_utils import http_request

    try:
        login = get_default_host_creds(uri)
        answer = http_request(
            login, "/health", "GET", max_retries=0, timeout=SECONDS_FOR_AN_ANSWER, raise_on_status=False
        )
        return int(answer.status_code)
    except Exception as error:
        errors = [cause for cause in causes(error) if isinstance(cause, Exception)]
        return next((cause for cause in errors if isinstance(cause, REASONS)), errors[-1])


def _not_mlflow(uri: str, status: int) -> str:
    """The error text for a server that answers but is not MLflow, with a way out."""
    parts = urlsplit(uri)
    root, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    phrase = f" ({HTTPStatus(status).phrase})" if status in set(HTTPStatus) else ""
    text = f"--tracking-uri must be an MLflow server, {uri} answers {status}{phrase}"
    if status == HTTPStatus.BAD_REQUEST and _speaks_tls(parts):
        return f"{text}: it speaks https, give https://{uri.partition('://')[2]}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"{text}: the server is ill, or away behind its proxy; leave the option out to record in the storage"
    for prefix in ("", *PREFIXES) if path else PREFIXES:
        if prefix != path and ask_health(root + prefix) == HTTPStatus.OK:
            return f"{text}: MLflow is at {root}{prefix}"
    return f"{text}: another server is there, or MLflow has a --static-prefix, which belongs to its address"


def reason(uri: str, error: Exception) -> str:
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
    if parts.scheme == "http" and _speaks_tls(parts):
        return f"it speaks https: give https://{uri.partition('://')[2]}"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _speaks_tls(parts: SplitResult) -> bool:
    """Whether the server speaks TLS; its certificate is not checked, and no request is sent."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError):
        plain = socket.create_connection((parts.hostname, parts.port or 80), SECONDS_FOR_AN_ANSWER)
        with plain, context.wrap_socket(plain):
            return True
    return False


def check_login(uri: str) -> None:
    """Raises NotMlflowError where the server is not MLflow, StudyError where it rejects the login or the host name.

    Other errors of a server, such as a timeout, are no fault of the address and are ignored here.
    """
    from mlflow.exceptions import MlflowException

    from tune.services.mlflow_client import MlflowClient  # takes seconds to import

    try:
        MlflowClient(uri).search_experiments(max_results=1)
    except MlflowException as error:
        _raise_refusal(uri, error)


def _raise_refusal(uri: str, error: Any) -> None:
    code, text = error.error_code, str(error)
    if "Invalid Host header" in text:
        host = urlsplit(uri).netloc.rpartition("@")[2]
        raise StudyError(
            f"--tracking-uri must have a host name that the server allows, it does not allow {host}: start it with "
            f"mlflow server --allowed-hosts {host}"
        ) from error
    if code in DENIED:
        raise StudyError(
            f"--tracking-uri must be a server that lets this user in, {uri} does not ({DENIED[code]}): the environment "
            f"variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD hold the login"
        ) from error
    if "not in a valid JSON format" in text or any(f"error code {status} " in text for status in (404, 405, 501)):
        raise NotMlflowError(
            f"--tracking-uri must be an MLflow server, {uri} does not answer as one: another server is there, or "
            f"MLflow has a --static-prefix, which belongs to its address"
        ) from error
