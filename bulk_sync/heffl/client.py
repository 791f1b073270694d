"""The one API that is written to, as a Sender: a request in, a reply out, no exception.

The one place where the HTTP library's exceptions become ours; nobody outside this package sees its types. It calls
the transport itself: httpx's own client would add cookies, redirects, proxies and ``.netrc``, none of which the
key may meet, and more CPU than all the rest of a request.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self
from urllib.parse import quote

import httpx2
from pydantic_core import PydanticSerializationError, from_json, to_json

from bulk_sync.errors import Defect
from bulk_sync.heffl.connections import KEEP_ALIVE
from bulk_sync.heffl.target import ApiKey, check_base_url, record_segment
from bulk_sync.heffl.tls import tls_context
from bulk_sync.heffl.transport import WireTransport
from bulk_sync.planning.snapshot import PAGE_NUMBER, PAGE_SIZE
from bulk_sync.planning.values import is_list, is_object
from bulk_sync.records import Json, Reply, Request
from bulk_sync.sending.policy import Fault
from bulk_sync.settings import DEFAULT_TIMEOUT

BODY_LIMIT = 16 * 2**20
"""Bytes of a body that are read; a page of 100 clients has some 100 kB."""
TEXT_LIMIT = 2000
"""Characters of a body kept for the message, where it is no JSON or an error."""
CONNECT = 10.0
_MEMBERS = 1000
"""Members of a packed answer that are read; each takes a pass over what is left."""
_ANY_HEAD = 32 + zlib.MAX_WBITS
"""Tells zlib to find out by its head whether something is gzip's or its own."""

_NOTHING_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.LocalProtocolError)
_TIMEOUTS = (httpx2.ReadTimeout, httpx2.WriteTimeout)


