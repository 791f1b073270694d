"""aiohttp's connections and parser beneath httpx's API: 40 µs of CPU a request, and a deadline for the whole of it.

httpx's own transport takes ten times as long, aiohttp with its session twice as long: session, request and response
objects are for cookies, redirects, proxies, ``.netrc``, unpacking and sending again, none of which the key may meet.
aiohttp's exceptions become httpx's, with the cause kept; httpx's become ours in ``client``.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple

import aiohttp
import httpx2
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.streams import StreamReader
from yarl import URL

KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept: less than the 5 of uvicorn and Node, so that we close first. A
server that closes at the moment when we send would leave a row in doubt for nothing."""

_KINDS_KEPT = 8
"""Kinds of headers remembered; someone may make new ones for each request."""

_TARGET = re.compile(rb"/[!-~]*").fullmatch
_FIELD = re.compile(rb"[!-~]+: ?[ -~\t\x80-\xff]*").fullmatch
_FAULTS = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError)


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Carries httpx requests over aiohttp's connections, each request once.

    ``deadline`` bounds a request from its beginning to the last byte of the answer, ``connect`` the part before
    it leaves (name, connection, TLS); both in seconds.
    """

    def __init__(self, *, tls: ssl.SSLContext | None, deadline: float, connect: float) -> None:
        self._tls = tls
        self._deadline = deadline
        # The part before sending must run out first: only then is it certain that nothing left.
        self._timeout = aiohttp.ClientTimeout(connect=min(connect, deadline / 2))
        self._connector: aiohttp.TCPConnector | None = None
        self._known: dict[int, _Known] = {}
        self._idle: dict[URL, _Idle] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send once; the body of the answer may still be to be read. Raises httpx2.TransportError."""
        known = self._known_parts(request)
        loop = known.loop
        ends_at = loop.time() + self._deadline
        message = _message(request, known.fields)
        connection = known.idle.take(loop.time())
        if connection is None:
            connection = await self._connect(known.opening)
        try:
            protocol, wire = _ready(connection)
            wire.write(message)
            # asyncio.timeout would cost three times as much, a tenth of the whole.
            alarm = loop.call_at(ends_at, protocol.set_exception, TimeoutError())
            try:
                head, body = await _head(protocol)
            finally:
                alarm.cancel()
            if body.is_eof():  # most answers come in one piece
                stream: httpx2.AsyncByteStream = httpx2.ByteStream(body.read_nowait())
                known.idle.give(connection)
            else:
                stream = _Body(connection, body, ends_at, known.idle)
        except _FAULTS as error:
            connection.close()
            raise _httpx_error(error) from error
        except BaseException:
            connection.close()
            raise
        return httpx2.Response(head.code, headers=head.raw_headers, stream=stream)

    async def aclose(self) -> None:
        """Close every connection."""
        if self._connector is not None:
            await self._connector.close()  # first: it waits for the ends of those that it still counts as its own
            self._connector = None
        for idle in self._idle.values():
            idle.close()
        self._idle.clear()
        self._known.clear()  # they belong to a loop; the next request may come in another

    def _known_parts(self, request: httpx2.Request) -> _Known:
        """Return what the requests with these headers share: a client has two kinds, for reading and for writing."""
        known = self._known.get(id(request.headers))
        if known is None or known.headers is not request.headers:
            if len(self._known) >= _KINDS_KEPT:
                self._known.clear()
            url = request.url
            origin = URL.build(scheme=url.scheme, authority=url.netloc.decode("ascii"))
            loop = asyncio.get_running_loop()
            opening = aiohttp.ClientRequest("GET", origin, loop=loop)
            idle = self._idle.setdefault(origin, _Idle(loop))
            known = self._known[id(request.headers)] = _Known(request.headers, _fields(request), loop, opening, idle)
        return known

    async def _connect(self, opening: aiohttp.ClientRequest) -> Connection:
        if self._connector is None:
            self._connector = aiohttp.TCPConnector(limit=0, ssl=self._tls or True, force_close=True)
        try:
            return await self._connector.connect(opening, traces=[], timeout=self._timeout)
        except _FAULTS as error:
            raise _unconnected(error) from error


