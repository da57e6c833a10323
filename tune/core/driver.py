"""One driver a study: a file lock in a local folder, a renewed lease in a bucket."""

import fcntl
import json
import os
import signal
import socket
import stat
import threading
import time
import uuid
from _thread import interrupt_main
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from data.terminal import say
from tune.core.console import moment
from tune.core.folder import Folder
from tune.core.study import StudyError


def stop_on_sigterm() -> None:
    """Let SIGTERM stop this process as Ctrl-C does. Ray replaces the handler when it starts; call this again then."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _as_ctrl_c)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)  # Tune's own while it runs; none where a shell put us in the background
    (handler if callable(handler) else signal.default_int_handler)(signal.SIGINT, frame)


TAKEN_OVER = signal.SIGUSR2
"""The signal that ends a search which lost its lease. SIGINT is ignored in background jobs of a shell."""
LEASE = "driver.json"
RENEWAL_S = 5.0
"""Seconds between renewals of a lease; a driver that misses three counts as dead."""
CLOCK_S = 1.0
"""Seconds: the resolution of a bucket's modification times."""
LOCK = "driver.lock"
LOOK_S = 0.05
"""Seconds, longer than :func:`driver_of` holds a lock to read it."""


def driver_lock(folder: Folder) -> AbstractContextManager[None]:
    """Hold the study for this process; raises StudyError with the process that holds it where there is another."""
    return _locked(Path(folder.root)) if folder.is_local else _leased(folder)


def driver_of(folder: Folder) -> dict[str, Any] | None:
    """The driver that works on the study now: its host, pid and start (seconds since 1970); None without one.

    Writes nothing. In a bucket a driver counts while its lease is younger than three renewals.
    """
    if folder.is_local:
        path = f"{folder.root}/{LOCK}"
        with suppress(FileNotFoundError), open(path, encoding="utf-8", opener=_without_links) as file:
            return None if _try_lock(file, fcntl.LOCK_SH) else json.loads(file.read() or "{}")
        return None
    holder, renewed = folder.read_json(LEASE), folder.modified(LEASE)
    if holder is None or renewed is None or _is_dead_here(holder):
        return None
    return holder if time.time() - renewed < 3 * RENEWAL_S + CLOCK_S else None


def process_text(driver: Mapping[str, Any] | None) -> str:
    """The driver's process as "pid PID on HOST", empty for None."""
    return "" if driver is None else f"pid {driver.get('pid')} on {driver.get('host')}"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock that the kernel releases when the process ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a+", encoding="utf-8", opener=_without_links) as file:
        if not _try_lock(file):
            time.sleep(LOOK_S)  # another process may only have read it
            if not _try_lock(file):
                file.seek(0)
                raise _held(folder.name, json.loads(file.read() or "{}"))
        file.truncate(0)
        file.write(json.dumps(_own_process()))
        file.flush()
        yield


def _without_links(path: str, flags: int) -> int:
    """Open the lock but follow no link: in a folder of somebody else's it could lead to a file of the user."""
    opened = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(f"{path} must be a file, it is a pipe or a device: move it away")
    return opened


def _try_lock(file: TextIO, how: int = fcntl.LOCK_EX) -> bool:
    """Whether this process could lock the file."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _leased(folder: Folder) -> Iterator[None]:
    """Hold a lease, since a bucket has no locks: a file that names the holder and that the holder renews."""
    if threading.current_thread() is not threading.main_thread():
        raise StudyError(f"study {folder.name!r} is in a bucket: work on it in the main thread, where signals arrive")
    lease, ended = _own_process() | {"id": uuid.uuid4().hex, "renewals": 0}, threading.Event()
    _require_free(folder)
    folder.write_json(LEASE, lease)
    time.sleep(RENEWAL_S / 5)  # where two drivers found it free at the same time, the later writer gets it
    if not _is_own(folder, lease):
        raise _held(folder.name, folder.read_json(LEASE) or {})
    renewal = threading.Thread(target=_renew, args=(folder, lease, ended), daemon=True)
    renewal.start()
    handler = signal.signal(TAKEN_OVER, signal.default_int_handler)
    try:
        yield
    finally:
        ended.set()
        signal.signal(TAKEN_OVER, handler)
        renewal.join()
        if _is_own(folder, lease):
            folder.delete(LEASE)


def _require_free(folder: Folder) -> None:
    """Raises StudyError where the lease is renewed within three renewals, which shows that its holder lives."""
    lease = folder.read_json(LEASE)
    if lease is None or _is_dead_here(lease):
        return
    say(f"study {folder.name!r} was held by {process_text(lease)}: looking whether it still lives")
    for _ in range(3):
        time.sleep(RENEWAL_S)
        if folder.read_json(LEASE) not in (None, lease):
            raise _held(folder.name, lease)


def _is_dead_here(holder: Mapping[str, Any]) -> bool:
    if holder["host"] != socket.gethostname():
        return False
    try:
        os.kill(holder["pid"], 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)
    return False


def _renew(folder: Folder, lease: Mapping[str, Any], ended: threading.Event) -> None:
    """Renew the lease until the search ends; stop the search where another driver has taken the study over."""
    renewals = 0
    while not ended.wait(RENEWAL_S):
        renewals += 1
        try:
            if not _is_own(folder, lease):
                say(f"study {folder.name!r} was taken over by another driver: this one stops")
                return interrupt_main(TAKEN_OVER)
            folder.write_json(LEASE, {**lease, "renewals": renewals})
        except OSError:  # the bucket does not answer: the next renewal tries again
            continue


def _is_own(folder: Folder, lease: Mapping[str, Any]) -> bool:
    return (folder.read_json(LEASE) or {}).get("id") == lease["id"]


def _own_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": time.time()}


def _held(name: str, holder: Mapping[str, Any]) -> StudyError:
    process = f"{process_text(holder)} since {moment(holder.get('started', 0))}"
    return StudyError(f"study {name!r} is held by a running driver: {process}; wait for it or stop it")