class HefflClient:
    """Sends requests to v1 of the API. Use as an async context manager.

    ``deadline`` is for a whole request, ``connect`` for the part before it leaves, in seconds. ``ca_file`` replaces
    this machine's authorities, ``transport`` the network (tests), ``keep_alive`` the seconds that an idle connection is
    kept (tests). Raises Refused for a base URL that the key must not be sent to, a key that cannot be one, or a file
    that has no certificates.
    """

    def __init__(
        self,
        base_url: str,
        key: str | ApiKey,
        *,
        path: str = "/clients",
        deadline: float = DEFAULT_TIMEOUT,
        connect: float = CONNECT,
        keep_alive: float = KEEP_ALIVE,
        body_limit: int = BODY_LIMIT,
        page_limit: int = PAGE_SIZE,
        ca_file: Path | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.base_url = check_base_url(base_url)
        self._key = key if isinstance(key, ApiKey) else ApiKey(key)
        # Loading the authorities takes 20 ms, which plain http on loopback saves.
        tls = tls_context(ca_file) if self.base_url.startswith("https:") else None
        self._transport = transport or WireTransport(
            tls=tls, deadline=deadline, connect=connect, body_limit=body_limit, keep_alive=keep_alive
        )
        self._base = httpx2.URL(self.base_url)
        self._path = self._base.raw_path.decode().rstrip("/") + path
        reading = {
            "host": self._base.netloc.decode(),
            "x-api-key": self._key.reveal(),
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "bulk-sync",
        }
        self._reading = httpx2.Headers(reading)
        self._writing = httpx2.Headers({**reading, "content-type": "application/json"})
        self._body_limit = body_limit
        self._page_limit = page_limit
        self._clock = clock
        # What the key must never be found in: anything that goes into journal, log or results.
        self._secrets = _written(self._key.reveal())

    def __repr__(self) -> str:
        """Name the target, never the key."""
        return f"HefflClient({self.base_url!r})"

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first request."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def send(self, request: Request) -> Reply:
        """Send once and read the answer to its end, within the deadline and the limit."""
        try:
            message = self._message(request)
        except ValueError as error:
            return Reply(None, {}, fault=Fault.UNSENDABLE, detail=str(error), left=False)
        begun = self._clock()
        try:
            response = await self._transport.handle_async_request(message)
        except httpx2.TransportError as error:
            fault, left = fault_of(error)
            return self._fault(fault, error, left=left, seconds=self._clock() - begun)
        return await self._reply(response, begun)

    def _message(self, request: Request) -> Message:
        """Build the HTTP request; ValueError for an id or a payload that cannot be sent."""
        if request.kind == "page":
            target = f"{self._path}?{self._page_query(request.cursor)}"
            return Message("GET", self._base, target, self._reading)
        target = f"{self._path}/{record_segment(request.record_id)}"
        if request.kind == "get":
            return Message("GET", self._base, target, self._reading)
        if not request.payload:
            raise ValueError("a PATCH without fields is never sent")
        return Message("PATCH", self._base, target, self._writing, _to_json(request.payload, request.payload_json))

    def _page_query(self, cursor: str) -> str:
        """Return the query for a page; the API's older generation counts pages instead of giving cursors."""
        if cursor.startswith(PAGE_NUMBER):
            return quote(cursor, safe="=&")
        return f"limit={self._page_limit}" + (f"&cursor={quote(cursor, safe='')}" if cursor else "")

    async def _reply(self, response: httpx2.Response, begun: float) -> Reply:
        """Read the body to its end or its limit and make a reply of it; a status that came is never lost."""
        stream = response.stream
        if type(stream) is httpx2.ByteStream:  # whole already, as nearly all are: no other coroutine for it
            raw, fault, detail = self._bounded(b"".join(stream))
        else:
            raw, fault, detail = await self._streamed(stream)
        seconds = self._clock() - begun
        headers = _headers(response.headers.raw)
        whole, body, body_json = raw, None, ""
        try:
            if not fault:
                whole = _unpacked(raw, headers.get("content-encoding", ""), self._body_limit)
            whole = self._without_key(whole)
            if not fault:
                body, body_json = self._read_json(whole)
        except (ValueError, RecursionError, zlib.error):
            whole, body = self._without_key(whole), None
        status = response.status_code
        text = "" if body is not None and status < 300 else whole[: 4 * TEXT_LIMIT].decode(errors="replace")
        safe = self._safe_headers(headers)
        return Reply(status, safe, body, text[:TEXT_LIMIT], fault, detail, seconds=seconds, body_json=body_json)

    async def _streamed(self, stream: object) -> tuple[bytes, str, str]:
        """Read a body to its end or its limit; return it with fault and detail, which are '' where it is whole."""
        if not isinstance(stream, httpx2.AsyncByteStream):
            raise Defect("the transport answered with a body that cannot be awaited")
        raw = bytearray()
        try:
            async for part in stream:
                raw += part
                if len(raw) > self._body_limit:
                    break
        except httpx2.TransportError as error:
            return bytes(raw), fault_of(error)[0], self._safe(str(error))
        finally:
            await stream.aclose()
        return self._bounded(bytes(raw))

    def _bounded(self, raw: bytes) -> tuple[bytes, str, str]:
        """Return a body that has come with fault and detail, which tell one beyond the limit."""
        if len(raw) > self._body_limit:
            return raw, Fault.TOO_LARGE, f"the answer is larger than {self._body_limit} bytes"
        return raw, "", ""

    def _fault(self, fault: str, error: Exception, *, left: bool, seconds: float) -> Reply:
        return Reply(None, {}, fault=fault, detail=self._safe(str(error)), left=left, seconds=seconds)

    def _safe(self, text: str) -> str:
        return text.replace(self._key.reveal(), "…")

    def _without_key(self, raw: bytes) -> bytes:
        for secret in self._secrets:
            if secret in raw:
                raw = raw.replace(secret, "…".encode())
        return raw

    def _read_json(self, whole: bytes) -> tuple[Json, str]:
        """Return what a body says, and its text where that can be kept; ValueError where it is no JSON."""
        body, text = _from_json(whole)
        if b"\\u" not in whole:
            return body, text
        safe = _replaced(body, self._key.reveal())  # what is escaped so, the search in the bytes did not see
        return (body, text) if safe == body else (safe, "")

    def _safe_headers(self, headers: dict[str, str]) -> dict[str, str]:
        if self._key.reveal() in "\n".join(headers.values()):
            return {name: self._safe(value) for name, value in headers.items()}
        return headers


class Message(httpx2.Request):
    """An httpx request made by hand: its own constructor parses URL and headers anew, in some 30 µs.

    The path goes unparsed, as the extension ``target`` that httpx documents for it, so that nobody takes dots
    or escapes out of an id; ``url`` is the base URL.
    """

    def __init__(
        self, method: str, url: httpx2.URL, target: str, headers: httpx2.Headers, content: bytes = b""
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.extensions = {"target": target.encode()}
        self.stream = httpx2.ByteStream(content)
        self._content = content


def fault_of(error: httpx2.TransportError) -> tuple[Fault, bool]:
    """Return the kind of fault that an exception of the library is, and whether the request may have left."""
    causes = tuple(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Fault.CERTIFICATE, False
    if isinstance(error, _NOTHING_LEFT):
        name = any(isinstance(cause, socket.gaierror | UnicodeError) for cause in causes)
        tls = any(isinstance(cause, ssl.SSLError) for cause in causes)
        return (Fault.NAME if name else Fault.TLS if tls else Fault.CONNECT), False
    return (Fault.TIMEOUT if isinstance(error, _TIMEOUTS) else Fault.BROKEN), True


def _causes(error: BaseException) -> Iterable[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode


def _to_json(payload: Mapping[str, Json], made: str) -> bytes:
    """Return a payload as JSON, ``made`` if it was made already; ValueError for a number that JSON has no word for.

    pydantic's encoder takes a third of the time, but writes NaN, and refuses a lone surrogate: both go the other way.
    """
    try:
        body = made.encode() if made else to_json(payload)
    except PydanticSerializationError:
        body = b"NaN"
    return _encode(payload).encode() if b"NaN" in body or b"Infinity" in body else body


def _written(key: str) -> tuple[bytes, ...]:
    """Return how a key may stand in an answer: as it is, and as JSON has it, with slashes escaped or not."""
    plain = (key, json.dumps(key)[1:-1], json.dumps(key, ensure_ascii=False)[1:-1])
    return tuple(dict.fromkeys(form.encode() for text in plain for form in (text, text.replace("/", "\\/"))))


def _replaced(value: Json, key: str) -> Json:
    """Return a body without the key in any of its texts."""
    if isinstance(value, str):
        return value.replace(key, "…")
    if is_object(value):
        return {name.replace(key, "…"): _replaced(part, key) for name, part in value.items()}
    return [_replaced(part, key) for part in value] if is_list(value) else value


def _from_json(raw: bytes) -> tuple[Json, str]:
    """Return what a body says, and its text where that is JSON as it should be; ValueError where it is none.

    pydantic's parser takes half of the time of the standard library's.
    """
    try:
        return from_json(raw, allow_inf_nan=False, cache_strings="keys"), raw.decode()
    except ValueError:  # a byte order mark or a lone surrogate, perhaps
        return _decode(raw.decode("utf-8-sig")), ""


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by their lower-case names; several of one name are joined with a comma."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _unpacked(raw: bytes, encoding: str, limit: int) -> bytes:
    """Unpack what a proxy packed although nobody asked it to, up to the limit; ValueError beyond it.

    Codings are told without regard to letter case, gzip may come in several members, and deflate without zlib's head
    (RFC 9110, 8.4.1).
    """
    coding = encoding.strip().lower()
    if coding not in {"gzip", "x-gzip", "deflate"}:
        return raw
    if not _has_head(raw) and coding != "deflate":
        return raw  # something on the way unpacked it and left the header
    bits = _ANY_HEAD if _has_head(raw) else -zlib.MAX_WBITS
    unpacked = b""
    for _ in range(_MEMBERS):
        member = zlib.decompressobj(bits)
        unpacked += member.decompress(raw, limit + 1 - len(unpacked))
        if len(unpacked) > limit:
            raise ValueError("the answer unpacks to more than the limit")
        raw = member.unused_data
        if not _has_head(raw):
            break  # what may follow is padding, or somebody's line end
    return unpacked


def _has_head(packed: bytes) -> bool:
    """Whether what is packed begins as gzip does, or as zlib does (RFC 1950: the method, and a multiple of 31)."""
    if packed[:2] == b"\x1f\x8b":
        return True
    return packed[:1] > b"" and packed[0] % 16 == zlib.DEFLATED and int.from_bytes(packed[:2]) % 31 == 0
