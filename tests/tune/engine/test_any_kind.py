"""Trials on unlike GPUs: each holds the share of its kind, whichever is free first."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from ray import tune
from ray.air.execution import PlacementGroupResourceManager
from ray.tune.execution import tune_controller
from ray.util.placement_group import placement_group_table

from tune.engine.any_kind import SETTLED, AnyKindManager, OnAnyKind, alternatives, any_kind, request

ROOT = Path(__file__).parents[3]
SHARES = {"A100": (1, 0.25), "T4": (2, 1.0)}


def test_a_request_names_kinds_only_where_they_are_told_apart():
    assert request({"": (1, 0.25)}) == tune.PlacementGroupFactory([{"CPU": 1, "GPU": 0.25}])
    assert not isinstance(request({"T4": (1, 1.0)}), OnAnyKind)
    assert request(SHARES).bundles == [
        {"CPU": 1, "GPU": 0.25, "accelerator_type:A100": 0.001},
        {"CPU": 2, "GPU": 1.0, "accelerator_type:T4": 0.001},
    ]
    assert [one.bundles for one in alternatives(request(SHARES))] == [[bundle] for bundle in request(SHARES).bundles]
    plain = request({"": (1, 0.25)})
    assert alternatives(plain) == [plain]


@pytest.fixture
def asked(monkeypatch):
    """The placement groups of Ray's own manager that are not acquired, by kind; those kinds that have room; a clock."""
    groups, roomy, clock, own = Counter(), set(), [0.0], PlacementGroupResourceManager

    def kind(one):
        return next(name.partition(":")[2] for name in one.bundles[0] if ":" in name)

    def is_ready(self, one):
        return kind(one) in roomy and groups[kind(one)] > 0

    def acquire(self, one):
        if not is_ready(self, one):
            return None
        groups[kind(one)] -= 1
        return kind(one)

    monkeypatch.setattr(own, "request_resources", lambda self, one: groups.update([kind(one)]))
    monkeypatch.setattr(own, "cancel_resource_request", lambda self, one: groups.subtract([kind(one)]))
    monkeypatch.setattr(own, "has_resources_ready", is_ready)
    monkeypatch.setattr(own, "acquire_resources", acquire)
    monkeypatch.setattr("tune.engine.any_kind.time.monotonic", lambda: clock[0])
    return groups, roomy, clock


def test_the_first_kind_that_has_room_is_taken_and_the_others_are_withdrawn(asked):
    groups, roomy, clock = asked
    manager, wanted = AnyKindManager(), request(SHARES)
    for _ in range(3):
        manager.request_resources(wanted)
    assert groups == {"A100": 3, "T4": 3}
    assert not manager.has_resources_ready(wanted) and manager.acquire_resources(wanted) is None
    roomy.add("T4")
    assert manager.has_resources_ready(wanted) and manager.acquire_resources(wanted) == "T4"
    roomy.add("A100")
    assert manager.acquire_resources(wanted) == "A100"  # which is preferred
    assert groups == {"A100": 2, "T4": 2}  # one trial waits; what was withdrawn is not removed at once
    clock[0] = SETTLED + 0.1
    assert manager.has_resources_ready(wanted) and groups == {"A100": 1, "T4": 1}
    manager.cancel_resource_request(wanted)
    clock[0] = 2 * SETTLED + 0.2
    assert not manager.has_resources_ready(wanted) and groups == {"A100": 0, "T4": 0}


def test_what_was_withdrawn_serves_the_next_trials(asked):
    groups, roomy, clock = asked
    manager, wanted = AnyKindManager(), request(SHARES)
    roomy.add("A100")
    for _ in range(5):
        manager.request_resources(wanted)
        assert manager.acquire_resources(wanted) == "A100" and groups == {"A100": 0, "T4": 1}
        clock[0] += 0.9 * SETTLED
    clock[0] += SETTLED
    assert not manager.has_resources_ready(wanted) and groups == {"A100": 0, "T4": 0}


def test_ray_places_a_trial_where_there_is_room(two_cpus):
    """Of a kind that is not there, a placement group waits until it is withdrawn."""
    manager, wanted, before = AnyKindManager(), request({"none": (1, 0.25), "": (1, 0.5)}), set(placement_group_table())
    manager.request_resources(wanted)
    deadline = time.monotonic() + 60
    while not manager.has_resources_ready(wanted):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    acquired = manager.acquire_resources(wanted)
    assert acquired.resource_request.bundles == [{"CPU": 1, "GPU": 0.5}]
    assert len(manager.get_resource_futures()) == 1  # of the other
    manager.free_resources(acquired)
    manager.clear()
    made = [group["state"] for name, group in placement_group_table().items() if name not in before]
    assert made == ["REMOVED", "REMOVED"]


def test_ray_tune_has_its_own_manager_again_afterwards():
    with any_kind():
        assert tune_controller.PlacementGroupResourceManager is AnyKindManager
    assert tune_controller.PlacementGroupResourceManager is PlacementGroupResourceManager


@pytest.mark.soak
def test_every_cell_is_done_once_with_its_kinds_share_and_only_the_small_kind_is_widened(tmp_path):
    command = [sys.executable, "-m", "tests.support.two_kinds", str(tmp_path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout.splitlines()[-1])
    assert found["kinds"] == ["A", "B"] and found["failed"] == [] and found["missing"] == 0
    assert list(found["done"].values()) == [1, 1, 1] and found["lost"] in (2, 3)
    assert sorted(set(found["held"])) == [0.4, 0.5]  # of A, and of B at last
    assert found["shares"] == {"A": [1, 0.4], "B": [1, 0.5]} and found["of another"] == {"A": [1, 0.4], "B": [1, 0.25]}
    assert len({path.name for path in tmp_path.glob("B * 0.25")}) == found["lost"]
    assert not any("A" in name.split() or "B" in name.split() for name in found["names"])
