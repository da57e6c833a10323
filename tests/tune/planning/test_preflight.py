"""What a cluster has, and what its autoscaler can bring."""

import math
import os
from contextlib import nullcontext

import pytest
import ray
from mlflow.tracking._tracking_service.utils import _tracking_store_registry
from ray.core.generated import autoscaler_pb2

from tune.core.study import StudyError
from tune.engine.ray_tune import ray_runtime
from tune.planning.options import Cluster, Options, Records
from tune.planning.preflight import check_tracking, check_views, optuna_storage, tracking_uri
from tune.planning.resources import Hardware, Node, chosen_resources, hardware
from tune.services.databases import MLFLOW, check_usable


@pytest.fixture
def autoscaler(two_cpus):
    """Tells Ray of an autoscaler, as a cloud's does: up to three machines with 8 CPUs and 2 GPUs each."""
    config = autoscaler_pb2.ClusterConfig()
    group = config.node_group_configs.add(name="gpu", max_count=3)
    group.resources.update({"CPU": 8, "GPU": 2})
    client = ray._private.worker.global_worker.gcs_client
    client.report_cluster_config(config.SerializeToString())
    yield
    client.report_cluster_config(autoscaler_pb2.ClusterConfig().SerializeToString())


def resources(**cluster):
    return chosen_resources(Options(cluster=Cluster(**cluster)))


def test_a_cluster_has_what_its_nodes_have(two_cpus):
    assert (hardware().cpus, hardware().gpus) == (2, 1)
    assert resources().gpus == 0.25
    with pytest.raises(StudyError, match="must fit on one machine, got 8 and 0.25: .* with 2 CPUs and 1 GPUs"):
        resources(cpus_per_trial=8)


def test_machines_without_a_limit_to_their_number_have_no_less():
    unlimited = Hardware((Node(4, 0),), (Node(8, 0, math.inf), Node(8, 1, math.inf)))
    assert unlimited.gpus == unlimited.cpus == math.inf


def test_an_address_without_a_cluster_is_refused(monkeypatch):
    def init(**options):
        raise ConnectionError("ray cluster at 127.0.0.1:9 does not answer")

    monkeypatch.setattr("ray.init", init)
    refused = pytest.raises(StudyError, match="--address must be a running Ray cluster, 127.0.0.1:9 is none: ray clu")
    with refused, ray_runtime("127.0.0.1:9"):
        pass


def test_what_an_autoscaler_can_bring_counts_machine_by_machine(autoscaler):
    assert (hardware().cpus, hardware().gpus) == (24, 6)
    assert resources(cpus_per_trial=8, gpus_per_trial=2).gpus == 2
    with pytest.raises(StudyError, match="got 1 and 3: .* 2 CPUs and 1 GPUs; 8 CPUs and 2 GPUs"):
        resources(gpus_per_trial=3)


SEARCH = "/api/2.0/mlflow/experiments/search"
INVALID_HOST = (403, b"Invalid Host header - possible DNS rebinding attack detected")


@pytest.mark.parametrize(
    ("answer", "said"),
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
def test_a_server_that_is_not_mlflow_or_wants_another_login_or_name_is_refused(answering, answer, said):
    server = answering({"/health": (200, b"OK"), SEARCH: answer})
    with nullcontext() if said is None else pytest.raises(StudyError, match=said):
        check_tracking(f"http://user:password@{server}", "studies")
    check_tracking(f"http://user:password@{server}", "studies", given=False)


@pytest.mark.parametrize(
    ("address", "home", "given"), [(None, "nowhere", True), (None, ".", False), ("x:1", "nowhere", False)]
)
def test_ray_gets_a_token_where_no_home_could_keep_one(address, home, given, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")  # so that it is as before after the test
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("HOME", str(tmp_path / home))
    monkeypatch.setattr("ray.init", lambda **options: None)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    with ray_runtime(address):
        assert len(os.environ.get("RAY_AUTH_TOKEN", "")) == (32 if given else 0)


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
    for one in (server, without_health):
        with pytest.raises(StudyError, match=f"got the address of a page: give http://{one}$"):
            check_tracking(f"http://{one}/api/2.0/mlflow/runs/search", "studies")


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
    ("uri", "said"),
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
def test_an_address_that_can_be_none_is_refused_with_what_to_give(uri, said):
    with pytest.raises(StudyError, match=f"--tracking-uri .*{said}"):
        check_tracking(uri, "studies")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://mlflow:5000", "a server of MLflow's is given with --tracking-uri"),
        ("redis://host", "unknown scheme 'redis'"),
        ("optuna.db", "give sqlite:///optuna.db"),
        ("sqlite:////nowhere/optuna.db", "/nowhere is no folder"),
        ("postgresql://u:p@127.0.0.1:1/x", "must be a database that answers"),
        ("sqlite:///a.db", "must be another database than MLflow's"),
    ],
)
def test_an_address_for_optuna_is_looked_at_as_well(url, said):
    with pytest.raises(StudyError, match=f"--optuna-storage .*{said}"):
        check_views(Records("s", "studies", "sqlite:///a.db", url))


def test_what_was_not_given_is_not_refused(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
    check_views(Records("s", str(tmp_path)))
    check_views(Records("s", str(tmp_path), f"sqlite:///{tmp_path}/mlflow.db"))
