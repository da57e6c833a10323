"""Nodes that are taken away, with and without a word before; clips that a node has once."""

import json
import subprocess
import sys

import pytest

from tests.cluster.parts import wait_for
from tests.support.disturbed import ROOT
from tune.core.folder import Folder

pytestmark = pytest.mark.cluster


@pytest.fixture
def driver(cluster, prepared, tmp_path):
    """Starts tests/cluster/driver.py."""

    def start(what):
        command = [sys.executable, ROOT / "tests/cluster/driver.py", cluster.address, tmp_path / "study"]
        return subprocess.Popen(
            [*command, prepared / "8px", what],
            env=cluster.environment() | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.mark.parametrize("is_drained", [True, False], ids=["drained", "lost"])
def test_a_drained_node_costs_a_trial_none_of_its_failures(is_drained, cluster, driver, tmp_path):
    """Where no failure is forgiven, a trial survives the loss of its node if that was drained before."""
    first = cluster.add()
    one, home = driver("trains"), Folder(str(tmp_path / "study"))
    wait_for(lambda: any((home / f"cells/{name}").has("metrics.jsonl") for name in home.children("cells")), 90)
    second = cluster.add()
    wait_for(lambda: second.address in cluster.alive(), 60)
    if is_drained:
        cluster.drain(first, 1)
    first.kill()
    failed = json.loads(one.communicate(timeout=120)[0])
    (name,) = home.children("cells")
    assert bool(failed) == (not is_drained) and (home / f"cells/{name}").has("done.json") == is_drained
    assert second.process.poll() is None


def test_trials_of_a_node_share_its_clips(cluster, driver):
    """Two readers on another node than the driver's grow by less than a tenth of what they read."""
    node = cluster.add()
    wait_for(lambda: node.address in cluster.alive(), 60)
    found = json.loads(driver("shares").communicate(timeout=120)[0])
    assert found["bytes"] > 2e8 and {task["node"] for task in found["tasks"]} == {node.address}
    assert all(task["grown"] < 0.1 * found["bytes"] and task["total"] for task in found["tasks"])
