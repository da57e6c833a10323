"""Whether an MLflow server is where an address says, and lets this user in; the reason where it is not."""

import socket
import ssl
import urllib.error
import urllib.request
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException
from urllib.parse import SplitResult, urlsplit

from tune.study import StudyError

SECONDS_FOR_AN_ANSWER = 5.0
PREFIXES = ("/mlflow",)
"""Where servers with a static prefix mostly are."""
DENIED = {"UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403}
"""What MLflow calls the statuses of a login that is not let in."""


def check_answers(uri: str) -> None:
    """Raises StudyError where nothing answers at the address, or what is not MLflow."""
    found = ask(uri)
    if found in (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return  # a proxy may want a login for everything: whether it lets MLflow's client in is asked next
    if isinstance(found, int):
        raise StudyError(_not_mlflow(uri, found))
    raise StudyError(
        f"--tracking-uri must be a server that answers, {uri} does not ({reason(uri, found)}): "
        f"start it, or leave the option out to record in the storage"
    )


def ask(uri: str) -> int | Exception:
    """What the server's health answers: a status, or why there is none."""
    parts = urlsplit(uri)
    server = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    try:
        with urllib.request.urlopen(f"{server.rstrip('/')}/health", timeout=SECONDS_FOR_AN_ANSWER) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (OSError, ValueError, HTTPException) as error:
        why = error.reason if isinstance(error, urllib.error.URLError) else error
        return why if isinstance(why, Exception) else OSError(str(why))


def _not_mlflow(uri: str, status: int) -> str:
    """Why a server that answers is not the one that is meant."""
    parts = urlsplit(uri)
    root, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    said = f"--tracking-uri must be an MLflow server, {uri} answers {_status(status)}"
    if status == HTTPStatus.BAD_REQUEST and _speaks_tls(parts):
        return f"{said}: it speaks https, give https://{uri.partition('://')[2]}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"{said}: the server is ill, or away behind its proxy; leave the option out to record in the storage"
    for prefix in ("", *PREFIXES) if path else PREFIXES:
        if prefix != path and ask(root + prefix) == HTTPStatus.OK:
            return f"{said}: MLflow is at {root}{prefix}"
    return f"{said}: another server is there, or MLflow has a --static-prefix, which belongs to its address"


def _status(status: int) -> str:
    with suppress(ValueError):
        return f"{status} ({HTTPStatus(status).phrase})"
    return str(status)


def reason(uri: str, error: Exception) -> str:
    """Why there is no answer, in plain words."""
    parts = urlsplit(uri)
    if isinstance(error, socket.gaierror):
        return f"the name {parts.hostname} is not known here"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError):
        return f"no answer within {SECONDS_FOR_AN_ANSWER:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}; REQUESTS_CA_BUNDLE names a file of authorities"
    if isinstance(error, ssl.SSLError):
        return f"it speaks http, not https: give http://{uri.partition('://')[2]}"
    if parts.scheme == "http" and _speaks_tls(parts):
        return f"it speaks https: give https://{uri.partition('://')[2]}"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _speaks_tls(parts: SplitResult) -> bool:
    """Whether what listens there begins with TLS; its certificate is not looked at, and nothing is sent."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError):
        plain = socket.create_connection((parts.hostname, parts.port or 80), SECONDS_FOR_AN_ANSWER)
        with plain, context.wrap_socket(plain):
            return True
    return False


def check_login(uri: str) -> None:
    """Raises StudyError where what answers is not MLflow, or refuses the login or host name that its client sends.

    A server that is slow or ill is none of an address's business.
    """
    from mlflow.exceptions import MlflowException

    from tune.run_tree import MlflowClient  # takes seconds to import; asks once, and not for minutes

    try:
        MlflowClient(uri).search_experiments(max_results=1)
    except MlflowException as error:
        if (why := _refusal(uri, error.error_code, str(error))) is not None:
            raise StudyError(why) from error


def _refusal(uri: str, code: str, text: str) -> str | None:
    if "Invalid Host header" in text:
        host = urlsplit(uri).netloc.rpartition("@")[2]
        return (
            f"--tracking-uri must have a host name that the server allows, it does not allow {host}: start it with "
            f"mlflow server --allowed-hosts {host}"
        )
    if code in DENIED:
        return (
            f"--tracking-uri must be a server that lets this user in, {uri} does not ({DENIED[code]}): the environment "
            f"variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD hold the login"
        )
    if "not in a valid JSON format" in text or any(f"error code {status} " in text for status in (404, 405, 501)):
        return (
            f"--tracking-uri must be an MLflow server, {uri} does not answer as one: another server is there, or "
            f"MLflow has a --static-prefix, which belongs to its address"
        )
    return None
