"""What is checked before anything starts: storage, tracking server, resources. Each refusal is one line."""

import urllib.error
import urllib.request
from pathlib import Path

import ray

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
    return options.tracking_uri or f"sqlite:///{Path(options.storage).resolve()}/mlflow.db"


def chosen_resources(options: Options) -> Resources:
    """What a trial holds; raises StudyError where the cluster that Ray is connected to cannot give it."""
    have = ray.cluster_resources()
    gpus = gpu_share(options, have.get("GPU", 0))
    for name, wanted in (("CPU", options.cpus_per_trial), ("GPU", gpus)):
        if wanted < 0 or wanted > have.get(name, 0):
            raise StudyError(
                f"--{name.lower()}s-per-trial must be 0 to the cluster's {have.get(name, 0):g}, got {wanted:g}"
            )
    if options.max_concurrent is not None and options.max_concurrent < 1:
        raise StudyError(f"--max-concurrent must be 1 or more, got {options.max_concurrent}")
    return Resources(options.cpus_per_trial, gpus, options.max_concurrent)
