"""What a cluster has, what its autoscaler can bring, and what a trial holds of it."""

import math

import pytest
import ray
from ray.core.generated import autoscaler_pb2

from tune.core.study import StudyError
from tune.planning.options import Cluster, Options
from tune.planning.resources import Hardware, Node, Resources, chosen_resources, hardware


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
    assert resources.at_once("grnn", hardware, num_cells=20) == expected
