"""A cluster's parts as processes of this machine: PostgreSQL, the login in front of MLflow, Ray's nodes.

Everything listens on addresses of the loopback interface; each Ray node has one of its own.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.support.disturbed import ROOT

BIN = Path(sys.executable).parent
TEMPLATE = ROOT / "deploy/mlflow/nginx.conf.template"
SECONDS_TO_START = 90
DEMO = [sys.executable, str(ROOT / "tune/kth_search.py"), "--preset", "demo", "--yes", "--json", "--epochs", "6"]
SETTINGS = {
    "RAY_AUTH_MODE": "token",
    "RAY_JOB_STOP_WAIT_TIME_S": "30",
    "RAY_worker_niceness": "0",
    # A lost node is noticed in seconds.
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
}
"""What Ray's processes are told."""


def free_port(address="127.0.0.1"):
    with socket.socket() as one:
        one.bind((address, 0))
        return one.getsockname()[1]


def wait_for(what, seconds, said=lambda: ""):
    """The first answer of ``what`` that is true."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what.__doc__ or what}\n{said()}"
        time.sleep(0.2)
    return answer


def program(name):
    """Where Debian's packages put it; a test that needs it is of no use without."""
    places = [*os.environ["PATH"].split(":"), "/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(name, path=":".join(places))
    assert found, f"{name} is missing: apt-get install postgresql nginx-light"
    return found


class Postgres:
    """PostgreSQL on loopback with a password; as root, it is run by the user that Debian's package makes."""

    def __init__(self):
        self.home = Path(tempfile.mkdtemp(prefix="fernn-postgres-"))
        self.port, self.password = free_port(), secrets.token_hex(8)
        self.server = f"postgresql://mlflow:{self.password}@127.0.0.1:{self.port}"
        self.uri, self.optuna_uri = f"{self.server}/mlflow", f"{self.server}/optuna"  # both name a table alike
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    def start(self):
        (self.home / "password").write_text(self.password)
        if self._as:
            shutil.chown(self.home, "postgres")
            shutil.chown(self.home / "password", "postgres")
        told = ["--auth=scram-sha-256", "--username=mlflow", f"--pwfile={self.home}/password"]
        self._run("initdb", "--pgdata", self.home / "data", *told)
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.home} -c fsync=off"
        self._run("pg_ctl", "--pgdata", self.home / "data", "--log", self.home / "log", "-o", settings, "-w", "start")
        for name in ("mlflow", "optuna"):
            self._run("createdb", f"--maintenance-db={self.server}/postgres", name)

    def stop(self):
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "--pgdata", self.home / "data", "-m", "immediate", "stop")
        shutil.rmtree(self.home, ignore_errors=True)

    def rows(self, query, uri=None):
        connection = psycopg.connect(uri or self.uri)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()

    def _run(self, name, *options):
        command = [*self._as, program(name), *map(str, options)]
        subprocess.run(command, check=True, cwd=self.home, stdout=subprocess.DEVNULL)


class Proxy:
    """nginx with the login of deploy/, its variables filled in as its official image does."""

    def __init__(self, folder, upstream, name, password):
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        (folder / "htpasswd").write_text(f"{name}:{{PLAIN}}{password}\n")
        variables = {
            "LISTEN_PORT": f"127.0.0.1:{self.port}",
            "MLFLOW_UPSTREAM": upstream.removeprefix("http://"),
            "HTPASSWD_FILE": str(folder / "htpasswd"),
        }
        site = string.Template(TEMPLATE.read_text()).safe_substitute(variables)
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {folder}/pid; events {{}} "
            f"http {{ access_log {folder}/access.log; {temporary} {site} }}"
        )

    def start(self):
        command = [program("nginx"), "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log"]
        self.process = subprocess.Popen(command, start_new_session=True)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Node:
    """One ``ray start --block``: a process group that can be killed as a machine that loses power."""

    def __init__(self, cluster, number, *options):
        self.address = f"127.0.0.{number}"
        told = ["--node-ip-address", self.address, "--dashboard-agent-listen-port", free_port(self.address)]
        command = [BIN / "ray", "start", "--block", "--disable-usage-stats", *told, *options]
        self.log = cluster.folder / f"{self.address}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), cwd=cluster.folder, stdout=log, stderr=log, start_new_session=True,
                env=cluster.environment(),
            )  # fmt: skip

    def kill(self):
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pid in self.pids():  # some of Ray's processes lead groups of their own
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pids(self):
        """What belongs to the node by its command line or by its parent, which is the node's raylet."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if node_of(pid) == self.address]


def node_of(pid):
    """The address of the Ray node that the process belongs to, None for no node's."""
    for process in (pid, parent(pid)):
        with suppress(OSError):
            words = Path(f"/proc/{process}/cmdline").read_text().replace("=", "\0").split("\0")
            for name in ("--node_ip_address", "--node-ip-address"):
                if name in words:
                    return words[words.index(name) + 1]
    return None


