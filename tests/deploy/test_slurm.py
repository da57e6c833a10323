"""The Slurm script: what it does at each end of a search, where ray, srun and scontrol are played by short scripts."""

import os
import re
import signal
import subprocess
import time
from contextlib import suppress

import pytest
from ray.scripts.scripts import cli as ray_cli

from tests.deploy.manifests import DEPLOY, ROOT

SCRIPT = DEPLOY / "slurm/search.sbatch"
TEXT = SCRIPT.read_text()
DOCUMENTS = (DEPLOY / "README.md").read_text() + (ROOT / "docs/cluster.md").read_text()
TOLD = "[0/4 cells, time left unknown] grnn: running, epoch 1 of 40"
TRAINED = f'echo "{TOLD}"'
STOPPABLE = 'trap "exit 1" TERM; echo waits; while :; do sleep 0.05; done'
PLAYED = {
    "ray": "[ -z $NO_RAY ] || exit 1; echo \"ray start --address='127.0.0.1:1' Ray runtime started.\"; exec sleep 60",
    "python": 'echo "no Ray" >&2; exit ${BROKEN:-0}',
    "srun": 'while [[ $1 == --* ]]; do shift; done; exec "$@"',
    "scontrol": 'echo "scontrol $*"',
}
SLURM = {"SLURM_JOB_ID": "7", "SLURM_NNODES": "1", "SLURM_CPUS_ON_NODE": "1", "SLURMD_NODENAME": "n1"}


class Start:
    """The script as Slurm starts it, in a folder of its own, with a search that is a line for bash."""

    started = []

    def __init__(self, folder, *command, before="", starts="", **environment):
        for name in ("bin", "slurm-7"):
            (folder / name).mkdir(parents=True)
        (folder / "slurm-7/starts").write_text(starts)
        (folder / "log").write_text(before)
        for name, does in PLAYED.items():
            (folder / "bin" / name).write_text(f"#!/bin/bash\n{does}\n")
            (folder / "bin" / name).chmod(0o755)
        self.folder, self.log = folder, folder / "log"
        Start.started.append(self)
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                ["bash", SCRIPT, *command], cwd=folder, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | SLURM | {"FERNN_VENV": str(folder)} | environment,
            )  # fmt: skip

    def tell(self, send):
        """Send when the search says that it waits."""
        while "waits\n" not in self.log.read_text() and self.process.poll() is None:
            time.sleep(0.01)
        send(self.process.pid)

    def end(self):
        """The exit code and what was said."""
        return self.process.wait(60), self.log.read_text()


@pytest.fixture(autouse=True)
def all_end():
    """No process outlives its test, not even a failed one."""
    yield
    while Start.started:
        process = Start.started.pop().process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def warn(pid):
    os.kill(pid, signal.SIGUSR1)


def end(pid):
    os.killpg(pid, signal.SIGTERM)


def test_only_a_search_that_was_stopped_and_got_on_is_requeued(tmp_path):
    def search(name, line):
        return Start(tmp_path / name, "bash", "-c", line, "search", "--seeds", "0")

    ended = {code: search(str(code), f"{TRAINED}; exit {code}") for code in (1, 2, 3)}
    done, stopped = search("0", 'echo "$@"'), search("130", f"{TRAINED}; exit 130")
    warned, idle, killed = search("w", f"{TRAINED}; {STOPPABLE}"), search("i", STOPPABLE), search("k", STOPPABLE)
    warned.tell(warn), idle.tell(warn), killed.tell(end)
    for code, one in ended.items():
        assert_not_requeued(one, code, f"code {code}: not requeued")
    assert_not_requeued(idle, 1, "no epoch ended before the search was stopped: not requeued; give a longer --time")
    assert_not_requeued(killed, 1, "ended by Slurm; the same command goes on")
    for one, code in ((stopped, 130), (warned, 1)):
        found, said = one.end()
        assert found == code and "scontrol requeue 7\n" in said and said.endswith("stopped in order: requeued\n")
        assert (one.folder / "slurm-7").exists() and not (one.folder / "slurm-7/token").exists()
    found, said = done.end()
    assert (found, said) == (0, "--seeds 0 --address auto\nsearch.sbatch: job 7, start 1: the search has ended\n")
    assert not (done.folder / "slurm-7").exists()


def assert_not_requeued(one, code, reason):
    found, said = one.end()
    assert found == code and "scontrol" not in said and said.endswith(f"{reason}\n"), said


def test_what_cannot_start_is_told_in_a_line_and_not_requeued(tmp_path):
    one = Start(tmp_path / "broken", "true", BROKEN="1")
    none = Start(tmp_path / "none")
    idle, busy = (
        Start(tmp_path / name, "true", before=f"{TOLD}\n" * 3, starts=starts, SLURM_RESTART_COUNT="3")
        for name, starts in (("idle", "1\n3\n3\n3\n"), ("busy", "1\n2\n2\n2\n"))
    )
    code, said = one.end()
    assert code == 2 and said == (
        f"error: node n1 cannot use the environment {tmp_path}/broken (no Ray): run make setup on such a node, "
        "or name another folder by FERNN_VENV\n"
    )
    assert_not_requeued(none, 2, "no search is named: sbatch deploy/slurm/search.sbatch python tune/kth_search.py ...")
    assert_not_requeued(
        idle, 1, "no epoch ended in the last three starts, so there is no fourth: look at what stands above"
    )
    assert busy.end()[0] == 0
    code, said = Start(tmp_path / "no-ray", "true", NO_RAY="1").end()
    assert code == 1 and said.startswith("scontrol requeue 7\n") and said.endswith("/head.log says why: requeued\n")


def test_the_script_is_bash_and_starts_ray_with_options_that_it_has():
    assert subprocess.run(["bash", "-n", SCRIPT], capture_output=True, text=True).stderr == ""
    known = {option for parameter in ray_cli.commands["start"].params for option in parameter.opts}
    starts = [line for line in TEXT.replace("\\\n", " ").splitlines() if re.search("ray start --b|ray_node --", line)]
    given = set(re.findall(r" (--[a-z][\w-]+)", " ".join(line[line.index("ray") :] for line in starts)))
    assert len(starts) == 3 and {"--head", "--address"} < given <= known


def test_documents_name_what_is_there():
    for name in ("FERNN_VENV", "--signal=B:USR1@120", "--address auto", "slurm-$SLURM_JOB_ID"):
        assert name in TEXT and name.replace("$SLURM_JOB_ID", "JOB") in DOCUMENTS
    assert set(re.findall(r"\S+\.sbatch\b", DOCUMENTS)) == {
        "deploy/slurm/search.sbatch",
        "[slurm/search.sbatch](slurm/search.sbatch",
    }
    assert {
        path for path in re.findall(r"(?:tune|deploy|data)/[\w/]+\.\w+", TEXT) if not (ROOT / path).exists()
    } == set()
