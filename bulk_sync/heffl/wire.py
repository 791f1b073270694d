"""One connection: a request out, its answer in. asyncio carries the bytes, httptools (llhttp) reads them."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, cast

import httptools

HEAD_LIMIT = 64 * 2**10
"""Bytes after which no end of an answer's head is waited for; nginx, Apache and Node allow 8 to 16 kB."""

_LEAVES_AT_ONCE = 2**14
"""Bytes of a request that a system takes from us at once; Linux has 16 kB for a new connection."""


class Answer(NamedTuple):
    """An answer whose head came whole: ``fault`` says why its body did not, None where it did."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: list[bytes]
    fault: Exception | None


class Torn(ConnectionError):
    """The connection ended where an answer should have been, or in the middle of it."""


class NoHttp(Exception):
    """What came is no HTTP, or no end of its head is in sight."""


class Wire(asyncio.Protocol):
    """A connection that carries one request at a time.

    A body is read up to ``body_limit`` bytes and the piece that goes beyond it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, body_limit: int) -> None:
        self.closed: asyncio.Future[None] = loop.create_future()
        self._ended = False  # by whomever, or something came that nobody asked for
        self._loop = loop
        self._body_limit = body_limit
        self._transport: asyncio.Transport
        self._parser = _parser(self)
        self._asked: asyncio.Future[Answer] | None = None
        self._asked_much = False
        self._ends_at = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._head: list[tuple[bytes, bytes]] | None = None
        self._head_size = 0
        self._status = 0
        self._body: list[bytes] = []
        self._size = 0

    async def ask(self, message: bytes, ends_at: float) -> Answer:
        """Send a request and return its answer; ``ends_at`` is when it must be whole, by the loop's time.

        Raises Torn, NoHttp, TimeoutError or OSError where no head came. The connection is closed with any fault.
        """
        self._head, self._head_size = None, 0
        asked: asyncio.Future[Answer] = self._loop.create_future()
        self._asked = asked
        self._asked_much = len(message) > _LEAVES_AT_ONCE
        self._ends_at = ends_at
        if self._alarm is None:  # one for many requests: setting one for each costs 2 µs
            self._alarm = self._loop.call_at(ends_at, self._look_at_clock)
        self._transport.write(message)
        try:
            return await asked
        except BaseException:
            self.abort()
            raise
        finally:
            self._asked = None

    @property
    def stands(self) -> bool:
        """Whether it can carry a request, as far as is known; asyncio tells the end of a connection a moment late."""
        return not self._ended and not self._transport.is_closing()

    @property
    def spent(self) -> bool:
        """Whether a part of the last request, answered early, waits to leave: it would stand before the next."""
        if self._transport.get_write_buffer_size():
            return True
        # Beneath TLS more may wait than it tells.
        return self._asked_much and self._transport.get_extra_info("ssl_object") is not None

    def close(self) -> None:
        """Say goodbye, as TLS wants it, and close; what has not left does not leave."""
        self._ended = True
        if self._transport.is_closing():
            return  # closed twice, asyncio's TLS could not be aborted any more
        if self.spent:
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Close without a goodbye."""
        self._ended = True
        self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what carries the bytes."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read a part of the answer; what nobody asked for ends the connection."""
        if self._asked is None:
            self.abort()
            return
        if self._head is None:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._ended = True
        except httptools.HttpParserError as error:
            self._fail(NoHttp(str(error)))
        if self._head is None and self._head_size > HEAD_LIMIT:
            self._fail(NoHttp(f"the head of the answer is larger than {HEAD_LIMIT} bytes"))

    def eof_received(self) -> None:
        """End the answer, where the end of what the server says is its end, or say that it is torn."""
        self._ended = True
        if self._head is not None and _ends_with_connection(self._head):
            self._finish(None)
        else:
            where = "in the middle of its answer" if self._head_size else "without an answer"
            self._fail(Torn(f"the server closed the connection {where}"))

    def connection_lost(self, error: Exception | None) -> None:
        """End what is still waited for: there will be no answer, or no more of it."""
        self.closed.set_result(None)
        if self._alarm is not None:
            self._alarm.cancel()
        self._fail(error or Torn("the connection was closed before the answer was whole"))
        del self._parser  # which refers to us

    # What httptools calls.

    def on_message_begin(self) -> None:
        """Begin an answer; one that follows an answer is nobody's."""
        if self._asked is None or self._asked.done():
            self._ended = True
        self._fields, self._head, self._body, self._size = [], None, [], 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; a trailer, after the body, is one that nobody looks at."""
        if self._head is None:
            self._fields.append((name.rstrip(), value))

    def on_headers_complete(self) -> None:
        """Keep the head."""
        self._status = self._parser.get_status_code()
        self._head = self._fields

    def on_body(self, part: bytes) -> None:
        """Collect a part of the body, unless it is too much."""
        self._size += len(part)
        self._body.append(part)
        if self._size > self._body_limit:
            self.abort()
            self._finish(None)

    def on_message_complete(self) -> None:
        """Hand the answer over; one that only says that the real one is on its way is passed over."""
        if not self._parser.should_keep_alive():
            self._ended = True
        if 100 <= self._status < 200 and self._status != 101:
            self._head = None
            return
        self._finish(None)

    def _finish(self, fault: Exception | None) -> None:
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(Answer(self._status, self._head or [], self._body, fault))

    def _fail(self, fault: Exception) -> None:
        self.abort()
        if self._head is not None:
            self._finish(fault)
        elif self._asked is not None and not self._asked.done():
            self._asked.set_exception(fault)

    def _look_at_clock(self) -> None:
        if self._asked is None:
            self._alarm = None
        elif self._loop.time() < self._ends_at:
            self._alarm = self._loop.call_at(self._ends_at, self._look_at_clock)
        else:
            self._alarm = None
            self._fail(TimeoutError())


def _parser(wire: Wire) -> httptools.HttpResponseParser:
    parser = httptools.HttpResponseParser(wire)
    # Servers and proxies differ in what they take for HTTP; none of this moves the end of a message. What follows a
    # message that ends its connection is read too: after a 1xx it is the answer, after an answer it is nobody's.
    parser.set_dangerous_leniencies(
        lenient_headers=True,
        lenient_keep_alive=True,
        lenient_optional_cr_before_lf=True,
        lenient_spaces_after_chunk_size=True,
    )
    return parser


def _ends_with_connection(head: list[tuple[bytes, bytes]]) -> bool:
    """Whether an answer says nothing of where it ends."""
    said = {name.lower(): value.lower().rstrip() for name, value in head}
    return b"content-length" not in said and not said.get(b"transfer-encoding", b"").endswith(b"chunked")
