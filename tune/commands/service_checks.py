"""The doctor's checks of data, storage, MLflow, Optuna and Ray. They use preflight's checks and change nothing."""

import os
import shutil
import socket
import tempfile
import time
import uuid
from http import HTTPStatus
from pathlib import Path
from typing import Any

from data.bucket import is_bucket, manifest_at
from data.errors import DataError, ManifestError
from data.manifest import Manifest
from data.registry import stand_in
from tune.commands.checks import Finding, broken, ok, probe, warning
from tune.commands.machine_checks import GB
from tune.core.folder import Folder
from tune.engine.machine import home_problem
from tune.planning.options import Records
from tune.planning.preflight import check_optuna, check_storage, check_tracking, optuna_storage, tracking_uri
from tune.reporting.table import absent
from tune.services.addresses import EXPERIMENTS, ask
from tune.services.databases import MLFLOW, OPTUNA, Package, ViewError, check_usable, is_database, sqlite_file

DATASETS = Path("datasets")
GET_DATA = (
    "python tune/kth_search.py --preset demo renders some and trains on it; python tune/kth_search.py downloads KTH "
    "(1.15 GB), --videos DIR takes it from disk"
)
LEAST_DISK = 1 * GB
"""Bytes. The demo's study takes 1 MB and its data 20; --plan shows the size of larger searches."""
SLOW_S = 0.1
"""Seconds for one answer; a slower server falls behind many trials."""
RAY_S = 150.0
"""Seconds. Ray starts in 5 seconds, on a busy machine in more than a minute."""
CONNECT_S = 5.0
TOKEN = Path("~/.ray/auth_token")


def data(given: str | None) -> Finding:
    """Every prepared folder: reads its manifest and compares its files with their hashes, except in a bucket."""
    if given is not None and "://" in given:
        return bucket_data(given)
    home = DATASETS if given is None else Path(given)
    manifests = [path for pattern in ("", "*/", "*/*/") for path in sorted(home.glob(f"{pattern}manifest.json"))]
    if not manifests:
        text = f"{home} has no prepared data"
        return warning(text, GET_DATA) if given is None else broken(text, "give another --data; " + GET_DATA)
    findings = [data_folder(manifest.parent) for manifest in manifests]
    worst = max(findings, key=lambda finding: ("ok", "warning", "broken").index(finding.verdict))
    return Finding(worst.verdict, "; ".join(finding.text for finding in findings), worst.way_out)


def bucket_data(url: str) -> Finding:
    """The prepared data at the URL and one level below it, by its manifests."""
    try:
        is_bucket(url)
        places = [url, *(f"{url.rstrip('/')}/{name}" for name in Folder(url).folders())]
        manifests = {place: manifest for place in places if (manifest := manifest_at(place)) is not None}
    except (DataError, OSError) as error:
        return broken(str(error), "give another --data; AWS_ENDPOINT_URL names a server that is not Amazon's")
    if not manifests:
        return broken(f"{url} has no prepared data", "python data/upload.py brings it there")
    return ok("; ".join(f"{place}: {data.dataset}, {data.num_clips} clips" for place, data in manifests.items()))


def data_folder(folder: Path) -> Finding:
    """One prepared folder."""
    try:
        manifest = Manifest.read(folder).verify(folder)
    except ManifestError as error:
        return broken(str(error), f"delete {folder}, and run the search again, which prepares it")
    text = f"{folder}: {manifest.dataset}, {manifest.num_clips} clips, whole" + (", DEMO" if manifest.demo else "")
    if other := stand_in(manifest):
        return warning(f"{text}, STAND-IN: {other}", "results on it are marked, and stand beside no published ones")
    if not manifest.partial:
        return ok(text)
    names = [*manifest.missing, *(entry.name for entry in manifest.skipped)]
    way_out = "results on it are marked PARTIAL; delete the folder and prepare it from all files"
    return warning(f"{text}, PARTIAL: {absent(names)}", way_out)


