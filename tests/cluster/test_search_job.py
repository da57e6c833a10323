"""The demo's study, six of its epochs, as a job of a cluster whose nodes are lost, added and drained."""

import json
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from data.bucket import upload
from tests.cluster.parts import DEMO, node_of, wait_for
from tests.support.disturbed import contents, contents_of
from tune import report
from tune.core.folder import Folder

pytestmark = pytest.mark.cluster
STUDY = "kth-demo"
JOB = "demo"


class Job:
    """The study in the bucket, the cluster on which it is trained, and what its driver says."""

    def __init__(self, cluster, home):
        self.cluster, self.home = cluster, home

    def submit(self, *options, **environment):
        told = ["--address", self.cluster.dashboard, "--submission-id", JOB, "--no-wait"]
        return self.cluster.ray("job", "submit", *told, "--", *DEMO, *options, **environment)

    def status(self):
        return self.cluster.ask(f"api/jobs/{JOB}")["status"]

    def log(self):
        return self.cluster.ray("job", "logs", JOB, "--address", self.cluster.dashboard, check=False).stdout

    def events(self):
        return [json.loads(line) for line in self.log().splitlines() if line.startswith('{"event"')]

    def at_work(self):
        """The nodes on which cells are trained."""
        found = set()
        for name in self.home.children("cells"):
            cell = self.home / f"cells/{name}"
            attempt = None if cell.has("done.json") else cell.read_json("attempt.json")
            found.add(node_of(attempt["pid"]) if attempt else None)
        return found - {None}

    def wait(self, what, seconds):
        """Until it is so, or the job ends by itself."""

        def so_or_over():
            return what() or self.status() in ("FAILED", "STOPPED", "SUCCEEDED")

        so_or_over.__doc__ = what.__doc__
        wait_for(so_or_over, seconds, self.log)
        assert what(), self.log()


def exported(cluster):
    """The lines that operators' Prometheus would read from all nodes."""
    places = json.loads((Path(cluster.sessions) / "prom_metrics_service_discovery.json").read_text())
    lines = []
    for target in [target for place in places for target in place["targets"]]:
        try:
            lines += urllib.request.urlopen(f"http://{target}/metrics", timeout=5).read().decode().splitlines()
        except OSError:  # of a node that was lost
            continue
    return [line for line in lines if line.startswith("ray_fernn_")]


def test_the_demo_as_a_job_is_the_demo_on_one_machine(one_machine, cluster, mlflow, postgres, bucket, capsys):
    """One node is killed, another is added, and one is drained, while eight cells are trained on two CPUs."""
    alone, began = one_machine(), time.monotonic()
    first, second = cluster.add(), cluster.add()
    data = upload(alone / "datasets/kth-demo/16px", f"{bucket}/kth")
    job = Job(cluster, Folder(f"{bucket}/studies/{STUDY}"))
    where = ["--data", data, "--storage", f"{bucket}/studies"]
    where += ["--tracking-uri", mlflow, "--optuna-storage", postgres.optuna_uri]
    check_doors(cluster, job)
    job.submit("--address", "auto", *where)
    job.wait(lambda: job.at_work() == {first.address, second.address}, 90)
    said("both nodes train", began)
    first.kill()
    third = cluster.add()
    job.wait(lambda: third.address in job.at_work(), 60)
    said("a node was killed, and the one that came trains", began)
    fourth = cluster.add()
    cluster.drain(second, 5)
    job.wait(lambda: fourth.address in job.at_work(), 60)
    second.kill()
    seen = exported(cluster)
    said("a node was drained, and another trains", began)
    job.wait(lambda: job.status() == "SUCCEEDED", 180)
    said("the job is done", began)
    check_study(job, alone, capsys)
    check_records(postgres, bucket)
    check_metrics(seen)


def said(text, began):
    print(f"{text}: {time.monotonic() - began:.0f} s", file=sys.__stderr__, flush=True)


def check_doors(cluster, job):
    """Without the token nobody gets a job in."""
    told, without = ("job", "submit", "--address", cluster.dashboard, "--", "true"), {"RAY_AUTH_MODE": "disabled"}
    refused = cluster.ray(*told, check=False, RAY_AUTH_TOKEN_PATH="/none", **without)
    assert refused.returncode != 0 and "token" in refused.stdout, refused.stdout
    body = json.dumps({"entrypoint": "true"}).encode()
    request = urllib.request.Request(f"{cluster.dashboard}/api/jobs/", body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request)
    request.add_header("Authorization", "Bearer wrong")
    with pytest.raises(urllib.error.HTTPError, match="40[13]"):
        urllib.request.urlopen(request)


def check_study(job, one_machine, capsys):
    """The same cells, bit for bit, the same table, and no cell that failed on its way."""
    assert contents_of(job.home) == contents(one_machine, STUDY)
    tables, _ = [], capsys.readouterr()
    for storage in (one_machine / "studies", job.home.root.rpartition("/")[0]):
        assert report.main(report.Options(STUDY, storage=str(storage), json=True)) == 0
        tables.append(json.loads(capsys.readouterr().out)["rows"])
    assert tables[0] == tables[1] and len(tables[0]) == 2
    told = Counter(event["event"] for event in job.events())
    assert told["lost"] >= 2 and not told["failed"], told


def check_records(postgres, bucket):
    """Every run once and finished, its artifacts in the bucket; Optuna's study in the same PostgreSQL."""
    runs = postgres.rows("select name, status from runs where lifecycle_stage = 'active'")
    assert len({name for name, _ in runs}) == len(runs) == 1 + 2 + 4 + 8
    assert {status for _, status in runs} == {"FINISHED"}
    steps = postgres.rows("select count(*) from metrics group by run_uuid, key, step")
    assert set(steps) == {(1,)}
    assert Folder(f"{bucket}/mlflow").num_bytes() > 100_000
    assert postgres.rows("select count(*) from trials where state = 'COMPLETE'", postgres.optuna_uri) == [(4,)]


def check_metrics(lines):
    """What the head's endpoint shows of the study."""
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def of(name, **labels):
        return [
            value
            for key, value in values.items()
            if key.startswith(f"ray_{name}{{") and all(f'{k}="{v}"' in key for k, v in labels.items())
        ]

    assert sum(of("fernn_cells", study=STUDY)) == 8 and of("fernn_cells", status="running")[0] >= 1
    assert of("fernn_trials_total", outcome="lost")[0] >= 1
    assert sum(of("fernn_clips_total")) > 1000 and max(of("fernn_clips_per_second")) > 10
    assert max(of("fernn_trial_memory_bytes", device="cpu")) > 1e8
    assert time.time() - of("fernn_driver_heartbeat_timestamp_seconds")[0] < 600
