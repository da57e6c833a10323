"""What a cluster has, what its autoscaler can bring, and what a trial holds of it."""

import math

import pytest
import ray
from ray.core.generated import autoscaler_pb2

from tune.core.study import StudyError
from tune.planning import gpu_kind
from tune.planning import resources as module
from tune.planning.options import Cluster, Options
from tune.planning.resources import Hardware, Node, Resources, chosen_resources, describe_shares, hardware, named


@pytest.fixture
def autoscaler(two_cpus):
    """Tells Ray of an autoscaler, as a cloud's does: up to three machines with 8 CPUs and 2 GPUs each."""
    config = autoscaler_pb2.ClusterConfig()
    group = config.node_group_configs.add(name="gpu", max_count=3)
    group.resources.update({"CPU": 8, "GPU": 2})
    client = ray._private.worker.global_worker.gcs_client
    client.report_cluster_config(config.SerializeToString())
    yield
    client.report_cluster_config(autoscaler_pb2.ClusterConfig().SerializeToString())


def resources(**cluster):
    return chosen_resources(Options(cluster=Cluster(**cluster)))


def test_a_cluster_has_what_its_nodes_have(two_cpus):
    assert (hardware().cpus, hardware().gpus) == (2, 1)
    assert resources().gpus == 0.25
    with pytest.raises(StudyError, match="must fit on one machine, got 8 and 0.25: .* with 2 CPUs and 1 GPUs"):
        resources(cpus_per_trial=8)


def test_machines_without_a_limit_to_their_number_have_no_less():
    unlimited = Hardware((Node(4, 0),), (Node(8, 0, math.inf), Node(8, 1, math.inf)))
    assert unlimited.gpus == unlimited.cpus == math.inf


def test_what_an_autoscaler_can_bring_counts_machine_by_machine(autoscaler):
    assert (hardware().cpus, hardware().gpus) == (24, 6)
    assert resources(cpus_per_trial=8, gpus_per_trial=2).gpus == 2
    with pytest.raises(StudyError, match="got 1 and 3: .* 2 CPUs and 1 GPUs; 8 CPUs and 2 GPUs"):
        resources(gpus_per_trial=3)


@pytest.mark.parametrize(
    ("resources", "hardware", "expected"),
    [
        (Resources(1, 0), Hardware((Node(2, 0),)), 2),
        (Resources(0.5, 0, max_concurrent=3), Hardware((Node(2, 0),)), 3),
        (Resources(1, 0.25), Hardware((Node(2, 1),)), 2),
        (Resources(1, 0.25), Hardware((Node(16, 1),)), 4),
        (Resources(8, 0), Hardware((Node(2, 0),)), 1),
        (Resources(1, 0.25), Hardware((Node(2, 0),), (Node(8, 1, count=3),)), 12),
        (Resources(1, 0), Hardware((Node(64, 0),)), 20),
    ],
)
def test_the_scarcest_resource_decides_how_many_run_at_once(resources, hardware, expected):
    assert resources.at_once("grnn", hardware, num_cells=20) == {"": expected}


A100, T4 = Node(16, 1, kind="A100"), Node(4, 2, kind="T4")
UNLIKE = Hardware((A100, T4, Node(32, 0)))


def test_kinds_are_told_apart_where_every_machine_with_gpus_names_its_own():
    assert UNLIKE.kinds == ("A100", "T4") and UNLIKE.of("T4").nodes == (T4,) and UNLIKE.of("") == UNLIKE
    assert Hardware((A100, Node(8, 1))).kinds == Hardware((A100, A100)).kinds == Hardware((Node(8, 0),)).kinds == ("",)
    assert Hardware((A100,), (Node(4, 2, 3, "T4"),)).kinds == ("A100", "T4")


@pytest.mark.parametrize(
    ("num_cells", "most", "expected"),
    [(20, None, {"A100": 4, "T4": 2}), (20, 5, {"A100": 4, "T4": 1}), (3, None, {"A100": 3}), (20, 1, {"A100": 1})],
)
def test_the_preferred_kind_of_gpu_fills_first(num_cells, most, expected):
    resources = Resources(1, 0.25, most, {"A100": 0.25, "T4": 1.0})
    assert resources.at_once("grnn", UNLIKE, num_cells) == expected
    assert Resources(64, 1, None, {"A100": 1.0, "T4": 1.0}).at_once("grnn", UNLIKE, num_cells) == {"A100": 1}


