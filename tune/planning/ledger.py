"""What a study's searches have spent: ``spent.json`` in its folder, with one entry for each search."""

import math
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from data.terminal import say
from tune.core.folder import ENTRIES, DamagedError, Folder

LEDGER = "spent.json"
WRITE_S = 10.0
"""Seconds between two writes: as much is lost where a driver is killed."""
WAY_OUT = "put it back from a copy, or delete it: budgets then count from zero"
Clock = Callable[[], float]


class Spent(NamedTuple):
    """Seconds of searches, and the GPU-hours of their trials with the price."""

    seconds: float = 0.0
    gpu_hours: float = 0.0
    price: float = 0.0


class Session(NamedTuple):
    """One search of the study: from when to when, in seconds since 1970, and what it took."""

    id: str
    began: float
    until: float
    seconds: float
    gpu_hours: float
    price_per_gpu_hour: float | None = None


def sessions(folder: Folder) -> list[Session]:
    """The searches of the study in that folder, the oldest first; raises DamagedError."""
    return [Session(**entry) for entry in folder.read_entries(LEDGER, _checked, WAY_OUT)]


def _checked(entry: Any) -> dict[str, Any]:
    session = Session(**entry)
    numbers = [number for number in session[1:] if number is not None]
    if not isinstance(session.id, str) or not all(0 <= number < math.inf for number in numbers):
        raise ValueError("no search took that")
    return session._asdict()


def total(searches: Iterable[Session], price_per_gpu_hour: float | None = None) -> Spent:
    """What the searches took in all; an hour of a GPU costs what it did then, else ``price_per_gpu_hour``."""
    searches = list(searches)
    prices = (one.gpu_hours * (one.price_per_gpu_hour or price_per_gpu_hour or 0.0) for one in searches)
    return Spent(sum(one.seconds for one in searches), sum(one.gpu_hours for one in searches), sum(prices))


class Meter:
    """Counts what one search takes, from the moment when it is made; any thread may read it."""

    def __init__(
        self, price_per_gpu_hour: float | None = None, clock: Clock = time.monotonic, wall: Clock = time.time
    ) -> None:
        self.clock, self.wall, self.price_per_gpu_hour = clock, wall, price_per_gpu_hour
        self.id, self.began = uuid.uuid4().hex, wall()
        self._start = self._counted = clock()
        self._held: dict[str, float] = {}
        self._gpu_seconds = 0.0
        self._lock = threading.Lock()

    @property
    def gpus(self) -> float:
        """The GPUs that trials hold now."""
        with self._lock:
            return sum(self._held.values())

    def hold(self, trial: str, gpus: float) -> None:
        """From now on that trial holds so many GPUs, none for 0."""
        with self._lock:
            self._count()
            self._held[trial] = gpus

    def session(self) -> Session:
        """What the search took until now."""
        with self._lock:
            self._count()
            seconds, hours = self._counted - self._start, self._gpu_seconds / 3600
            return Session(self.id, self.began, self.wall(), seconds, hours, self.price_per_gpu_hour)

    def _count(self) -> None:
        now = self.clock()
        self._gpu_seconds += (now - self._counted) * sum(self._held.values())
        self._counted = now


class Ledger:
    """The study's ledger while a search runs; use it as a context manager around the search.

    A thread writes it every :data:`WRITE_S` seconds, so that no search waits for a disk or a bucket.
    """

    def __init__(self, folder: Folder, meter: Meter) -> None:
        self.folder, self.meter, self.earlier = folder, meter, sessions(folder)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def spent(self) -> Spent:
        """What the study's searches took until now."""
        return total([*self.earlier, self.meter.session()], self.meter.price_per_gpu_hour)

    def write(self) -> None:
        """Write this search's entry beside those of the others."""
        others = (session for session in sessions(self.folder) if session.id != self.meter.id)
        self.folder.write_sealed(LEDGER, {ENTRIES: [one._asdict() for one in (*others, self.meter.session())]})

    def __enter__(self) -> "Ledger":
        self.write()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(WRITE_S)
        try:
            self.write()
        except (OSError, DamagedError) as error:
            say(f"warning: what this search took is not written to {self.folder.root}/{LEDGER}: {error}")

    def _work(self) -> None:
        while not self._ended.wait(WRITE_S):
            try:
                self.write()
            except (OSError, DamagedError):  # the next write tries again, and the last one says it
                continue
