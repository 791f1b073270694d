"""A server that says, byte by byte, what a test wants; and the client on its way to it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from bulk_sync.heffl.client import HefflClient

CERTIFICATES = Path(__file__).parent / "certificates"

Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """Answers each request on loopback by ``behave``; keeps the heads and bodies that came.

    ``connections`` were opened, ``standing`` are those that still are.
    """

    behave: Behave
    certificate: str = ""
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    standing: int = 0
    url: str = ""
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        tls = None
        if self.certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(CERTIFICATES / f"{self.certificate}.pem")
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/api/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.standing += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = next(
                    (int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:")), 0
                )
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(length))
                await self.behave(reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.standing -= 1
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


def answering(body: bytes, *, status: str = "200 OK", headers: str = "") -> Behave:
    """Return a behaviour: one whole answer."""

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body)

    return behave


@contextmanager
def serving_elsewhere(server: RawServer) -> Iterator[None]:
    """Run a server in a loop of its own, which goes on when the client's has ended."""
    ready, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield
    finally:
        ended.set()
        thread.join()


def open_wires(client: HefflClient) -> list[Any]:
    """Return the connections that a client has open."""
    transport: Any = client._transport
    return [wire for connections in transport._connections.values() for wire in connections._open]


@pytest.fixture
def elsewhere() -> Callable[[RawServer], AbstractContextManager[None]]:
    """Return what serves in a loop of its own."""
    return serving_elsewhere


@pytest.fixture
def raw_server() -> type[RawServer]:
    """Return the class of servers."""
    return RawServer


@pytest.fixture
def answer() -> Callable[..., Behave]:
    """Return the maker of whole answers."""
    return answering


@pytest.fixture
def certificates() -> Path:
    """Return the folder of certificates, each named after what is wrong with it."""
    return CERTIFICATES
