"""A head, worker nodes, PostgreSQL, MLflow behind its login, a bucket."""

import os
import signal
import subprocess
from contextlib import suppress

import pytest

from tests.cluster.parts import DEMO, Postgres, Proxy, RayCluster
from tests.support.disturbed import Server

NAME, PASSWORD = "researcher", "not a secret"


@pytest.fixture(scope="session", autouse=True)
def one_machine(tmp_path_factory):
    """The demo where it is at home, under way from the beginning; waits for it and tells its folder."""
    folder = tmp_path_factory.mktemp("one")
    with (folder / "log").open("w") as log:
        settings = os.environ | {"RAY_worker_niceness": "0"}
        process = subprocess.Popen(DEMO, cwd=folder, stdout=log, stderr=log, env=settings, start_new_session=True)

    def ended():
        assert process.wait(200) == 0, (folder / "log").read_text()
        return folder

    yield ended
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def postgres():
    one = Postgres()
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.fixture
def mlflow(postgres, bucket, tmp_path):
    """MLflow's server over PostgreSQL and the bucket, behind nginx; its address, which wants a login."""
    server = Server(tmp_path, postgres.uri, f"{bucket}/mlflow")
    server.start()
    proxy = Proxy(tmp_path, server.uri, NAME, PASSWORD)
    proxy.start()
    yield proxy.uri
    proxy.stop()
    server.kill()


@pytest.fixture(scope="session")
def login():
    """What clients of MLflow send, from the environment that all processes of the cluster have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_USERNAME", NAME)
        patch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
        yield


@pytest.fixture(scope="session")
def head(s3, login, tmp_path_factory):
    one = RayCluster(tmp_path_factory.mktemp("cluster"))
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.fixture
def cluster(head):
    """A head without worker nodes; those that a test adds go with it."""
    yield head
    head.clear()