def parent(pid):
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return 0


class RayCluster:
    """A head that trains nothing, with a dashboard that lets nobody in without the token, and worker nodes."""

    def __init__(self, folder):
        self.folder, self.nodes, self.num_nodes = folder, [], 0
        self.sessions = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # paths of sockets must be short
        (folder / "token").write_text(secrets.token_hex(32))
        (folder / "token").chmod(0o600)
        self.port, self.dashboard_port = free_port(), free_port()
        self.dashboard = f"http://127.0.0.2:{self.dashboard_port}"

    def environment(self):
        mine = {"HOME": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache")}
        return {**os.environ, **SETTINGS, **mine, "RAY_AUTH_TOKEN_PATH": str(self.folder / "token")}

    @property
    def address(self):
        return f"127.0.0.2:{self.port}"

    def start(self):
        told = ["--dashboard-host", "127.0.0.2", "--dashboard-port", self.dashboard_port, "--temp-dir", self.sessions]
        self.head = Node(self, 2, "--head", "--num-cpus", 0, "--port", self.port, *told)
        wait_for(self.is_up, SECONDS_TO_START, self.head.log.read_text)

    def is_up(self):
        """ray status answers"""
        return self.ray("status", "--address", self.address, check=False).returncode == 0

    def add(self):
        """A node more, of one CPU, when it runs: two that start at once may take the same socket of this machine."""
        self.num_nodes += 1
        node = Node(self, 2 + self.num_nodes, "--address", self.address, "--num-cpus", 1)
        self.nodes.append(node)
        wait_for(lambda: "Ray runtime started" in node.log.read_text(), SECONDS_TO_START, node.log.read_text)
        return node

    def alive(self):
        """Ray's ids of the nodes that are there, by address."""
        nodes = self.ask("api/v0/nodes")["data"]["result"]["result"]
        return {one["node_ip"]: one["node_id"] for one in nodes if one["state"] == "ALIVE"}

    def ask(self, path):
        """What the dashboard answers to who has the token."""
        request = urllib.request.Request(f"{self.dashboard}/{path}")
        request.add_header("Authorization", f"Bearer {(self.folder / 'token').read_text()}")
        return json.load(urllib.request.urlopen(request))

    def drain(self, node, seconds):
        """As an autoscaler does before it takes a machine away, in so many seconds."""
        told = ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "maintenance"]
        told += ["--node-id", self.alive()[node.address], "--deadline-remaining-seconds", seconds]
        self.ray("drain-node", "--address", self.address, *told)

    def ray(self, *words, check=True, **environment):
        """A ``ray`` command, with the token."""
        found = subprocess.run(
            [BIN / "ray", *map(str, words)], env=self.environment() | environment, cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert not check or found.returncode == 0, found.stdout
        return found

    def clear(self):
        for node in self.nodes:
            node.kill()
        self.nodes = []

    def stop(self):
        self.clear()
        self.head.kill()
        shutil.rmtree(self.sessions, ignore_errors=True)
