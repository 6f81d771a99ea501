"""The local page's server: loopback alone, a secret in the address, reading alone.

Every address begins with a random token of 32 characters, which only the person who started the command has. A request
without it is not found; one whose `Host` is not this server's is refused (a name that somebody points at 127.0.0.1),
and so is one that another site's page sent. Answers may not be framed, kept, or sniffed, and the page may load
nothing from anywhere else (`Content-Security-Policy`). Files are those of the package by their names, never by a path
of a request.
"""

from __future__ import annotations

import hmac
import importlib.resources
import re
import secrets
import socket
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from samgraph.errors import ConfigError, SamgraphError
from samgraph.explore.company import company_page
from samgraph.explore.desk import basket_page, holdings_page, pairs_page
from samgraph.explore.pictures import MOST, chain_page
from samgraph.explore.products import product_page, search
from samgraph.explore.state import Explorer
from samgraph.graph.db.asof import AsOf

HOST = "127.0.0.1"
LARGEST_FILE = 1_000_000
LONGEST = 400
"""Characters of a text that is asked for."""
MOST_IDS = 500
FILES = {
    "explore.html": "text/html; charset=utf-8",
    "explore.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "pages.js": "text/javascript; charset=utf-8",
    "picture.js": "text/javascript; charset=utf-8",
    "tables.js": "text/javascript; charset=utf-8",
    "charts.js": "text/javascript; charset=utf-8",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Answer = Callable[[Explorer, AsOf, Request], dict[str, Any]]


class Guard:
    """Lets through what has the token and comes from this server's own page; cuts the token off the path."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app, self.token = app, token
        self.hosts = {f"{name}:{port}" for name in (HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        refused = self._refused(scope)

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = [(key.lower().encode(), value.encode()) for key, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        if refused is not None:
            await refused(scope, receive, with_headers)
            return
        path = scope["path"][len(self.token) + 1 :]
        inner = dict(scope, path=path or "/", root_path="", raw_path=path.encode())
        await self.app(inner, receive, with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        host = headers.get("host", "")
        if host not in self.hosts:
            return Response("wrong Host", 421)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if origin not in (None, f"http://{host}") or site not in ("none", "same-origin"):
            return Response("another site's page asks", 403)
        first = scope["path"].split("/", 2)[1:2]
        if not first or not hmac.compare_digest(first[0].encode(), self.token.encode()):
            return Response("not found", 404)
        if scope["path"] == f"/{self.token}":
            return RedirectResponse(f"/{self.token}/", 307)
        return None


def application(explorer: Explorer, token: str, port: int) -> ASGIApp:
    """The page and its answers, behind the guard."""

    def route(path: str, answer: Answer) -> Route:
        async def asked(request: Request) -> Response:
            return await run_in_threadpool(_answered, explorer, request, answer)

        return Route(path, asked, methods=["GET"])

    async def start(_: Request) -> Response:
        return await run_in_threadpool(_sentence, explorer.start)

    async def holdings(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_FILE:
                return JSONResponse({"error": f"the file is larger than {LARGEST_FILE / 1e6:.0f} MB"}, 413)
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            return JSONResponse({"error": "the file is no text in UTF-8; save it as CSV UTF-8"}, 400)
        return await run_in_threadpool(
            _answered, explorer, request, lambda own, as_of, _: holdings_page(own, as_of, text)
        )

    async def file(request: Request) -> Response:
        name = request.path_params.get("name", "explore.html")
        if name not in FILES:
            return Response("not found", 404)
        text = (importlib.resources.files("samgraph.explore") / name).read_bytes()
        return Response(text, headers={"Content-Type": FILES[name]})

    routes = [
        Route("/", file, methods=["GET"]),
        Route("/api/start", start, methods=["GET"]),
        Route("/api/holdings", holdings, methods=["POST"]),
        *(route(f"/api/{name}", answer) for name, answer in ANSWERS.items()),
        Route("/{name}", file, methods=["GET"]),
    ]
    return Guard(Starlette(routes=routes), token, port)


def _answered(explorer: Explorer, request: Request, answer: Answer) -> Response:
    def made() -> dict[str, Any]:
        as_of = explorer.moment(text(request, "as_of"), text(request, "known") or None)
        found = answer(explorer, as_of, request)
        moment = as_of.known.isoformat() if as_of.known else None
        return {"as_of": as_of.valid.isoformat(), "known": moment, **found}

    return _sentence(made)


def _sentence(make: Callable[[], dict[str, Any]]) -> Response:
    try:
        return JSONResponse(make())
    except SamgraphError as error:
        return JSONResponse({"error": str(error)}, 400)


def text(request: Request, name: str) -> str:
    """A parameter; empty without it.

    Raises:
        ConfigError: it is too long
    """
    found = request.query_params.get(name, "")
    if len(found) > LONGEST:
        raise ConfigError(f"{name} is longer than {LONGEST} characters")
    return found


def ids(request: Request, name: str) -> list[str]:
    """A parameter given several times."""
    found = [value for value in request.query_params.getlist(name) if value]
    if len(found) > MOST_IDS or any(len(value) > LONGEST for value in found):
        raise ConfigError(f"at most {MOST_IDS} {name}, each of at most {LONGEST} characters")
    return list(dict.fromkeys(found))


def number(request: Request, name: str, default: int, most: int) -> int:
    """A whole number from 0 to `most`."""
    found = text(request, name) or str(default)
    if not re.fullmatch(r"[0-9]{1,6}", found) or int(found) > most:
        raise ConfigError(f"{name} is {found!r}; give a whole number from 0 to {most}")
    return int(found)


def _explained(explorer: Explorer, as_of: AsOf, request: Request) -> dict[str, Any]:
    day = text(request, "day")
    if explorer.run is None:
        raise ConfigError("no run was given: start with `samgraph explore RUN`")
    if day > as_of.valid.isoformat():
        raise ConfigError(f"the score of {day} was not known on {as_of.valid}")
    return explorer.run.explanation(text(request, "id"), day)


ANSWERS: dict[str, Answer] = {
    "search": lambda own, as_of, request: search(own, as_of, text(request, "q")),
    "company": lambda own, as_of, request: company_page(own, as_of, text(request, "id")),
    "product": lambda own, as_of, request: product_page(own, as_of, text(request, "id")),
    "explain": _explained,
    "chain": lambda own, as_of, request: chain_page(
        own, as_of, text(request, "q"), ids(request, "open"), most=number(request, "most", MOST, 5000)
    ),
    "basket": lambda own, as_of, request: basket_page(
        own,
        as_of,
        question=text(request, "q"),
        products=ids(request, "p"),
        without=ids(request, "without"),
        versus=ids(request, "vs"),
        universe=text(request, "universe") or None,
        upstream=number(request, "up", 0, 5),
        downstream=number(request, "down", 0, 5),
    ),
    "pairs": lambda own, as_of, request: pairs_page(
        own,
        as_of,
        universe=text(request, "universe") or None,
        company=text(request, "id") or None,
        by=text(request, "by"),
        top=max(1, number(request, "top", 50, 500)),
    ),
}


def listen(port: int = 0) -> socket.socket:
    """A socket of the loopback address alone; port 0 is any free one.

    Raises:
        ConfigError: the port is taken
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
    except OSError as error:
        found.close()
        raise ConfigError(
            f"port {port} of {HOST} cannot be had: {error.strerror}; choose another --port"
        ) from error
    found.listen()  # a browser that is quicker than the server waits for it
    return found


def new_token() -> str:
    return secrets.token_urlsafe(24)


def serve(explorer: Explorer, bound: socket.socket, token: str) -> None:
    """Answer until interrupted."""
    import uvicorn

    port = int(bound.getsockname()[1])
    config = uvicorn.Config(
        application(explorer, token, port),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
    )
    uvicorn.Server(config).run(sockets=[bound])
