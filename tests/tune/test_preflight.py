"""What a cluster has, and what its autoscaler can bring."""

import math
import os
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import ray
from ray.core.generated import autoscaler_pb2

from tune.options import Cluster, Options
from tune.preflight import Hardware, Node, check_tracking, chosen_resources, hardware
from tune.search import ray_runtime
from tune.study import StudyError


@pytest.fixture
def answering():
    """Starts a server on loopback that answers each path with a status, and tells where it is."""
    started = []

    def start(statuses):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(statuses[self.path.partition("?")[0]])
                self.end_headers()
                self.wfile.write(b"as nginx says it")

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_):
                pass

        started.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        Thread(target=started[-1].serve_forever, daemon=True).start()
        return f"127.0.0.1:{started[-1].server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


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


@pytest.mark.parametrize(("status", "is_refused"), [(401, True), (403, True), (404, False)])
def test_a_server_that_wants_another_login_is_refused(answering, status, is_refused):
    server = answering({"/health": 200, "/api/2.0/mlflow/experiments/search": status})
    refused = pytest.raises(StudyError, match="lets this user in, .* does not: .* MLFLOW_TRACKING_USERNAME and")
    with refused if is_refused else nullcontext():
        check_tracking(f"http://user:password@{server}", "studies")


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
