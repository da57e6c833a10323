"""SIGTERM ends a command as Ctrl-C does: state is saved, runs are closed, what is left is said."""

import signal
import threading
from types import FrameType


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
