"""aiohttp's connections and parser beneath httpx's API: a sixteenth of the CPU, and a deadline for the whole request.

aiohttp's session and its request and response objects are left out: they are for cookies, redirects, proxies,
``.netrc``, unpacking and sending again, none of which the key may meet, and take two thirds of its time. aiohttp's
exceptions become httpx's, with the cause kept; httpx's become ours in ``client``.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import aiohttp
import certifi
import httpx2
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.streams import StreamReader
from yarl import URL

from bulk_sync.errors import Refused

KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept: less than the 5 of uvicorn and Node, so that we close first. A
server that closes at the moment when we send would leave a row in doubt for nothing."""

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

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send once; the body of the answer may still be to be read. Raises httpx2.TransportError."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._deadline
        known = self._known_parts(request)
        message = _message(request, known.fields)
        try:
            connection = await self._open().connect(known.opening, traces=[], timeout=self._timeout)
        except _FAULTS as error:
            raise _unconnected(error) from error
        try:
            protocol, wire = _ready(connection)
            wire.write(message)
            async with asyncio.timeout_at(ends_at):
                head, body = await _head(protocol)
            if body.is_eof():  # most answers come in one piece
                stream: httpx2.AsyncByteStream = httpx2.ByteStream(body.read_nowait())
                connection.release()
            else:
                stream = _Body(connection, body, ends_at)
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
            await self._connector.close()
            self._connector = None

    def _known_parts(self, request: httpx2.Request) -> _Known:
        """Return what the requests with these headers share; they come again and again."""
        known = self._known.get(id(request.headers))
        if known is None or known.headers is not request.headers:
            known = _known_parts(request)
            self._known = {**self._known, id(request.headers): known} if len(self._known) < 8 else {}
        return known

    def _open(self) -> aiohttp.TCPConnector:
        if self._connector is None:
            self._connector = aiohttp.TCPConnector(limit=0, ssl=self._tls or True, keepalive_timeout=KEEP_ALIVE)
        return self._connector


class _Known(NamedTuple):
    """What requests with the same headers share: these, how they are written, and what aiohttp connects by."""

    headers: httpx2.Headers
    fields: bytes
    opening: aiohttp.ClientRequest


def _known_parts(request: httpx2.Request) -> _Known:
    fields = [b"%s: %s" % field for field in request.headers.raw]
    for field in fields:
        if not _FIELD(field):
            raise httpx2.LocalProtocolError("a header has a name or a value that HTTP has no way to write")
    url = request.url
    origin = URL.build(scheme=url.scheme, authority=url.netloc.decode("ascii"))
    opening = aiohttp.ClientRequest("GET", origin, loop=asyncio.get_running_loop())
    return _Known(request.headers, b"\r\n".join(fields), opening)


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
    return protocol, wire


async def _head(protocol: ResponseHandler) -> tuple[RawResponseMessage, StreamReader]:
    """Wait for the head of the final answer; its body may be on the way."""
    while True:
        head, body = await protocol.read()
        if not 100 <= head.code < 200 or head.code == 101:
            return head, body


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, as it comes."""

    def __init__(self, connection: Connection, body: StreamReader, ends_at: float) -> None:
        self._connection = connection
        self._body = body
        self._ends_at = ends_at

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
        if self._body.at_eof():
            self._connection.release()
        else:
            self._connection.close()


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


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return a context that verifies certificate and name against this machine's authorities, or those in ``ca_file``.

    The environment has no say: neither SSL_CERT_FILE and SSL_CERT_DIR (who is trusted) nor SSLKEYLOGFILE (who
    can read along), which ``ssl.create_default_context`` would follow. Raises :class:`Refused` for a file that has
    no certificates.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one
            why = error.strerror if error.strerror and not isinstance(error, ssl.SSLError) else "no certificate in it"
            raise Refused(
                f"--ca-file {ca_file}: {why}", hint="expected a file with the authority's certificate in PEM form"
            ) from None
        return context
    if sys.platform == "win32":
        for store in ("CA", "ROOT"):
            for certificate, encoding, trust in ssl.enum_certificates(store):
                if encoding == "x509_asn" and (trust is True or ssl.Purpose.SERVER_AUTH.oid in trust):
                    context.load_verify_locations(cadata=certificate)
        return context
    known = ssl.get_default_verify_paths()
    found = [path for path in (known.openssl_cafile, known.openssl_capath) if Path(path).exists()]
    for path in found or [certifi.where()]:
        context.load_verify_locations(**{"capath" if Path(path).is_dir() else "cafile": path})
    return context
