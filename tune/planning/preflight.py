"""What is checked before anything starts: storage, addresses of views, resources. Each refusal is one line."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

import ray
import torch
from ray._private.state import state as cluster_state

from tune.core.folder import Folder
from tune.core.study import StudyError
from tune.engine.ray_tune import Resources
from tune.planning.options import Options, Records, gpu_share
from tune.services.addresses import DATABASES, SERVERS, check_database, check_scheme, check_server_address, plain
from tune.services.databases import MLFLOW, OPTUNA
from tune.services.mlflow_server import check_server


def check_storage(folder: Folder) -> None:
    """Raises StudyError where the study's folder cannot be written."""
    try:
        folder.write("writable", b"")
        folder.delete("writable")
    except OSError as error:
        raise StudyError(f"--storage must be writable, {folder.root} is not: {error}") from error


def check_tracking(uri: str, storage: str, *, given: bool = True) -> None:
    """Raises StudyError where a given address is not MLflow's, does not answer, or does not let this user in.

    What state a database is in is none of an address's business, and what was not given is not refused.
    """
    uri = plain(uri)
    if storage.startswith("s3://") and not uri.startswith(SERVERS) and find_spec("boto3") is None:
        raise StudyError(f"MLflow keeps files in {storage} through boto3, which is missing: pip install boto3")
    if not given:
        return
    check_scheme("--tracking-uri", uri, SERVERS)
    if uri.startswith(SERVERS):
        check_server_address(uri)
        check_server(uri)
    elif uri.startswith(DATABASES):
        check_database("--tracking-uri", MLFLOW, uri)


def check_views(records: Records) -> None:
    """Raises StudyError where an address on the command line cannot be used for a view, see :func:`check_tracking`."""
    uri, url = tracking_uri(records), optuna_storage(records) if records.optuna_storage is not None else None
    check_tracking(uri, records.storage, given=records.tracking_uri is not None)
    if url is not None:
        check_scheme("--optuna-storage", url)
        if url == uri:
            raise StudyError(f"--optuna-storage must be another database than MLflow's, got {url} for both")
        check_database("--optuna-storage", OPTUNA, url)


def tracking_uri(records: Records) -> str:
    """The MLflow server or database; raises StudyError where there is none to be guessed."""
    if records.tracking_uri is not None:
        return plain(records.tracking_uri)
    home = Folder(records.storage)
    if not home.is_local:
        raise StudyError(f"--tracking-uri must be given where --storage is a bucket, as {records.storage} is")
    return f"sqlite:///{home.root}/mlflow.db"


def optuna_storage(records: Records) -> str | None:
    """The database of Optuna's study; None where the storage is a bucket and none is given."""
    home = Folder(records.storage)
    if records.optuna_storage is not None:
        return plain(records.optuna_storage)
    if not home.is_local:
        return None
    return f"sqlite:///{home.root}/optuna.db"


@dataclass(frozen=True)
class Node:
    """The CPUs and GPUs of a machine, and how many machines of the kind there are or can be."""

    cpus: float
    gpus: float
    count: float = 1


@dataclass(frozen=True)
class Hardware:
    """What a search can have: the machines that are there, and those that an autoscaler can bring."""

    alive: tuple[Node, ...]
    scaled: tuple[Node, ...] = ()

    @property
    def cpus(self) -> float:
        """All CPUs at the most."""
        return max(sum(node.cpus * node.count for node in nodes if node.cpus) for nodes in (self.alive, self.scaled))

    @property
    def gpus(self) -> float:
        """All GPUs at the most."""
        return max(sum(node.gpus * node.count for node in nodes if node.gpus) for nodes in (self.alive, self.scaled))

    def holds(self, cpus: float, gpus: float) -> bool:
        """Whether one machine has so much."""
        return any(cpus <= node.cpus and gpus <= node.gpus for node in (*self.alive, *self.scaled))


def hardware() -> Hardware:
    """What the cluster has that Ray is connected to, or can have; else what this machine has."""
    if not ray.is_initialized():
        return Hardware((Node(os.cpu_count() or 1, torch.cuda.device_count()),))
    alive = tuple(_node(node["Resources"]) for node in ray.nodes() if node["Alive"])
    config = cluster_state.get_cluster_config()  # Ray tells it nowhere else; its own libraries read it there
    if config is None:
        return Hardware(alive)
    groups = config.node_group_configs
    return Hardware(alive, tuple(_node(group.resources, group.max_count) for group in groups if group.max_count))


def _node(resources: Mapping[str, float], count: float = 1) -> Node:
    unlimited = count < 0
    return Node(resources.get("CPU", 0), resources.get("GPU", 0), math.inf if unlimited else count)


def chosen_resources(options: Options) -> Resources:
    """What a trial holds; raises StudyError where no machine of the cluster that Ray is connected to can give it."""
    have, cluster = hardware(), options.cluster
    cpus, gpus = cluster.cpus_per_trial, gpu_share(options, have.gpus)
    for name, wanted in (("cpus", cpus), ("gpus", gpus)):
        if wanted < 0:
            raise StudyError(f"--{name}-per-trial must be 0 or more, got {wanted:g}")
    if not have.holds(cpus, gpus):
        kinds = dict.fromkeys(f"{node.cpus:g} CPUs and {node.gpus:g} GPUs" for node in (*have.alive, *have.scaled))
        raise StudyError(
            f"--cpus-per-trial and --gpus-per-trial must fit on one machine, got {cpus:g} and {gpus:g}: "
            f"the cluster has or can bring machines with {'; '.join(kinds)}"
        )
    if cluster.max_concurrent is not None and cluster.max_concurrent < 1:
        raise StudyError(f"--max-concurrent must be 1 or more, got {cluster.max_concurrent}")
    return Resources(cpus, gpus, cluster.max_concurrent)
