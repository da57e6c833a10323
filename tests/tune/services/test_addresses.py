"""Addresses of servers and databases: what answers as MLflow is accepted, all else is refused with what to give."""

from contextlib import nullcontext

import pytest

from tune.core.study import StudyError
from tune.services.addresses import check_database, check_scheme, check_server, normalized, page_of
from tune.services.databases import MLFLOW, OPTUNA

SEARCH = "/api/2.0/mlflow/experiments/search"
INVALID_HOST = (403, b"Invalid Host header - possible DNS rebinding attack detected")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, b""), "lets this user in, .* does not .401.: .* MLFLOW_TRACKING_USERNAME and"),
        ((403, b""), "lets this user in, .* does not .403.: .* MLFLOW_TRACKING_USERNAME and"),
        (INVALID_HOST, r"does not allow 127.0.0.1:\d+: start it with mlflow server --allowed-hosts 127.0.0.1:\d+$"),
        ((404, b""), "must be an MLflow server, .* another server is there"),
        ((200, b"<html></html>"), "must be an MLflow server, .* another server is there"),
        ((500, b"ill"), None),
        ((502, b"<html></html>"), None),
        ((200, b"{}"), None),
    ],
)
def test_a_server_that_is_not_mlflow_or_wants_another_login_or_name_is_refused(answering, answer, reason):
    server = answering({"/health": (200, b"OK"), SEARCH: answer})
    with nullcontext() if reason is None else pytest.raises(StudyError, match=reason):
        check_server(f"http://user:password@{server}")


@pytest.mark.parametrize("status", [401, 403])
def test_a_proxy_that_wants_a_login_for_everything_is_told_as_one(answering, status):
    server = answering({"/health": (status, b""), SEARCH: (status, b"")})
    with pytest.raises(StudyError, match=f"lets this user in, .* does not .{status}."):
        check_server(f"http://{server}")


def test_a_static_prefix_belongs_to_the_address(answering):
    paths = {"/mlflow/health": (200, b"OK"), f"/mlflow{SEARCH}": (200, b"{}")}
    server = answering(paths)
    check_server(f"http://{server}/mlflow/")
    with pytest.raises(StudyError, match=f"answers 404 .*: MLflow is at http://{server}/mlflow$"):
        check_server(f"http://{server}")
    with pytest.raises(StudyError, match="another server is there, or MLflow has a --static-prefix"):
        check_server(f"http://{answering({})}")
    root = answering({"/health": (200, b"OK")})
    with pytest.raises(StudyError, match=f"MLflow is at http://{root}$"):
        check_server(f"http://{root}/experiments/3")


def test_a_server_that_speaks_otherwise_or_not_at_all(answering):
    server = answering({"/health": (502, b"")})
    with pytest.raises(StudyError, match=f"it speaks http, not https: give http://{server}"):
        check_server(f"https://{server}")
    with pytest.raises(StudyError, match="answers 502 .Bad Gateway.: the server is ill, or away"):
        check_server(f"http://{server}")
    with pytest.raises(StudyError, match="does not .nothing listens there.: start it"):
        check_server("http://127.0.0.1:9")
    with pytest.raises(StudyError, match="the name no-such-host.invalid is not known here"):
        check_server("http://no-such-host.invalid:5000")


def test_a_server_that_speaks_https_is_told_as_one(answering, tls):
    server = answering({"/health": (200, b"OK")}, tls=tls)
    with pytest.raises(StudyError, match=f"it speaks https: give https://{server}"):
        check_server(f"http://{server}")
    with pytest.raises(StudyError, match="its certificate is not trusted: .* REQUESTS_CA_BUNDLE"):
        check_server(f"https://{server}")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize(
    "variable", ["REQUESTS_CA_BUNDLE", "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_INSECURE_TLS"]
)
def test_a_certificate_of_ones_own_is_trusted_as_mlflow_does(answering, tls, monkeypatch, variable):
    monkeypatch.setenv(variable, "true" if variable.endswith("TLS") else str(tls))
    server = answering({"/health": (200, b"OK"), SEARCH: (200, b"{}")}, tls=tls)
    check_server(f"https://{server}")


def test_a_proxy_may_have_mlflow_at_any_path_and_pass_its_calls_alone(answering):
    paths = ["", "/health/mlflow", "/version/x", "/api/2.0/mlflow", "/graphql"]
    calls = {f"{path}{SEARCH}": (200, b"{}") for path in paths}
    server = answering({**calls, **{f"{path}/health": (200, b"OK") for path in paths}})
    without_health = answering(calls)
    for path in paths:
        check_server(normalized(f"HTTP://{server}{path}"))
        check_server(f"http://{without_health}{path}")
    for address in (server, without_health):
        with pytest.raises(StudyError, match=f"got the address of a page: give http://{address}$"):
            check_server(f"http://{address}/api/2.0/mlflow/runs/search")


@pytest.mark.parametrize(
    ("uri", "server"),
    [
        ("http://host:5000/#/experiments/3", "http://host:5000"),
        ("https://host/prefix/ajax-api/2.0/mlflow", "https://host/prefix"),
        ("http://host/?token=1", "http://host"),
        ("http://host/experiments", None),
    ],
)
def test_the_address_of_a_page_is_told_from_a_servers(uri, server):
    assert page_of(uri).endswith(f"give {server}") if server else page_of(uri) == ""


def test_only_mlflow_has_servers():
    check_scheme("--tracking-uri", "http://host", ("http", "https"))
    check_scheme("--optuna-storage", "postgresql+psycopg://host/x")
    with pytest.raises(StudyError, match="a server of MLflow's is given with --tracking-uri"):
        check_scheme("--optuna-storage", "http://host")
    assert normalized("SQLite:///A.db") == "sqlite:///A.db" and normalized("mlruns") == "mlruns"


def test_mlflow_makes_a_missing_folder_and_optuna_does_not(tmp_path):
    uri = f"sqlite:///{tmp_path}/new/x.db"
    check_database("--tracking-uri", MLFLOW, uri)
    with pytest.raises(StudyError, match="--optuna-storage must be a file in a folder that is there"):
        check_database("--optuna-storage", OPTUNA, uri)
