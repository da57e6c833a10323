"""The server of the page: its routes, and who may read and give orders.

Whoever reaches the server may read. Only who has the token gives orders; it comes in a header, which no page of another
site can set. A request under a name that the server does not have is refused, so that no other site's name leads here.
"""

import hmac
import json
import socket
from collections.abc import Awaitable, Callable, Collection
from functools import lru_cache
from importlib.resources import files
from typing import Any, get_args

from plotly.offline import get_plotlyjs, get_plotlyjs_version
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tune.core.console import all_masked, one_line
from tune.core.orders import Action
from tune.core.study import USER_ERRORS
from tune.live.storage import Storage
from tune.reporting.pages import page_template

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
ASSETS = {"live.css": "text/css", "live.js": "text/javascript", "study.js": "text/javascript",
          "charts.js": "text/javascript"}  # fmt: skip
POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Of every answer: it loads nothing from elsewhere, and stands in no other page. Plotly writes styles into the page."""
KEPT = "public, max-age=31536000, immutable"
MOST_BYTES = 10_000
"""Of an order."""


def app(storage: Storage, token: str = "", names: Collection[str] = LOOPBACK) -> Starlette:
    """The server of a storage; without a ``token`` nobody gives orders. ``names``: under which it may be reached."""

    async def give(request: Request) -> Response:
        return await order(request, storage, token)

    routes = [
        Route("/", lambda request: page(token)),
        Route("/studies/{name}", lambda request: page(token, request.path_params["name"])),
        Route("/static/plotly.js", plotly),
        Route("/static/{file}", asset),
        Route("/api/studies", answering(lambda request: {"storage": storage.home.root, **storage.names()})),
        Route("/api/studies/{name}", answering(lambda request: document(storage, request))),
        Route("/api/studies/{name}/summary", answering(lambda request: watched(storage, request).summary())),
        Route("/api/studies/{name}/cells/{cell}", answering(lambda request: history(storage, request))),
        Route("/api/studies/{name}/orders", give, methods=["POST"]),
    ]
    guards = [Middleware(TrustedHostMiddleware, allowed_hosts=[*names], www_redirect=False), Middleware(GZipMiddleware)]
    made = Starlette(routes=routes, middleware=guards, exception_handlers={HTTPException: refused})
    made.add_middleware(Protected)
    return made


class Protected:
    """Adds :data:`POLICY` to every answer."""

    def __init__(self, inner: Callable[..., Awaitable[None]]) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                lines = [(name.lower().encode(), value.encode()) for name, value in POLICY.items()]
                message["headers"] = [*message["headers"], *(line for line in lines if line[0] not in own)]
            await send(message)

        await self.inner(scope, receive, sending)


def answering(work: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Response]:
    """A route that answers with a document, or with one line of what is wrong; it runs in a thread of its own."""

    def answer(request: Request) -> Response:
        try:
            return JSONResponse(work(request))
        except USER_ERRORS as error:
            raise HTTPException(404, one_line(error)) from error

    return answer


def watched(storage: Storage, request: Request) -> Any:
    """The study that the request names."""
    return storage.watch(request.path_params["name"])


def document(storage: Storage, request: Request) -> dict[str, Any]:
    """See :meth:`tune.live.watch.Watch.document`."""
    return watched(storage, request).document(request.query_params.get("since", ""))


def history(storage: Storage, request: Request) -> dict[str, Any]:
    """See :meth:`tune.live.watch.Watch.history`; raises HTTPException for a cell that is not there."""
    found = watched(storage, request).history(name := request.path_params["cell"])
    if found is None:
        raise HTTPException(404, f"the study has no cell {name!r}")
    return found


async def order(request: Request, storage: Storage, token: str) -> Response:
    """Give the order that stands in the body; raises HTTPException without the token, and for a bad order."""
    if not token:
        raise HTTPException(403, f"{READ_ONLY}: start it with --token to give orders")
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise HTTPException(401, "this is not the token that the page was started with")
    action, cells = wanted(await body_of(request))
    try:
        told = await run_in_threadpool(storage.order, request.path_params["name"], action, cells)
    except USER_ERRORS as error:
        raise HTTPException(409, one_line(error)) from error
    return JSONResponse(told, 201)


READ_ONLY = "this page is read-only"


async def body_of(request: Request) -> bytes:
    """The request's body; raises HTTPException for a long one."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"an order must have at most {MOST_BYTES} bytes")
    return body


def wanted(body: bytes) -> tuple[Action, str]:
    """The action and the pattern of cells in an order; raises HTTPException for any other text."""
    try:
        facts = json.loads(body)
        action, cells = facts["action"], facts.get("cells", "")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HTTPException(400, 'an order must be JSON as {"action": "pause", "cells": "grnn_*"}') from error
    if action not in get_args(Action) or not isinstance(cells, str):
        raise HTTPException(400, f"action must be one of {', '.join(get_args(Action))}, cells a pattern")
    if action == "prioritise" and not cells:
        raise HTTPException(400, "cells must name the cells that come first")
    return action, cells


def refused(request: Request, error: Exception) -> Response:
    """What is wrong, in one line."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": all_masked(error.detail)}, error.status_code)


def page(token: str, study: str = "") -> Response:
    """The page: the list, or one study."""
    template = page_template("tune.live")
    return HTMLResponse(template.render(study=study, may_order=bool(token), plotly=get_plotlyjs_version()))


def asset(request: Request) -> Response:
    """One of :data:`ASSETS`; raises HTTPException for any other file."""
    if (name := request.path_params["file"]) not in ASSETS:
        raise HTTPException(404, f"there is no file {name!r}")
    return Response(files("tune.live").joinpath(name).read_bytes(), media_type=ASSETS[name])


def plotly(request: Request) -> Response:
    """Plotly's own script, as installed; a browser keeps it."""
    return Response(plotly_script(), media_type="text/javascript", headers={"Cache-Control": KEPT})


@lru_cache(1)
def plotly_script() -> bytes:
    """The script's text."""
    return get_plotlyjs().encode()


def own_names(host: str, more: Collection[str] = ()) -> list[str]:
    """The names under which a server that listens at that address may be reached."""
    host = f"[{host}]" if ":" in host else host
    own = () if host in LOOPBACK else (host, socket.gethostname(), socket.getfqdn())
    return [*dict.fromkeys((*LOOPBACK, *own, *more))]
