"""Real parts to disturb: searches as processes of their own, an MLflow server; and what they leave on disk."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pyarrow as pa
import pyarrow.parquet as pq

from tune.analysis.differences import OF_MACHINE
from tune.core.folder import Folder

ROOT = Path(__file__).parents[2]
STUDY, EPOCHS = "soak", 20
TWELVE = ["--models", "fernn-v1", "grnn", "--lrs", "1e-2", "3e-3", "1e-3", "--seeds", "0", "1", "--epochs", str(EPOCHS)]
TINY = ["--batch-size", "16", "--yes", "--json", "--study", STUDY]
TINY += ["--set", "data.size=8", "--set", "model.hidden_channels=4", "--set", "model.embedding_channels=[4]"]


class Server:
    """An MLflow server on loopback that can be killed and started again; by default over SQLite and files."""

    def __init__(self, folder, backend=None, artifacts=None):
        self.process, self.backend, self.artifacts = None, backend, artifacts
        self.move_to(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def move_to(self, folder):
        """Keep database and artifacts there, from the next start on."""
        folder.mkdir(exist_ok=True, parents=True)
        self.folder, self.database = folder, folder / "mlflow.db"

    def start(self, wait=True):
        command = [Path(sys.executable).parent / "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", self.backend or f"sqlite:///{self.database}", "--workers", "1"]
        command += ["--artifacts-destination", self.artifacts or str(self.folder / "artifacts")]
        command += ["--default-artifact-root", "mlflow-artifacts:/"]
        with (self.folder / "mlflow.log").open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            )  # fmt: skip
        if wait:
            self.wait()

    def wait(self, seconds=90):
        deadline = time.monotonic() + seconds
        while not self.answers():
            assert time.monotonic() < deadline, (self.folder / "mlflow.log").read_text()[-2000:]
            time.sleep(0.1)

    def answers(self):
        with suppress(OSError):
            return urlopen(f"{self.uri}/health", timeout=2).status == 200
        return False

    def kill(self):
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Search:
    """``tune/kth_search.py`` as a process, with what it says line by line in a file."""

    def __init__(self, folder, data, *options):
        self.folder, self.out = folder, folder / "events.jsonl"
        command = [sys.executable, ROOT / "tune/kth_search.py", "--data", data, *TINY, *options]
        with self.out.open("a") as out, (folder / "errors.log").open("a") as err:
            self.process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, start_new_session=True)

    def errors(self):
        """The end of what went wrong, in words."""
        return (self.folder / "errors.log").read_text()[-3000:]

    def events(self):
        """What all searches of this folder have said so far; a killed one may leave half a line."""
        found = []
        for line in self.out.read_text().splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return found

    @property
    def runs(self):
        return self.process.poll() is None

    def wait(self, seconds=280):
        return self.process.wait(seconds)


def cells(folder, study=STUDY):
    """The folders of the study's cells."""
    return sorted((folder / f"studies/{study}/cells").glob("*"))


def contents(folder, study=STUDY):
    """What each cell of a study on disk holds, see :func:`contents_of`."""
    return contents_of(Folder(str(folder / "studies" / study)))


def contents_of(home):
    """What each cell holds, without what depends on the machine or the moment."""
    found = {}
    for name in home.children("cells"):
        cell = home / f"cells/{name}"
        rows = [json.loads(line) for line in cell.read("metrics.jsonl").splitlines()]
        found[name] = (
            [
                {name: value for name, value in row.items() if not name.startswith((*OF_MACHINE, "crc32"))}
                for row in rows
            ],
            cell.read("last/state.safetensors"),
            cell.read("best/model.safetensors"),
            pq.read_table(pa.BufferReader(cell.read("predictions.parquet"))).to_pydict(),
            {name: cell.read_json("done.json")[name] for name in ("metrics", "metrics_sha256", "law_errors")},
        )
    return found


def tracked(database):
    """MLflow's runs as (name, status), but those it deleted; and how often each (run, metric, step) stands there."""
    with sqlite3.connect(database) as connection:
        runs = connection.execute("select name, status from runs where lifecycle_stage = 'active'").fetchall()
        steps = connection.execute("select run_uuid, key, step, count(*) from metrics group by 1, 2, 3").fetchall()
    return runs, steps


def leftovers(folder):
    """Temporary files that were not swept."""
    return [path for path in (folder / "studies").rglob("*") if ".tmp" in path.name]


def epochs_told(search):
    """How often each epoch of each cell was reported."""
    return Counter((event["cell"], event["epoch"]) for event in search.events() if event["event"] == "epoch")
