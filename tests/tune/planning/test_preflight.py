"""Addresses of views before a search starts: what is refused, and what the message says."""

from contextlib import nullcontext

import pytest
from mlflow.tracking._tracking_service.utils import _tracking_store_registry

from tune.core.study import StudyError
from tune.planning.options import Records
from tune.planning.preflight import check_tracking, check_views, optuna_storage, tracking_uri
from tune.services.databases import MLFLOW, check_usable

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
        check_tracking(f"http://user:password@{server}", "studies")
    check_tracking(f"http://user:password@{server}", "studies", given=False)


@pytest.mark.parametrize("status", [401, 403])
def test_a_proxy_that_wants_a_login_for_everything_is_told_as_one(answering, status):
    server = answering({"/health": (status, b""), SEARCH: (status, b"")})
    with pytest.raises(StudyError, match=f"lets this user in, .* does not .{status}."):
        check_tracking(f"http://{server}", "studies")


def test_a_static_prefix_belongs_to_the_address(answering):
    paths = {"/mlflow/health": (200, b"OK"), f"/mlflow{SEARCH}": (200, b"{}")}
    server = answering(paths)
    check_tracking(f"http://{server}/mlflow/", "studies")
    with pytest.raises(StudyError, match=f"answers 404 .*: MLflow is at http://{server}/mlflow$"):
        check_tracking(f"http://{server}", "studies")
    with pytest.raises(StudyError, match="another server is there, or MLflow has a --static-prefix"):
        check_tracking(f"http://{answering({})}", "studies")
    root = answering({"/health": (200, b"OK")})
    with pytest.raises(StudyError, match=f"MLflow is at http://{root}$"):
        check_tracking(f"http://{root}/experiments/3", "studies")


def test_a_server_that_speaks_otherwise_or_not_at_all(answering):
    server = answering({"/health": (502, b"")})
    with pytest.raises(StudyError, match=f"it speaks http, not https: give http://{server}"):
        check_tracking(f"https://{server}", "studies")
    with pytest.raises(StudyError, match="answers 502 .Bad Gateway.: the server is ill, or away"):
        check_tracking(f"http://{server}", "studies")
    with pytest.raises(StudyError, match="does not .nothing listens there.: start it"):
        check_tracking("http://127.0.0.1:9", "studies")
    with pytest.raises(StudyError, match="the name no-such-host.invalid is not known here"):
        check_tracking("http://no-such-host.invalid:5000", "studies")


def test_a_server_that_speaks_https_is_told_as_one(answering, tls):
    server = answering({"/health": (200, b"OK")}, tls=tls)
    with pytest.raises(StudyError, match=f"it speaks https: give https://{server}"):
        check_tracking(f"http://{server}", "studies")
    with pytest.raises(StudyError, match="its certificate is not trusted: .* REQUESTS_CA_BUNDLE"):
        check_tracking(f"https://{server}", "studies")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize(
    "variable", ["REQUESTS_CA_BUNDLE", "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_INSECURE_TLS"]
)
def test_a_certificate_of_ones_own_is_trusted_as_mlflow_does(answering, tls, monkeypatch, variable):
    monkeypatch.setenv(variable, "true" if variable.endswith("TLS") else str(tls))
    server = answering({"/health": (200, b"OK"), SEARCH: (200, b"{}")}, tls=tls)
    check_tracking(f"https://{server}", "studies")


def test_a_proxy_may_have_mlflow_at_any_path_and_pass_its_calls_alone(answering):
    paths = ["", "/health/mlflow", "/version/x", "/api/2.0/mlflow", "/graphql"]
    calls = {f"{path}{SEARCH}": (200, b"{}") for path in paths}
    server = answering({**calls, **{f"{path}/health": (200, b"OK") for path in paths}})
    without_health = answering(calls)
    for path in paths:
        check_tracking(f"HTTP://{server}{path}", "studies")
        check_tracking(f"http://{without_health}{path}", "studies")
    for address in (server, without_health):
        with pytest.raises(StudyError, match=f"got the address of a page: give http://{address}$"):
            check_tracking(f"http://{address}/api/2.0/mlflow/runs/search", "studies")


