"""The state of this process that a search changes: environment variables and signal handlers."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def unchanged_process() -> Iterator[None]:
    """Afterwards the environment and the handlers of Ctrl-C and SIGTERM are as they were, however the work ends."""
    before, handlers = dict(os.environ), {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
        if threading.current_thread() is threading.main_thread():  # no other thread may set them
            for number, handler in handlers.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