def chosen(monkeypatch, machines, memory, **cluster):
    monkeypatch.setattr(module, "hardware", lambda: machines)
    monkeypatch.setattr(gpu_kind, "memory_by_kind", lambda: memory)
    return resources(**cluster)


def test_a_number_holds_for_all_kinds_and_the_default_for_the_largest(monkeypatch):
    memory = {"A100": 80, "T4": 16}
    assert list(chosen(monkeypatch, UNLIKE, memory).of("grnn").items()) == [("A100", (1, 0.25)), ("T4", (1, 1.0))]
    given = chosen(monkeypatch, UNLIKE, None, gpus_per_trial=0.5)
    assert given.of("grnn") == {"A100": (1, 0.5), "T4": (1, 0.5)}
    assert chosen(monkeypatch, UNLIKE, None, gpus_per_trial=0).by_kind == {}
    assert chosen(monkeypatch, UNLIKE, None, gpus_per_trial="auto").by_kind == {"A100": 0.25, "T4": 0.25}
    assert chosen(monkeypatch, UNLIKE, None, cpus_per_trial=8, gpus_per_trial=1).by_kind == {"A100": 1}  # T4s have four
    assert chosen(monkeypatch, UNLIKE, None, gpus_per_trial=2).by_kind == {"T4": 2}


def test_an_unnamed_kind_makes_all_kinds_one(monkeypatch, capsys):
    assert chosen(monkeypatch, Hardware((A100, T4), (Node(8, 1),)), None).of("grnn") == {"": (1, 0.25)}
    assert "not every machine with GPUs names their kind" in capsys.readouterr().err
    for one in (Hardware((A100,)), Hardware((A100,), (Node(8, 1),))):  # an autoscaler that brings more of the same
        assert chosen(monkeypatch, one, None).of("grnn") == {"": (1, 0.25)} and not capsys.readouterr().err


def test_memory_that_ran_out_widens_the_share_of_its_own_kind_and_model():
    before = Resources(1, 0.25, None, {"A100": 0.25, "T4": 0.5}, slowdown={("grnn", "T4"): 2.0, ("grnn", "A100"): 3.0})
    wider = before.widened([("grnn", "T4"), ("grnn", "T4")])
    assert wider.of("grnn") == {"A100": (1, 0.25), "T4": (1, 1.0)} and wider.of("another") == before.of("another")
    assert wider.slowdown == {("grnn", "A100"): 3.0}
    assert wider.has_more(("grnn", "T4")) and wider.widened([("grnn", "T4")]).of("grnn") == {"A100": (1, 0.25)}
    last = wider.widened([("grnn", "T4")]).widened([("grnn", "A100")]).widened([("grnn", "A100")])
    assert last.of("grnn") == {"A100": (1, 1.0)} and not last.has_more(("grnn", "A100"))
    whole = Resources(by_kind={"A100": 1.0, "T4": 1.0})
    assert whole.widened([("grnn", "T4"), ("grnn", "A100")]).of("grnn") == {"A100": (1, 1.0)}  # the preferred one stays
    assert not whole.has_more(("grnn", "")) and whole.widened([("grnn", "")]).of("grnn") == whole.of("grnn")  # unknown
    assert Resources(gpus=0.25).widened([("grnn", "")]).of("grnn") == {"": (1, 0.5)}
    assert not Resources(gpus=0).has_more(("grnn", "")) and not Resources(gpus=1).has_more(("grnn", ""))


def test_shares_are_told_by_kind():
    assert describe_shares({"": (1, 0.25)}) == "0.25 of a GPU"
    assert describe_shares({"A100": (1, 0.25), "T4": (1, 1.0)}) == "0.25 of A100 or 1 of T4"
    assert (named(("grnn", "")), named(("grnn", "T4"))) == ("grnn", "grnn on T4")