@pytest.mark.parametrize("uri", ["databricks", "databricks://profile"])
def test_what_mlflow_reaches_in_its_own_way_is_no_database(uri):
    check_tracking(uri, "studies")
    check_usable(MLFLOW, uri)


def test_a_plugin_of_mlflows_that_is_installed_is_used(monkeypatch):
    uri = "arn:aws:sagemaker:us-east-1:1:mlflow-tracking-server/x"
    with pytest.raises(StudyError, match="plugin for it is not installed: pip install sagemaker-mlflow$"):
        check_tracking(uri, "studies")
    monkeypatch.setitem(_tracking_store_registry._registry, "arn", None)
    check_tracking(uri, "studies")


def test_schemes_are_compared_in_lower_case():
    records = Records("s", "studies", "HTTP://Host:1/Path", "SQLite:///A.db")
    assert (tracking_uri(records), optuna_storage(records)) == ("http://Host:1/Path", "sqlite:///A.db")


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://mlflow:5000/#/experiments/3", "give http://mlflow:5000$"),
        ("http://mlflow:5000#/experiments/3/runs?x=1", "give http://mlflow:5000$"),
        ("https://mlflow/prefix/#/models", "give https://mlflow/prefix$"),
        ("http://mlflow/ajax-api/2.0/mlflow/runs/search", "give http://mlflow$"),
        ("http://mlflow:5000/?token=1", "give http://mlflow:5000$"),
        ("http://mlflow:99999", "must be as http://HOST:PORT"),
        ("http:/mlflow:5000", "must be as http://HOST:PORT"),
        ("htp://mlflow:5000", "unknown scheme 'htp': did you mean 'http'"),
        ("databricks-uc://profile", "unknown scheme 'databricks-uc'"),
        ("azureml://eastus.api.azureml.ms/mlflow", "pip install azureml-mlflow"),
        ("mlflow:5000", "give http://mlflow:5000$"),
        ("127.0.0.1:5000", "give http://127.0.0.1:5000$"),
        ("file:///data/mlruns", "no longer in folders; for a file, give sqlite:////data/mlruns/NAME.db"),
        ("/data/mlflow.db", "'/data/mlflow.db': for a file, give sqlite:////data/mlflow.db"),
        ("mlruns", "no longer in folders"),
        ("", "must be as http://HOST:PORT"),
        ("sqlite:mlflow.db", "must be as sqlite:///FILE"),
        ("sqlite://mlflow.db", "must name a file, as sqlite:///FILE"),
        ("sqlite:///:memory:", "must name a file, as sqlite:///FILE"),
        ("postgres://u:p@h/x", "give postgresql://u:p@h/x"),
        ("postgresql://u:p@127.0.0.1:1/x", "must be a database that answers and lets this user in"),
    ],
)
def test_an_address_that_can_be_none_is_refused_with_what_to_give(uri, reason):
    with pytest.raises(StudyError, match=f"--tracking-uri .*{reason}"):
        check_tracking(uri, "studies")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://mlflow:5000", "a server of MLflow's is given with --tracking-uri"),
        ("redis://host", "unknown scheme 'redis'"),
        ("optuna.db", "give sqlite:///optuna.db"),
        ("sqlite:////nowhere/optuna.db", "/nowhere is no folder"),
        ("postgresql://u:p@127.0.0.1:1/x", "must be a database that answers"),
        ("sqlite:///a.db", "must be another database than MLflow's"),
    ],
)
def test_an_address_for_optuna_is_looked_at_as_well(url, reason):
    with pytest.raises(StudyError, match=f"--optuna-storage .*{reason}"):
        check_views(Records("s", "studies", "sqlite:///a.db", url))


def test_what_was_not_given_is_not_refused(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
    check_views(Records("s", str(tmp_path)))
    check_views(Records("s", str(tmp_path), f"sqlite:///{tmp_path}/mlflow.db"))