class _Known(NamedTuple):
    """What requests with the same headers share: these, how they are written, and what they are sent by."""

    headers: httpx2.Headers
    fields: bytes
    loop: asyncio.AbstractEventLoop
    opening: aiohttp.ClientRequest
    idle: _Idle


class _Idle:
    """The open connections to one origin that wait for a request, the last used first.

    Giving them back to aiohttp and asking for them again would cost a quarter of a request. That which was used last
    is the least likely to have been closed meanwhile.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[tuple[Connection, float]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    def take(self, now: float) -> Connection | None:
        """Return a connection that still stands, None where there is none; ``now`` is the loop's time."""
        while self._waiting:
            connection, until = self._waiting.pop()
            wire = connection.transport
            if wire is not None and not wire.is_closing() and now < until:
                return connection
            connection.close()
        return None

    def give(self, connection: Connection) -> None:
        """Keep a connection for the next request, unless a part of this one, answered early, still waits to leave."""
        protocol, wire = connection.protocol, connection.transport
        if protocol is None or protocol.should_close or wire is None or wire.get_write_buffer_size():
            connection.close()
            return
        self._waiting.append((connection, self._loop.time() + KEEP_ALIVE))
        if self._alarm is None:
            self._alarm = self._loop.call_later(KEEP_ALIVE, self._expire)

    def close(self) -> None:
        """Close all."""
        if self._alarm is not None:
            self._alarm.cancel()
        while self._waiting:
            self._waiting.pop()[0].close()

    def _expire(self) -> None:
        now = self._loop.time()
        while self._waiting and self._waiting[0][1] <= now:
            self._waiting.popleft()[0].close()
        self._alarm = self._loop.call_at(self._waiting[0][1], self._expire) if self._waiting else None


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


def _ready(connection: Connection) -> tuple[ResponseHandler, asyncio.Transport]:
    """Return what the answer comes by, and what the request leaves by; no answer has come yet.

    A server or proxy that answers twice would shift every later answer of the connection to the next row.
    """
    protocol, wire = connection.protocol, connection.transport
    if protocol is None or wire is None:
        raise httpx2.ConnectError("the connection was closed before the request left")
    protocol.set_response_params(read_until_eof=True, auto_decompress=False)
    if len(protocol):
        raise httpx2.ConnectError("an answer that nobody asked for came before the request left")
    if wire.is_closing():
        raise httpx2.ConnectError("what came before the request left was no HTTP")
    return protocol, wire


async def _head(protocol: ResponseHandler) -> tuple[RawResponseMessage, StreamReader]:
    """Wait for the head of the final answer; its body may be on the way."""
    while True:
        head, body = await protocol.read()
        if not 100 <= head.code < 200 or head.code == 101:
            return head, body


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, as it comes."""

    def __init__(self, connection: Connection, body: StreamReader, ends_at: float, idle: _Idle) -> None:
        self._connection: Connection | None = connection
        self._body = body
        self._ends_at = ends_at
        self._idle = idle

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while not self._body.at_eof():
                async with asyncio.timeout_at(self._ends_at):
                    part = await self._body.readany()
                yield part
        except _FAULTS as error:
            raise _httpx_error(error) from error

    async def aclose(self) -> None:
        """Free the connection for the next request, or close it where a part of the body was left unread."""
        connection, self._connection = self._connection, None
        if connection is None:
            return  # given back already; another request may have it by now
        if self._body.at_eof():
            self._idle.give(connection)
        else:
            connection.close()


def _unconnected(error: Exception) -> httpx2.TransportError:
    """Return httpx's exception where no connection came about: nothing left."""
    kind = httpx2.ConnectTimeout if isinstance(error, TimeoutError) else httpx2.ConnectError
    return kind(str(error))


def _httpx_error(error: Exception) -> httpx2.TransportError:
    """Return httpx's exception for one of aiohttp's over an open connection."""
    if isinstance(error, TimeoutError):
        return httpx2.ReadTimeout("no whole answer within the deadline")
    if isinstance(error, HttpProcessingError | aiohttp.ClientPayloadError):
        return httpx2.RemoteProtocolError(str(error))
    return httpx2.ReadError(str(error))
