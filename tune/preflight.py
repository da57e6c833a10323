"""What is checked before anything starts: storage, tracking server, resources. Each refusal is one line."""

import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ray
import torch
from ray._private.state import state as cluster_state

from tune.options import Options, gpu_share
from tune.search import Resources
from tune.store import Folder
from tune.study import StudyError

SECONDS_FOR_AN_ANSWER = 5.0


def check_storage(folder: Folder) -> None:
    """Raises StudyError where the study's folder cannot be written."""
    try:
        folder.write("writable", b"")
        folder.delete("writable")
    except OSError as error:
        raise StudyError(f"--storage must be writable, {folder.root} is not: {error}") from error


def check_storage_name(storage: str) -> None:
    """Raises StudyError for a storage that is no folder, or whose path a database address could not hold."""
    if "://" in storage:
        raise StudyError(f"--storage must be a folder that this machine has mounted, got {storage!r}")
    if found := set("#%?") & set(str(Path(storage).resolve())):
        raise StudyError(f"--storage must be a path without {' '.join(sorted(found))}, got {storage!r}")


def check_tracking(uri: str) -> None:
    """Raises StudyError where a tracking server does not answer; a database is opened when it is used."""
    if not uri.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=SECONDS_FOR_AN_ANSWER).close()
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise StudyError(
            f"--tracking-uri must be a server that answers, {uri} does not ({reason}): "
            f"start it, or leave the option out to record in the storage"
        ) from error


def tracking_uri(options: Options) -> str:
    """The MLflow server or database."""
    records = options.records
    return records.tracking_uri or f"sqlite:///{Path(records.storage).resolve()}/mlflow.db"


@dataclass(frozen=True)
class Hardware:
    """The CPUs and GPUs that a search can have."""

    cpus: float
    gpus: float


def hardware() -> Hardware:
    """What the cluster has that Ray is connected to, and what its autoscaler can bring; else what this machine has."""
    if not ray.is_initialized():
        return Hardware(os.cpu_count() or 1, torch.cuda.device_count())
    have = ray.cluster_resources()
    most = autoscaled()
    return Hardware(*(max(have.get(name, 0), most.get(name, 0)) for name in ("CPU", "GPU")))


def autoscaled() -> Mapping[str, float]:
    """What the cluster has at the most that its autoscaler may make of it; nothing where it has no autoscaler.

    Ray tells it through its state alone; its own libraries read it there.
    """
    return cluster_state.get_max_resources_from_cluster_config() or {}


def chosen_resources(options: Options) -> Resources:
    """What a trial holds; raises StudyError where the cluster that Ray is connected to cannot give it."""
    have, cluster = hardware(), options.cluster
    gpus = gpu_share(options, have.gpus)
    for name, wanted, most in (("cpus", cluster.cpus_per_trial, have.cpus), ("gpus", gpus, have.gpus)):
        if not 0 <= wanted <= most:
            raise StudyError(f"--{name}-per-trial must be 0 to the cluster's {most:g}, got {wanted:g}")
    if cluster.max_concurrent is not None and cluster.max_concurrent < 1:
        raise StudyError(f"--max-concurrent must be 1 or more, got {cluster.max_concurrent}")
    return Resources(cluster.cpus_per_trial, gpus, cluster.max_concurrent)
