"""HTTP/1.1 by asyncio and httptools beneath httpx's API: a deadline for the whole of a request, and little CPU.

httpx's own transport takes some twenty times as long, aiohttp's session four times: session, request and response
objects are for cookies, redirects, proxies, ``.netrc``, unpacking and sending again, none of which the key may meet.
The exceptions of what lies beneath become httpx's, with the cause kept; httpx's become ours in ``client``.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx2

from bulk_sync.heffl.connections import KEEP_ALIVE, Connections
from bulk_sync.heffl.wire import NoHttp, Wire

_KINDS_KEPT = 8
"""Kinds of headers remembered; someone may make new ones for each request."""

_PORTS = {"http": 80, "https": 443}
_TARGET = re.compile(rb"/[!-~]*").fullmatch
_REFUSED = re.compile(r"\[Errno (\d+)\] Connect call failed").findall
_FIELD = re.compile(rb"[!-~]+: ?[ -~\t\x80-\xff]*").fullmatch


class WireTransport(httpx2.AsyncBaseTransport):
    """Carries httpx requests, each once, over connections of its own.

    ``deadline`` bounds a request from its beginning to the last byte of the answer, ``connect`` the part before
    it leaves (name, connection, TLS), ``keep_alive`` how long a connection waits for the next; all in seconds. Of a
    body no more than ``body_limit`` bytes and a piece is read.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None,
        deadline: float,
        connect: float,
        body_limit: int,
        keep_alive: float = KEEP_ALIVE,
    ) -> None:
        self._tls = tls
        self._deadline = deadline
        # The part before sending must run out first: only then is it certain that nothing left.
        self._connect = min(connect, deadline / 2)
        self._body_limit = body_limit
        self._keep_alive = keep_alive
        self._known: dict[int, _Known] = {}
        self._connections: dict[tuple[str, str, int], Connections] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send once; the body of the answer has come, or a part of it. Raises httpx2.TransportError."""
        known = self._known_parts(request)
        connections = known.connections
        message = _message(request, known.fields)
        now = connections.loop.time()
        wire = await connections.take(now) or await self._open(connections)
        try:
            answer = await wire.ask(message, now + self._deadline)
        except (NoHttp, OSError) as error:
            raise _httpx_error(error) from error
        connections.give(wire)
        body = b"".join(answer.body)
        stream = httpx2.ByteStream(body) if answer.fault is None else _Torn(body, answer.fault)
        return httpx2.Response(answer.status, headers=answer.headers, stream=stream)

    async def aclose(self) -> None:
        """Close every connection. What follows may come in another event loop."""
        connections, self._connections = self._connections, {}
        self._known.clear()
        for each in connections.values():
            await each.aclose()

    async def _open(self, connections: Connections) -> Wire:
        try:
            wire = await connections.open(self._connect)
        except TimeoutError as error:
            late = f"no connection within {self._connect:g} s"
            raise httpx2.ConnectTimeout(_reason(error) if error.errno else late) from error
        except (OSError, UnicodeError) as error:
            raise httpx2.ConnectError(_reason(error)) from error
        if not wire.stands:
            raise httpx2.ConnectError("the server spoke, or closed the connection, before the request left")
        return wire

    def _known_parts(self, request: httpx2.Request) -> _Known:
        """Return what the requests with these headers share: a client has two kinds, for reading and for writing."""
        known = self._known.get(id(request.headers))
        if known is None or known.headers is not request.headers:
            if len(self._known) >= _KINDS_KEPT:
                self._known.clear()
            url = request.url
            host, port = url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]
            connections = self._connections.get((url.scheme, host, port))
            if connections is None:
                tls = (self._tls or True) if url.scheme == "https" else False
                connections = Connections(host, port, tls=tls, body_limit=self._body_limit, keep_alive=self._keep_alive)
                self._connections[url.scheme, host, port] = connections
            known = self._known[id(request.headers)] = _Known(request.headers, _fields(request), connections)
        return known


class _Known(NamedTuple):
    """What requests with the same headers share: these, how they are written, and what they are sent by."""

    headers: httpx2.Headers
    fields: bytes
    connections: Connections


class _Torn(httpx2.AsyncByteStream):
    """The part of a body that came, and why the rest did not."""

    def __init__(self, part: bytes, fault: Exception) -> None:
        self._part = part
        self._fault = fault

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._part
        raise _httpx_error(self._fault) from self._fault


def _fields(request: httpx2.Request) -> bytes:
    fields = [b"%s: %s" % field for field in request.headers.raw]
    for field in fields:
        if not _FIELD(field):
            raise httpx2.LocalProtocolError("a header has a name or a value that HTTP has no way to write")
    return b"\r\n".join(fields)


def _message(request: httpx2.Request, fields: bytes) -> bytes:
    """Return a request as it goes over the wire."""
    target: bytes = request.extensions.get("target") or request.url.raw_path
    if not _TARGET(target):
        raise httpx2.LocalProtocolError(f"{target!r} is no path")
    body = request.content
    length = b"\r\ncontent-length: %d" % len(body) if body else b""
    return b"%s %s HTTP/1.1\r\n%s%s\r\n\r\n%s" % (request.method.encode("ascii"), target, fields, length, body)


def _reason(error: OSError | UnicodeError) -> str:
    """Return why there is no connection; where addresses refused, asyncio tells their numbers and themselves alone."""
    numbers = dict.fromkeys(_REFUSED(str(error)))
    return ", ".join(os.strerror(int(number)) for number in numbers) or str(error)


def _httpx_error(error: Exception) -> httpx2.TransportError:
    """Return httpx's exception for what went wrong once the request was on its way."""
    if isinstance(error, TimeoutError):
        return httpx2.ReadTimeout(str(error) or "no whole answer within the deadline")
    if isinstance(error, NoHttp):
        return httpx2.RemoteProtocolError(str(error))
    return httpx2.ReadError(str(error))
