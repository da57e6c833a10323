"""One driver a study: a lock on a folder, a lease in a bucket."""

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
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from data.progress import say
from tune.core.folder import Folder
from tune.core.study import StudyError


def stop_on_sigterm() -> None:
    """From now on. Ray takes the signal for itself when it starts, so it is to be said again after that."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _as_ctrl_c)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)  # Tune's own while it runs; none where a shell put us in the background
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:
        raise KeyboardInterrupt


TAKEN_OVER = signal.SIGUSR2
"""Ends the search as Ctrl-C does, also where that is ignored, as it is in a job in the background."""
LEASE = "driver.json"
RENEWAL_S = 5.0
"""A driver renews its lease so often; three renewals missed, and it counts as dead."""
CLOCK_S = 1.0
"""A bucket says in whole seconds when a file was written."""
LOCK = "driver.lock"
LOOK_S = 0.05
"""Longer than :func:`driver_of` holds a lock that it looks at."""


def driver_lock(folder: Folder) -> AbstractContextManager[None]:
    """Hold the study for this process; raises StudyError where another driver holds it, with who that is."""
    return _locked(Path(folder.root)) if folder.is_local else _leased(folder)


def driver_of(folder: Folder) -> dict[str, Any] | None:
    """Who works on the study now: host, pid and when it started; None where nobody does.

    Nothing is written. In a bucket a driver counts while its lease is younger than three renewals.
    """
    if folder.is_local:
        return _holder(Path(folder.root))
    known, renewed = folder.read_json(LEASE), folder.modified(LEASE)
    if known is None or renewed is None or _is_dead_here(known):
        return None
    return known if time.time() - renewed < 3 * RENEWAL_S + CLOCK_S else None


def process_text(driver: Mapping[str, Any] | None) -> str:
    """Which process a driver is, empty for none."""
    return "" if driver is None else f"pid {driver.get('pid')} on {driver.get('host')}"


def _holder(folder: Path) -> dict[str, Any] | None:
    try:
        with open(folder / LOCK, encoding="utf-8", opener=_without_links) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return json.loads(file.read() or "{}")
    except FileNotFoundError:
        pass
    return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The lock goes with the process that holds it, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a+", encoding="utf-8", opener=_without_links) as file:
        if not _taken(file):
            time.sleep(LOOK_S)  # somebody may only have been looking
            if not _taken(file):
                file.seek(0)
                raise _held(folder.name, json.loads(file.read() or "{}"))
        file.truncate(0)
        file.write(json.dumps(_myself()))
        file.flush()
        yield


def _without_links(path: str, flags: int) -> int:
    """The lock itself: a link that somebody else's folder has in its place would lead to a file of the user's."""
    opened = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(f"{path} must be a file, it is a pipe or a device: move it away")
    return opened


def _taken(file: TextIO) -> bool:
    """Whether this process holds the file's lock now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _leased(folder: Folder) -> Iterator[None]:
    """A bucket has no locks: a file says who holds the study, renewed as long as the holder lives."""
    mine, ended = _myself() | {"id": uuid.uuid4().hex, "renewals": 0}, threading.Event()
    _require_free(folder)
    folder.write_json(LEASE, mine)
    time.sleep(RENEWAL_S / 5)  # of two that found it free at once, the later writer has it
    if not _is_mine(folder, mine):
        raise _held(folder.name, folder.read_json(LEASE) or {})
    keeper = threading.Thread(target=_renew, args=(folder, mine, ended), daemon=True)
    keeper.start()
    handler = signal.signal(TAKEN_OVER, signal.default_int_handler)
    try:
        yield
    finally:
        ended.set()
        signal.signal(TAKEN_OVER, handler)
        keeper.join()
        if _is_mine(folder, mine):
            folder.delete(LEASE)


def _require_free(folder: Folder) -> None:
    """Raises StudyError where the lease's holder lives: it is renewed while this process looks at it."""
    known = folder.read_json(LEASE)
    if known is None or _is_dead_here(known):
        return
    say(f"study {folder.name!r} was held by {process_text(known)}: looking whether it still lives")
    for _ in range(3):
        time.sleep(RENEWAL_S)
        if folder.read_json(LEASE) not in (None, known):
            raise _held(folder.name, known)


def _is_dead_here(holder: Mapping[str, Any]) -> bool:
    if holder["host"] != socket.gethostname():
        return False
    try:
        os.kill(holder["pid"], 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)
    return False


def _renew(folder: Folder, mine: Mapping[str, Any], ended: threading.Event) -> None:
    """Renew the lease until the search ends; where another driver took the study over, end as after a Ctrl-C."""
    renewals = 0
    while not ended.wait(RENEWAL_S):
        renewals += 1
        try:
            if not _is_mine(folder, mine):
                say(f"study {folder.name!r} was taken over by another driver: this one stops")
                return interrupt_main(TAKEN_OVER)
            folder.write_json(LEASE, {**mine, "renewals": renewals})
        except OSError:  # the bucket is away: the next renewal tries again
            continue


def _is_mine(folder: Folder, mine: Mapping[str, Any]) -> bool:
    return (folder.read_json(LEASE) or {}).get("id") == mine["id"]


def _myself() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": time.time()}


def _held(name: str, holder: Mapping[str, Any]) -> StudyError:
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder.get("started", 0)))
    who = f"{process_text(holder)} since {started}"
    return StudyError(f"study {name!r} is held by a running driver: {who}; wait for it or stop it")
