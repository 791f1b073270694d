"""uvicorn around the service, with a hand on its connections: the only module that imports web libraries."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from bulk_sync.sandbox.config import Outage, SandboxConfig
from bulk_sync.sandbox.service import ROOT, ClientsService
from bulk_sync.sandbox.store import Store
from bulk_sync.sandbox.wire import TRANSPORT, ASGIApplication, Receive, Scope, Send

_KEEP_ALIVE_SECONDS = 75


class _OpenProtocol(H11Protocol):
    """HTTP/1.1 whose scope carries the connection, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app: Any = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport


def _bound(address: tuple[str, int]) -> socket.socket:
    # Without the protocol's number asyncio leaves Nagle's algorithm on, and each answer takes 40 ms.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _application(service: ClientsService, store: Store, keys: tuple[str, ...]) -> ASGIApplication:
    """Return the API, and beside it ``/sandbox/records`` with what is stored and not only what answers show."""

    async def records(request: Request) -> Response:
        if request.headers.get("x-api-key") not in keys:
            return JSONResponse({"code": "UNAUTHORIZED", "message": "Invalid API key"}, status_code=401)
        return JSONResponse(store.records())

    async def counters(_request: Request) -> Response:
        return JSONResponse(service.counters)

    beside = Starlette(routes=[Route("/sandbox/records", records), Route("/sandbox/counters", counters)])

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        # By the path as it was sent: Starlette's routes do not match ids that hold a line break.
        api = scope["raw_path"].startswith(ROOT.encode())
        await (service if api else beside)(scope, receive, send)

    return application


class Listener:
    """Runs a service on a port of its own until it is told to stop. ``run`` is a thread's work.

    :raises OSError: when the port cannot be used.
    """

    def __init__(self, service: ClientsService, store: Store, config: SandboxConfig, address: tuple[str, int]) -> None:
        self.ready = threading.Event()
        self._sock = _bound(address)
        self._address: tuple[str, int] = self._sock.getsockname()
        self._outages = [outage for outage in config.faults.outages if outage.how == "refuse"]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                _application(service, store, config.keys),
                http=_OpenProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )
        )

    @property
    def port(self) -> int:
        """The port that was taken."""
        return self._address[1]

    def run(self) -> None:
        """Serve until :meth:`stop`."""
        try:
            asyncio.run(self._serve())
        finally:
            self.ready.set()

    def stop(self) -> None:
        """Close the port and every connection; may be called from any thread."""
        if self._loop and self._stopping:
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        config = self._uvicorn.config
        config.load()
        self._uvicorn.lifespan = config.lifespan_class(config)
        await self._uvicorn.on_tick(0)
        await self._uvicorn.startup([self._sock])
        outages = [asyncio.create_task(self._refuse(outage)) for outage in self._outages]
        self.ready.set()
        await self._stopping.wait()
        for task in outages:
            task.cancel()
        await self._cut()

    async def _refuse(self, outage: Outage) -> None:
        await asyncio.sleep(outage.start)
        await self._cut()
        await asyncio.sleep(outage.end - outage.start)
        await self._uvicorn.startup([_bound(self._address)])

    async def _cut(self) -> None:
        """Close the port and reset every connection; what was in work sees that its client has gone."""
        for server in self._uvicorn.servers:
            server.close()
        for connection in list(self._uvicorn.server_state.connections):
            connection.transport.abort()
        await asyncio.gather(*self._uvicorn.server_state.tasks, return_exceptions=True)
