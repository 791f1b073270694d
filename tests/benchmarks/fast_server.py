"""A server that is not the bottleneck: answers every PATCH of a client with that client, and checks nothing else.

Run it by itself, ``python tests/benchmarks/fast_server.py --port 8765 --latency 0.05``, so that it has a core of its
own; it prints its base URL and ends with Ctrl-C. Requests may be pipelined. GET answers the same client as PATCH does,
and a listing is empty.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from urllib.parse import unquote_to_bytes

_PREFIX = b"/api/v1/clients/"
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
_CLIENT = b'{"id":"%s","number":"C1","type":"company","createdAt":"2025-01-15T10:30:00.000Z",%s,"customFields":{%s}}'
_EMPTY_PAGE = b'{"items":[],"nextCursor":null,"hasMore":false}'


class FastProtocol(asyncio.Protocol):
    """HTTP/1.1 as far as a well-behaved client needs it: a request line, a length, a body."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._left = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._left + data if self._left else data
        answers = []
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head = data[:end]
            stop = end + 4 + _content_length(head)
            if len(data) < stop:
                break
            answers.append(answer(head, data[end + 4 : stop]))
            data = data[stop:]
        self._left = data
        if not answers or self._transport is None:
            return
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, b"".join(answers))
        else:
            self._transport.write(b"".join(answers))


def _content_length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(b"\r\ncontent-length:")
    if start < 0:
        return 0
    stop = lower.find(b"\r\n", start + 2)
    return int(lower[start + 17 : stop if stop >= 0 else None])


def answer(head: bytes, body: bytes) -> bytes:
    """Return the whole answer to one request: the client that was asked for, with what was sent.

    The body is not parsed but echoed: what a PATCH sends is shown as it is, with its custom fields at the top
    level as well as in ``customFields``.
    """
    target = head[: head.find(b"\r\n")].split(b" ")[1]
    if not target.startswith(_PREFIX):
        return _HEAD % (len(_EMPTY_PAGE), _EMPTY_PAGE)
    sent = body.strip()[1:-1].strip() or b'"name":"Client"'
    shown = sent if b'"name"' in sent else b'"name":"Client",' + sent
    custom = sent if b'"cf_' in sent else b""
    client_id = unquote_to_bytes(target[len(_PREFIX) :]).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    record = _CLIENT % (client_id, shown, custom)
    return _HEAD % (len(record), record)


async def serve(port: int, latency: float) -> None:
    """Serve until cancelled."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: FastProtocol(latency), "127.0.0.1", port)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description="A PATCH server that is not the bottleneck.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.port, options.latency))


if __name__ == "__main__":
    main()
