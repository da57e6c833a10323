"""Slurm's own daemons on this machine: munged, slurmctld, and a slurmd for each of two nodes.

The nodes claim 16 CPUs and 4 GPUs each, whatever the machine has.
"""

import getpass
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.cluster.parts import free_port, wait_for
from tests.support.disturbed import ROOT

NODES = ("one", "two")
SCRIPT = ROOT / "deploy/slurm/search.sbatch"
CONFIGURATION = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket,cred_expire=5
StateSaveLocation={home}/state
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd-%n.pid
SlurmdSpoolDir={home}/spool-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
PartitionName=gpu Nodes=ALL Default=YES PriorityTier=1
PartitionName=urgent Nodes=ALL PriorityTier=2
"""
"""A job that Slurm has put back waits for as long as credentials of its last start hold, here 5 seconds, not 120."""
NODE = "NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=16 Gres=gpu:4\n"
GPUS = "Name=gpu File=/dev/tty[0-3]\n"
"""Devices that every machine has: Slurm hands them out by number, and nobody opens them."""


def program(name):
    """Where Debian's packages put it."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"{name} is missing: apt-get install slurm-wlm munge"
    return found


class Slurm:
    """A Slurm of two nodes, and its commands."""

    def __init__(self):
        self.home, self.daemons = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp")), []
        words = {"home": self.home, "user": getpass.getuser(), "port": free_port()}
        nodes = [NODE.format(name=name, port=free_port()) for name in NODES]
        (self.home / "slurm.conf").write_text("".join(nodes) + CONFIGURATION.format(**words))
        (self.home / "gres.conf").write_text(GPUS)
        (self.home / "key").write_bytes(os.urandom(128))
        (self.home / "key").chmod(0o600)
        (self.home / "state").mkdir()
        self.environment = {**os.environ, "SLURM_CONF": str(self.home / "slurm.conf")}

    def start(self):
        files = {"key-file": "key", "socket": "munge.socket", "pid-file": "munge.pid"}
        files |= {"log-file": "munge.log", "seed-file": "munge.seed"}
        self._start("munged", "--foreground", "--force", *(f"--{name}={self.home / files[name]}" for name in files))
        wait_for((self.home / "munge.socket").exists, 30)
        self._start("slurmctld", "-D")
        for name in NODES:
            self._start("slurmd", "-D", "-N", name)
        wait_for(self.is_up, 60, lambda: self.run("sinfo", check=False))

    def is_up(self):
        """both nodes are idle"""
        return self.run("sinfo", "--noheader", "--format=%T %D", "--partition=gpu", check=False) == "idle 2"

    def stop(self):
        """End all jobs with what they have started, then the daemons."""
        self.run("scancel", "--user", getpass.getuser(), check=False)
        with suppress(AssertionError):
            wait_for(lambda: not self.run("squeue", "--noheader", check=False), 60)
        for daemon in reversed(self.daemons):
            with suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.home, ignore_errors=True)

    def processes(self, **variables):
        """The environments of processes that jobs have started, by pid, each with the process's name as ``comm``."""
        mine, found = {"SLURM_CONF": self.environment["SLURM_CONF"], **variables}, {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                pairs = (process / "environ").read_bytes().decode(errors="replace").split("\0")
                words = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
                if mine.items() <= words.items():
                    found[int(process.name)] = words | {"comm": (process / "comm").read_text().strip()}
        return found

    def run(self, name, *words, check=True, cwd=None, **environment):
        """What a command of Slurm says."""
        found = subprocess.run(
            [program(name), *map(str, words)], env=self.environment | environment, cwd=cwd, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert not check or found.returncode == 0, found.stdout
        return found.stdout.strip()

    def submit(self, folder, *words, options=(), **environment):
        """The command as a job by the script of deploy/, in the folder."""
        folder.mkdir(exist_ok=True)
        mine = {"FERNN_VENV": sys.prefix, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
        told = ["--parsable", "--output", folder / "log", *options, SCRIPT, *words]
        return Job(self, folder, self.run("sbatch", *told, cwd=folder, **mine))

    def _start(self, name, *words):
        with (self.home / f"{name}.log").open("a") as log:
            command = [program(name), *map(str, words)]
            self.daemons.append(
                subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, start_new_session=True)
            )


class Job:
    """A job of the script, and what it has said."""

    def __init__(self, slurm, folder, number):
        self.slurm, self.folder, self.number = slurm, folder, number

    def facts(self):
        """What Slurm knows of it."""
        pairs = self.slurm.run("scontrol", "--oneliner", "show", "job", self.number).split()
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    @property
    def restarts(self):
        return int(self.facts()["Restarts"])

    @property
    def state(self):
        return self.facts()["JobState"]

    def update(self, **fields):
        self.slurm.run("scontrol", "update", f"JobId={self.number}", *(f"{name}={fields[name]}" for name in fields))

    def log(self):
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def events(self):
        """What the search has said; a killed one may leave half a line."""
        found = []
        for line in self.log().splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return found

    def wait(self, what, seconds=600):
        """Until it is so; fails where the job ends before."""

        def so_or_over():
            return what() or self.state in ("CANCELLED", "COMPLETED", "FAILED", "NODE_FAIL", "TIMEOUT")

        wait_for(so_or_over, seconds, self.log)
        assert what(), self.log()

    def processes(self):
        """What the job has started, see :meth:`Slurm.processes`."""
        return self.slurm.processes(SLURM_JOB_ID=self.number)
