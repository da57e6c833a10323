"""The script of deploy/slurm under Slurm's own daemons: a search goes on over a time limit and a preemption."""

import json
import re
import shlex
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.parts import BIN, wait_for
from tests.slurm.conftest import GRID
from tests.support.disturbed import ROOT, STUDY, TINY, contents
from tune import report

pytestmark = pytest.mark.slurm
ONE_CPU = ["--cpus-per-task=1", "--time=60"]


@pytest.fixture
def command(prepared):
    return ["python", ROOT / "tune/kth_search.py", "--data", prepared, *TINY, *GRID]


def epochs(job):
    return [(event["cell"], event["epoch"]) for event in job.events() if event["event"] == "epoch"]


def said(job, text, began):
    print(f"{text}: {time.monotonic() - began:.0f} s", file=sys.__stderr__, flush=True)
    print(job.slurm.run("squeue", "--format=%i %P %j %T %r %M %D %N"), file=sys.__stderr__, flush=True)


def table(folder, capsys):
    """The study's table, as the report has it."""
    capsys.readouterr()
    assert report.main(report.Options(STUDY, storage=str(folder / "studies"), json=True)) == 0
    return json.loads(capsys.readouterr().out)["rows"]


def test_a_search_that_is_preempted_twice_ends_as_an_unbroken_one(slurm, unbroken, command, tmp_path, capsys):
    """Once Slurm warns before the time limit, and once it takes the node for a job of more weight."""
    began = time.monotonic()
    job = slurm.submit(tmp_path / "job", *command, options=[*ONE_CPU, "--nodelist=one"])
    job.wait(lambda: epochs(job))
    said(job, "the first start trains", began)
    job.update(TimeLimit=int(time.monotonic() - began) // 60 + 2)  # less than 120 seconds from now: Slurm warns
    job.wait(lambda: "stopped in order: requeued" in job.log())
    said(job, "warned and requeued", began)
    before = epochs(job)
    job.update(TimeLimit=60)
    job.wait(lambda: len(epochs(job)) > len(before))
    said(job, "the second start trains", began)
    assert len(set(epochs(job))) == len(epochs(job))  # after a stop in order, no epoch is trained again
    slurm.run("sbatch", "--partition=urgent", "--nodelist=one", "--exclusive", "--output=/dev/null", "--wrap=true")
    job.wait(lambda: "DUE TO PREEMPTION" in job.log() and job.restarts >= 2)
    said(job, "preempted", began)
    before = epochs(job)
    job.wait(lambda: len(epochs(job)) > len(before))
    said(job, "the third start trains", began)
    job.wait(lambda: job.state == "COMPLETED")
    said(job, "the search has ended", began)
    print(job.log(), job.facts())
    assert job.facts()["ExitCode"] == "0:0"
    assert contents(job.folder) == contents(unbroken)
    assert table(job.folder, capsys) == table(unbroken, capsys)
    assert not list(job.folder.glob("slurm-*")) and not list(Path("/tmp").glob(f"ray-{job.number}-*"))


def test_a_search_on_two_nodes_shares_one_with_another_that_is_cancelled(slurm, unbroken, command, tmp_path):
    """Two jobs of Ray on one node do not meet, whoever has no token is kept out, and scancel leaves nothing."""
    began = time.monotonic()
    small = slurm.submit(tmp_path / "small", *command[:-1], "4000", options=[*ONE_CPU, "--nodelist=one"])
    small.wait(lambda: epochs(small))
    large = slurm.submit(tmp_path / "large", *command, options=[*ONE_CPU, "--nodes=2", "--gpus-per-node=2"])
    large.wait(lambda: {"one", "two"} <= nodes_at_work(large))
    said(large, "both nodes train", began)
    assert large.state == small.state == "RUNNING"
    assert gpus(large) == {("one", "0,1"), ("two", "0,1")}
    check_doors(large)
    slurm.run("scancel", small.number)
    wait_for(lambda: small.state == "CANCELLED" and not small.processes(), 120, small.log)
    said(small, "the small one was cancelled", began)
    large.wait(lambda: large.state == "COMPLETED")
    said(large, "the large one has ended", began)
    assert contents(large.folder) == contents(unbroken)
    wait_for(lambda: not large.processes(), 60)


def nodes_at_work(job):
    """The nodes on which cells are trained."""
    attempts = job.folder.glob(f"studies/{STUDY}/cells/*/attempt.json")
    processes = job.processes()
    return {processes.get(json.loads(path.read_text())["pid"], {}).get("SLURMD_NODENAME") for path in attempts}


def gpus(job):
    """The GPUs that Slurm names to each node's Ray, by node."""
    raylets = [words for words in job.processes().values() if words["comm"] == "raylet"]
    return {(words["SLURMD_NODENAME"], words.get("CUDA_VISIBLE_DEVICES")) for words in raylets}


def check_doors(job):
    """The token is the user's alone; without it Ray does not answer."""
    work = job.folder / f"slurm-{job.number}"
    assert stat.S_IMODE((work / "token").stat().st_mode) == 0o600 and stat.S_IMODE(work.stat().st_mode) == 0o700
    (address,) = {
        word.split("'")[1] for word in (work / "head.log").read_text().split() if word.startswith("--address=")
    }
    asked = [BIN / "ray", "status", "--address", address]
    tokens = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(work / "token")}
    assert subprocess.run(asked, env=job.slurm.environment | tokens, capture_output=True).returncode == 0
    wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
    for other in (wrong, {"RAY_AUTH_MODE": "disabled"}):
        refused = subprocess.run(asked, env=job.slurm.environment | other, capture_output=True, text=True)
        assert refused.returncode != 0 and "uthenti" in refused.stderr + refused.stdout, refused


def test_slurm_takes_the_jobs_that_documents_submit(slurm):
    documents = [(ROOT / name).read_text() for name in ("deploy/README.md", "docs/cluster.md")]
    found = [line for text in documents for line in re.findall(r"^sbatch (.*?[^\\])$", text, re.MULTILINE | re.DOTALL)]
    assert len(found) == 2
    for line in found:
        words = shlex.split(line.replace("\\\n", " "))
        assert "to start at" in slurm.run("sbatch", "--test-only", *words, cwd=ROOT)


def test_a_search_that_is_refused_is_not_put_back(slurm, command, tmp_path):
    job = slurm.submit(tmp_path / "job", *command, "--models", "none-such", options=["--cpus-per-task=2"])
    job.wait(lambda: job.state == "FAILED")
    assert job.facts()["ExitCode"] == "2:0" and job.restarts == 0
    assert "the search ended with code 2: not requeued" in job.log() and "none-such" in job.log()
