"""aiohttp beneath httpx's API: an eighth of the CPU, and a deadline for the whole request.

Nothing here follows a redirect, keeps a cookie, asks the environment for a proxy, a ``.netrc`` or certificates,
or unpacks a body. aiohttp's exceptions become httpx's, with the cause kept; httpx's become ours in ``client``.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import certifi
import httpx2
from aiohttp.connector import Connection
from multidict import CIMultiDict
from yarl import URL

from bulk_sync.errors import Refused

KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept: less than the 5 of uvicorn and Node, so that we close first. A
server that closes at the moment when we send would leave a row in doubt for nothing."""


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Carries httpx requests over an aiohttp session, opened at the first request.

    ``deadline`` bounds a request from its beginning to the last byte of the answer, ``connect`` the part before
    it leaves (name, connection, TLS); both in seconds.
    """

    def __init__(self, *, tls: ssl.SSLContext | None, deadline: float, connect: float) -> None:
        self._tls = tls
        # The part before sending must run out first: only then is it certain that nothing left.
        self._timeout = aiohttp.ClientTimeout(total=deadline, connect=min(connect, deadline / 2))
        self._session: aiohttp.ClientSession | None = None
        self._known: dict[int, tuple[httpx2.Headers, str, CIMultiDict[str]]] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send once; the body of the answer is still to be read. Raises httpx2.TransportError."""
        session = self._session or self._open()
        target = request.extensions.get("target") or request.url.raw_path
        origin, headers = self._parts(request)
        try:
            response = await session.request(
                request.method,
                URL(origin + target.decode("ascii"), encoded=True),
                headers=headers,
                data=request.content or None,
                allow_redirects=False,
                middlewares=_ONCE if request.method == "GET" else None,
            )
        except _FAULTS as error:
            raise _httpx_error(error) from error
        return httpx2.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _parts(self, request: httpx2.Request) -> tuple[str, CIMultiDict[str]]:
        """Return origin and headers as aiohttp wants them, made once for the headers that come again and again."""
        known = self._known.get(id(request.headers))
        if known is None or known[0] is not request.headers:
            url = request.url
            origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
            known = request.headers, origin, CIMultiDict(request.headers.multi_items())
            self._known = {**self._known, id(request.headers): known} if len(self._known) < 8 else {}
        return known[1:]

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls or True, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            trust_env=False,
            auto_decompress=False,
            response_class=_OwnAnswer,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
        )
        return self._session


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, as it comes."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while part := await self._response.content.readany():
                yield part
        except _FAULTS as error:
            raise _httpx_error(error) from error

    async def aclose(self) -> None:
        """Free the connection for the next request, or close it where a part of the body was left unread."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class _Broken(aiohttp.ClientConnectionError):
    """A connection that broke under a request, in a form that aiohttp does not take for a reason to send again."""


class _OwnAnswer(aiohttp.ClientResponse):
    """The answer to this request, and not one that stood in the connection before it left.

    A server or proxy that answers twice would shift every later answer of the connection to the next row.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Read the head of the answer."""
        if connection.protocol is not None and len(connection.protocol):
            raise _Broken("an answer that nobody asked for came before the request left")
        return await super().start(connection)


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a reading request once.

    aiohttp sends it a second time where a connection that was used before breaks. Nobody would count that one: not the
    quota, not ``--max-requests``, not the journal.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing left, and aiohttp leaves it at that
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Broken(str(error)) from error


_ONCE = (_once,)


_FAULTS = (aiohttp.ClientError, TimeoutError, OSError)


def _httpx_error(error: Exception) -> httpx2.TransportError:
    """Return httpx's exception for one of aiohttp's; what says that nothing left comes first."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx2.ConnectTimeout(str(error))
    if isinstance(error, TimeoutError):
        return httpx2.ReadTimeout("no whole answer within the deadline")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError):
        return httpx2.ConnectError(str(error))
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
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
