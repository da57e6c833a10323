"""A page that shows studies while they run, or long after: ``python tune/dashboard.py``.

It reads the studies' folders or bucket alone, so it may run beside a search or on another machine. With a token it has
buttons that give orders to a search. It asks the network for nothing.
"""

import os
import socket
import sys
from dataclasses import dataclass, field

import uvicorn

from data.terminal import options_of, say
from tune.commands.search import refuse
from tune.core.console import print_document
from tune.core.study import USER_ERRORS
from tune.live.server import app, own_names
from tune.live.storage import Storage

VARIABLE = "FERNN_DASHBOARD_TOKEN"
SHORTEST = 12
"""Characters of a token."""


@dataclass(frozen=True)
class Options:
    """Show studies live in a browser, from their folders or bucket alone."""

    storage: str = "studies"
    """Folder or bucket in which studies are kept."""
    study: str = ""
    """With --json: the study to print, by default the list of studies."""
    port: int = 8800
    """The port to listen at; 0 takes any that is free."""
    host: str = "127.0.0.1"
    """The address to listen at; any but the default lets other machines read."""
    names: tuple[str, ...] = ()
    """Further names under which browsers reach the page, as that of a proxy; a request under any other is refused."""
    token: str = field(default_factory=lambda: os.environ.get(VARIABLE, ""))
    """Who has it may pause, resume, stop and prioritise; by default from FERNN_DASHBOARD_TOKEN, without it nobody."""
    json: bool = False
    """Print one JSON document, that of /api/studies/NAME with --study, and end."""


def check(options: Options) -> None:
    """Raises ValueError for an option that cannot be."""
    if not 0 <= options.port < 2**16:
        raise ValueError(f"--port must be from 0 to 65535, got {options.port}")
    if options.token and not (
        options.token.isascii() and options.token.isprintable() and len(options.token) >= SHORTEST
    ):
        raise ValueError(f"--token, or {VARIABLE}, must have {SHORTEST} printable ASCII characters or more")
    for name in options.names:
        if not name or set(name) & set("*/:@ "):
            raise ValueError(f"--names must be host names without a port, as studies.example.org, got {name!r}")


def listening(options: Options) -> socket.socket:
    """A socket at the address; raises ValueError where it cannot be had."""
    try:
        family = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((options.host, options.port), family=family)
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        way_out = "name another, or --port 0 for any that is free"
        raise ValueError(f"--host {options.host} --port {options.port} cannot be used: {reason}; {way_out}") from error


def serve(storage: Storage, options: Options, listener: socket.socket) -> None:
    """Answer until Ctrl-C."""
    host, port = listener.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    orders = "with the token, orders can be given" if options.token else "read-only: --token allows orders"
    say(f"http://{name}:{port}/ shows the studies in {storage.home.root}; {orders}; Ctrl-C ends it")
    config = uvicorn.Config(
        app(storage, options.token, own_names(options.host, options.names)), log_level="warning", access_log=False,
        server_header=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    storage.warm()
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        say("ended")
    finally:
        storage.close()


def print_state(storage: Storage, study: str) -> None:
    """Print the list of studies, or one study with its findings."""
    if not study:
        names = storage.names()
        return print_document({"storage": storage.home.root, **names})
    print_document(storage.settled(study))


def main(options: Options) -> int:
    """Serve; 0, or 2 where it cannot."""
    try:
        check(options)
        storage = Storage(options.storage)
        if options.json:
            print_state(storage, options.study)
            return 0
        with listening(options) as listener:
            serve(storage, options, listener)
    except USER_ERRORS as error:
        return refuse(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(options_of(Options)))
