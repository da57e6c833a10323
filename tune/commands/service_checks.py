"""What a search works with: its data, the storage, MLflow's and Optuna's databases, Ray. Nothing is left behind."""

import os
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tune.commands.findings import Finding, broken, ok, warning
from tune.commands.machine_checks import GB
from tune.commands.probing import probe
from tune.services.databases import (
    MLFLOW,
    OPTUNA,
    Package,
    ViewError,
    check_usable,
    first_line,
    is_database,
    sqlite_file,
)
from tune.services.host import home_problem

DATASETS = Path("datasets")
GET_DATA = (
    "python tune/kth_search.py --preset demo renders some and trains on it; python tune/kth_search.py downloads KTH "
    "(1.15 GB), --videos DIR takes it from disk"
)
LEAST_DISK = 1 * GB
"""The demo's study takes 1 MB and its data 20; checkpoints of the paper's grid take more, and --plan says how much."""
SLOW_S = 0.1
"""A server that takes longer for one answer falls behind many trials."""
RAY_S = 150.0
"""A start takes 5 seconds, on a machine with nothing to spare more than a minute."""
CONNECT_S = 5.0
TOKEN = Path("~/.ray/auth_token")


def data(given: str | None) -> Finding:
    """Every prepared folder: its manifest read, and its files compared with their hashes, but for those in a bucket."""
    if given is not None and "://" in given:
        return bucket_data(given)
    home = DATASETS if given is None else Path(given)
    folders = list(prepared_folders(home))
    if not folders:
        text = f"{home} has no prepared data"
        return warning(text, GET_DATA) if given is None else broken(text, "give another --data; " + GET_DATA)
    findings = [data_folder(folder) for folder in folders]
    worst = max(findings, key=lambda one: ("ok", "warning", "broken").index(one.verdict))
    return Finding(worst.verdict, "; ".join(one.text for one in findings), worst.way_out)


def bucket_data(url: str) -> Finding:
    """The manifests at the URL and one level below it."""
    from data.bucket import is_bucket, manifest_at
    from data.errors import DataError
    from tune.core.folder import Folder

    try:
        is_bucket(url)
        places = [url, *(f"{url.rstrip('/')}/{name}" for name in Folder(url).folders())]
        found = {place: manifest for place in places if (manifest := manifest_at(place)) is not None}
    except (DataError, OSError) as error:
        return broken(str(error), "give another --data; AWS_ENDPOINT_URL names a server that is not Amazon's")
    if not found:
        return broken(f"{url} has no prepared data", "python data/upload.py brings it there")
    return ok("; ".join(f"{place}: {one.dataset}, {one.num_clips} clips" for place, one in found.items()))


def prepared_folders(home: Path) -> Iterator[Path]:
    """The folders with a manifest, up to two levels below ``home``."""
    for pattern in ("", "*/", "*/*/"):
        yield from (path.parent for path in sorted(home.glob(f"{pattern}manifest.json")))


def data_folder(folder: Path) -> Finding:
    """One prepared folder."""
    from data.errors import ManifestError
    from data.manifest import Manifest
    from data.registry import stand_in
    from tune.reporting.table import absent

    try:
        manifest = Manifest.read(folder)
        manifest.verify(folder)
    except ManifestError as error:
        return broken(str(error), f"delete {folder}, and run the search again to prepare it anew")
    text = f"{folder}: {manifest.dataset}, {manifest.num_clips} clips, whole" + (", DEMO" if manifest.demo else "")
    if other := stand_in(manifest):
        return warning(f"{text}, STAND-IN: {other}", "results on it are marked, and stand beside no published ones")
    if not manifest.partial:
        return ok(text)
    names = [*manifest.missing, *(one.name for one in manifest.skipped)]
    way_out = "results on it are marked PARTIAL; delete the folder and prepare it from all files"
    return warning(f"{text}, PARTIAL: {absent(names)}", way_out)


def storage(name: str) -> Finding:
    """Whether studies can be kept there, and the room that there is."""
    from tune.core.folder import Folder
    from tune.core.study import StudyError
    from tune.planning.preflight import check_storage

    folder = Folder(name)
    if folder.is_local and not folder.exists():
        return _storage_to_come(Path(folder.root))
    try:
        check_storage(folder)
    except StudyError as error:
        return broken(str(error), "give another --storage, or the right to write there")
    return _with_room(Path(folder.root), "writable") if folder.is_local else ok(f"{folder.root}, writable")


def _storage_to_come(root: Path) -> Finding:
    """A folder that a search will make, which the doctor does not."""
    parent = next(one for one in root.parents if one.exists())
    if not os.access(parent, os.W_OK | os.X_OK) or not parent.is_dir():
        return broken(f"{root} is not there, and {parent} cannot be written", "give another --storage")
    return _with_room(parent, f"{root} is not there yet, a search makes it", named=False)


