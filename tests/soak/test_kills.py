"""Whatever is killed, and whenever: the same command again ends in the same study.

Drivers, workers, the MLflow server and Ray nodes are killed (kill -9) at random moments of studies of twelve cells, on
a Ray cluster of two worker nodes; ``KILLS`` says how often in all. The moments come from a seed.
"""

import json
import os
import random
import signal
import time
from collections import Counter
from functools import partial

import pytest
from ray.cluster_utils import Cluster

from tests.support.disturbed import EPOCHS, TWELVE, cells, contents, epochs_told, leftovers, tracked

pytestmark = pytest.mark.soak
KILLS = int(os.environ.get("KILLS", "4"))
KILLS_A_STUDY = 12
"""After so many a study is left alone, so that it ends."""
SECONDS_BETWEEN = (0.5, 12.0)
TARGETS = ("driver", "worker", "worker", "worker", "server", "node")
"""Workers more often, since there is none to kill while a driver starts."""
PATIENCE = 240
"""Seconds in which a search that is left alone must end."""


class Nodes:
    """A head that trains nothing, and two worker nodes of one CPU each."""

    def __init__(self):
        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self.workers = [self.cluster.add_node(num_cpus=1) for _ in range(2)]
        self.address = self.cluster.address

    def kill(self, rng):
        victim = self.workers.pop(rng.randrange(len(self.workers)))
        self.cluster.remove_node(victim, allow_graceful=False)
        self.workers.append(self.cluster.add_node(num_cpus=1))

    def shutdown(self):
        self.cluster.shutdown()


@pytest.fixture
def nodes():
    found = Nodes()
    yield found
    found.shutdown()


class Harness:
    """One study, killed until it has had its share."""

    def __init__(self, start, server, nodes, rng, kills):
        self.start, self.server, self.nodes, self.rng, self.left = start, server, nodes, rng, kills
        self.killed, self.starts, self.driver = Counter(), 0, None

    def run(self):
        """Disturb the study, and start its command again, until that ends by itself with all cells done."""
        while True:
            self.server.wait()
            self.driver, self.starts = self.start(), self.starts + 1
            self.disturb()
            code = self.driver.wait(PATIENCE)
            if code == 0:
                return
            assert code in (1, 2, -signal.SIGKILL), (code, self.driver.errors())

    def disturb(self):
        while self.left and self.driver.runs:
            time.sleep(self.rng.uniform(*SECONDS_BETWEEN))
            target = self.rng.choice(TARGETS)
            if self.driver.runs and getattr(self, f"kill_{target}")():
                self.killed[target] += 1
                self.left -= 1

    def kill_driver(self):
        os.kill(self.driver.process.pid, signal.SIGKILL)
        self.driver.process.wait()
        return True

    def kill_worker(self):
        pids = [pid for cell in cells(self.driver.folder) if (pid := at_work(cell)) is not None]
        if not pids:
            return False
        os.kill(self.rng.choice(pids), signal.SIGKILL)
        return True

    def kill_server(self):
        self.server.kill()
        time.sleep(self.rng.uniform(0, 3))
        self.server.start(wait=False)
        return True

    def kill_node(self):
        self.nodes.kill(self.rng)
        return True


def at_work(cell):
    """The process that works on the cell, None where none does."""
    if (cell / "done.json").exists() or not (cell / "attempt.json").exists():
        return None
    pid = json.loads((cell / "attempt.json").read_text())["pid"]
    return pid if os.path.exists(f"/proc/{pid}") else None


def test_a_study_survives_whatever_is_killed(search, server, nodes, tmp_path):
    undisturbed = search(*TWELVE, folder=tmp_path / "undisturbed")
    assert undisturbed.wait() == 0
    expected, told = contents(undisturbed.folder), epochs_told(undisturbed)
    assert len(expected) == 12 and len(told) == told.total() == 12 * EPOCHS
    rng, killed, starts, again, left = random.Random("kills"), Counter(), 0, 0, KILLS
    while left:
        folder = tmp_path / f"study-{left}"
        server.kill()
        server.move_to(folder)
        server.start()
        start = partial(search, *TWELVE, "--address", nodes.address, "--tracking-uri", server.uri, folder=folder)
        one = Harness(start, server, nodes, rng, min(left, KILLS_A_STUDY))
        one.run()
        left -= one.killed.total()
        killed, starts, again = killed + one.killed, starts + one.starts, again + twice(epochs_told(one.driver))
        check(folder, expected, server)
        print(f"{dict(killed)} killed, {starts} starts, {again} epochs trained again", flush=True)


def twice(told):
    """How many reports were of an epoch that had been reported before."""
    return told.total() - len(told)


def check(folder, expected, server):
    """The study is the undisturbed one, and MLflow shows it once."""
    assert contents(folder) == expected
    assert not leftovers(folder)
    runs, steps = tracked(server.database)
    names = Counter(name for name, _ in runs)
    assert sum(names.values()) == len(names) == 1 + 2 + 6 + 12  # study, models, learning rates, cells
    assert {status for _, status in runs} == {"FINISHED"}
    assert {count for *_, count in steps} == {1}