def storage(name: str) -> Finding:
    """Whether the storage can be written, and its free space; raises StudyError as a search does."""
    folder = Folder(name)
    text, place = f"{folder.root}, writable", Path(folder.root)
    if not folder.is_local or folder.exists():
        check_storage(folder)
    else:
        place = next(path for path in place.parents if path.exists())
        if not os.access(place, os.W_OK | os.X_OK) or not place.is_dir():
            return broken(f"{folder.root} is not there, and {place} cannot be written", "give another --storage")
        text = f"{folder.root} is not there yet, a search makes it"
    if not folder.is_local:
        return ok(text)
    free = shutil.disk_usage(place).free
    text = f"{text}, {free / GB:.1f} GB free"
    if free < LEAST_DISK:
        return warning(f"{text}, which is little", "free some, or give another --storage")
    return ok(text)


def tracking(records: Records) -> Finding:
    """Whether MLflow's server answers, or its database has the schema of the installed MLflow; raises StudyError."""
    uri = tracking_uri(records)
    check_tracking(uri, records.storage)
    if is_database(uri):
        return _database(MLFLOW, uri)
    return _server(uri)


def _server(uri: str) -> Finding:
    """Whether the server lists experiments, and how fast."""
    start = time.monotonic()
    status, text = ask(uri, EXPERIMENTS)
    seconds = time.monotonic() - start
    if status != HTTPStatus.OK:
        return broken(f"{uri} answers, but not with experiments: {status or text}", "see the server's own log")
    text = f"{uri} answers, after {1000 * seconds:.0f} ms"
    if seconds <= SLOW_S:
        return ok(text)
    way_out = "training does not wait for it; authenticate in a proxy, not by MLflow's basic-auth, which is slow"
    return warning(text, way_out)


def optuna(records: Records) -> Finding:
    """Whether Optuna's database is another than MLflow's and has the installed Optuna's schema; raises StudyError."""
    check_optuna(records)
    uri = optuna_storage(records)
    if uri is None:
        return ok("none, as the storage is a bucket; --optuna-storage names one")
    return _database(OPTUNA, uri)


def _database(package: Package, uri: str) -> Finding:
    """Whether the installed package can read and write the database; nothing is written."""
    try:
        check_usable(package, uri)
    except ViewError as error:
        return broken(str(error), error.way_out("NAME"))
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        return ok(f"{file} is not there yet, a search makes it")
    return ok(f"{file or uri}, its schema is that of the installed version, or still to be made")


def ray(address: str | None) -> Finding:
    """Whether Ray starts here, or the cluster answers, with its resources; and whether it requires a token."""
    arguments = [address] if address else []
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        environment = {} if address else {"RAY_TMPDIR": folder}
        if not address and (home_problem() or not TOKEN.expanduser().exists()):
            environment["RAY_AUTH_TOKEN"] = uuid.uuid4().hex  # without it Ray would write a token file
        answer = unreachable(address) or probe("cluster", *arguments, limit_s=RAY_S, environment=environment)
    where = address or "this machine"
    if "error" in answer:
        start = "ray start --head there; the same Python and Ray on both sides; RAY_AUTH_TOKEN where it wants a token"
        here = "ray stop, and see that /tmp has room and no proxy is set for 127.0.0.1"
        return broken(f"Ray on {where}: {answer['error']}", start if address else here)
    number = answer["machines"]
    has = f"{number} machine{'s' * (number != 1)}, {answer['cpus']:g} CPUs, {answer['gpus']:g} GPUs"
    text = f"{'answers' if address else 'starts'} on {where}: {has}; ran a task on {answer['task_ran_on']}"
    return _guarded(text, answer["token"])


def unreachable(address: str | None) -> dict[str, Any]:
    """An answer with the error where nothing listens at HOST:PORT, on which Ray would retry for minutes."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return {}
    try:
        socket.create_connection((host, int(port)), CONNECT_S).close()
    except OSError as error:
        return {"error": f"nothing answers there: {error}"}
    return {}


def _guarded(text: str, token: bool) -> Finding:
    """A warning where the cluster runs anyone's code: without a token, or with a token that others can read."""
    if not token:
        return warning(f"{text}; without a token", "RAY_AUTH_MODE=token on every machine, or anyone's code runs there")
    if home_problem():
        return ok(f"{text}; with a token for one search")
    file = TOKEN.expanduser()
    if file.exists() and file.stat().st_mode & 0o077:
        return warning(f"{text}; others on this machine can read its token", f"chmod 600 {file}")
    return ok(f"{text}; with a token")