def _with_room(folder: Path, text: str, named: bool = True) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{folder}, {text}, {free / GB:.1f} GB free" if named else f"{text}; {free / GB:.1f} GB free"
    return (
        ok(text) if free >= LEAST_DISK else warning(f"{text}, which is little", "free some, or give another --storage")
    )


def tracking(uri: str | None, storage: str) -> Finding:
    """Whether MLflow's server answers, or its database fits the installed MLflow."""
    from tune.core.study import StudyError
    from tune.planning.options import Records
    from tune.planning.preflight import check_tracking, tracking_uri

    try:
        uri = tracking_uri(Records(storage=storage, tracking_uri=uri))
        check_tracking(uri, storage)
    except StudyError as error:
        return broken(str(error), "mlflow server starts one")
    if not is_database(uri):
        return _server(uri)
    return _database(MLFLOW, uri, f"python tune/sync.py, or mlflow db upgrade {uri}")


def _server(uri: str) -> Finding:
    """Whether the server does what the search asks of it, and how fast."""
    from tune.services.mlflow_client import MlflowClient
    from tune.tracking.background import OUTAGES

    began = time.monotonic()
    try:
        MlflowClient(uri).search_experiments(max_results=1)
    except OUTAGES as error:
        return broken(f"{uri} answers, but not with experiments: {first_line(error)}", "see the server's own log")
    seconds = time.monotonic() - began
    if seconds > SLOW_S:
        way_out = "training does not wait for it; authenticate in a proxy, not by MLflow's basic-auth, which is slow"
        return warning(f"{uri} answers, after {1000 * seconds:.0f} ms", way_out)
    return ok(f"{uri} answers, after {1000 * seconds:.0f} ms")


def optuna(url: str | None, tracking_uri: str | None, storage: str) -> Finding:
    """Whether Optuna's database is one, is not MLflow's, and fits the installed Optuna."""
    from tune.core.study import StudyError
    from tune.planning.options import Records
    from tune.planning.preflight import check_optuna, optuna_storage

    records = Records(storage=storage, tracking_uri=tracking_uri, optuna_storage=url)
    try:
        check_optuna(records)
    except StudyError as error:
        return broken(str(error), "give another --optuna-storage, or none")
    uri = optuna_storage(records)
    if uri is None:
        return ok("none, as the storage is a bucket; --optuna-storage names one")
    return _database(OPTUNA, uri, f"python tune/sync.py, or optuna storage upgrade --storage {uri}")


def _database(package: Package, uri: str, upgrade: str) -> Finding:
    """Whether the installed package can read and write the database; nothing is written."""
    from sqlalchemy.exc import ArgumentError

    try:
        file = sqlite_file(uri)
        check_usable(package, uri)
    except ArgumentError:
        return broken(f"{uri} is no database and no server", "sqlite:///FILE, postgresql://..., or http://HOST:PORT")
    except ViewError as error:
        anew = "python tune/sync.py --study NAME moves it aside and makes it anew"
        ways = {"older": upgrade, "newer": f"install that version of {package.name}", "damaged": anew}
        ways |= {"locked": "end the program that writes it", "away": "start the database server"}
        return broken(str(error), ways.get(error.condition, "give another, or the right to write it"))
    if file is not None and not file.exists():
        return ok(f"{file} is not there yet, a search makes it")
    return ok(f"{file or uri}, its schema is that of the installed version, or still to be made")


def ray(address: str | None) -> Finding:
    """Whether Ray starts here, or the cluster answers; what it has, and whether a token guards it."""
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        mine = {} if address else {"RAY_TMPDIR": folder}
        if not address and (home_problem() or not TOKEN.expanduser().exists()):
            mine["RAY_AUTH_TOKEN"] = uuid.uuid4().hex  # Ray would write one down
        answer = unreachable(address) or probe(
            "cluster", *([address] if address else []), limit_s=RAY_S, environment=mine
        )
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
    """The error where nothing listens at HOST:PORT: Ray would try for minutes."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return {}
    try:
        socket.create_connection((host, int(port)), CONNECT_S).close()
    except OSError as error:
        return {"error": f"nothing answers there: {error}"}
    return {}


def _guarded(text: str, token: bool) -> Finding:
    """A cluster without a token runs anyone's code; a token that others can read is little better."""
    if not token:
        return warning(f"{text}; without a token", "RAY_AUTH_MODE=token on every machine, or anyone's code runs there")
    if home_problem():
        return ok(f"{text}; with a token for one search")
    file = TOKEN.expanduser()
    if file.exists() and file.stat().st_mode & 0o077:
        return warning(f"{text}; others on this machine can read its token", f"chmod 600 {file}")
    return ok(f"{text}; with a token")
