"""What every test may use."""

import logging
import uuid
from pathlib import Path

import pytest
import ray
import torch

from data.kth.demo import DemoConfig, render
from data.kth.prepare import PrepareConfig, prepare

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def named_seed():
    """Whatever a test draws, it draws again the next time, in any order of the tests."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def golden_folder():
    """Numbers from the published code."""
    return HERE / "golden"


@pytest.fixture(scope="session")
def two_cpus():
    """A local Ray with two CPUs, and a GPU that the machine need not have: Ray hands out its parts all the same."""
    ray.shutdown()  # of a test that read a data set without this fixture
    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=1,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    yield
    ray.shutdown()


@pytest.fixture
def without_ray(monkeypatch):
    """Searches count two CPUs and no GPU, and do not start Ray: a test that trains asks for ``two_cpus`` as well."""
    from tune.planning.resources import Hardware, Node

    monkeypatch.setattr("ray.init", lambda **options: None)
    monkeypatch.setattr("ray.shutdown", lambda: None)  # other tests' Ray lives in this process
    for module in ("commands.search", "engine.cost", "planning.resources"):
        monkeypatch.setattr(f"tune.{module}.hardware", lambda: Hardware((Node(cpus=2, gpus=0),)))
    monkeypatch.setattr("tune.engine.cost.measured", lambda *_: (0.1, 1000))
    monkeypatch.setattr("tune.engine.cost.training_work", lambda _: None)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A data folder of 8x8 clips of 22 rendered persons, one range each."""
    folder = tmp_path_factory.mktemp("kth")
    render(DemoConfig(folder / "videos", persons=22, ranges=1, frames=33))
    prepare(PrepareConfig(folder, folder / "videos", size=8))
    return folder


@pytest.fixture(scope="session")
def s3():
    """The address of an S3-compatible server, with one bucket; its environment reaches child processes."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"), ("DEFAULT_REGION", "us-east-1")):
            patch.setenv(f"AWS_{name}", value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield
    server.stop()


@pytest.fixture
def bucket(s3):
    """A URL in the bucket below which there is nothing yet."""
    return f"s3://bucket/{uuid.uuid4().hex}"
