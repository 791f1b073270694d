"""Connections between two requests: kept for a while, used again only while they stand, closed at the end."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.heffl import aiohttp_transport
from bulk_sync.heffl.client import HefflClient
from bulk_sync.records import Request

KEY = "heffl_user_secret"
PATCH = Request("patch", "clt_1", {"name": "N"})
OK = b'{"id":"clt_1","name":"N"}'
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n" + OK
PAUSE = 0.05
"""Seconds after its answer at which a server ends a connection; tests wait four times as long, for slow machines."""
Servers = Callable[..., Any]


async def _close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(WHOLE)
    await asyncio.sleep(PAUSE)
    writer.close()


async def _half_close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(WHOLE)
    await asyncio.sleep(PAUSE)
    writer.write_eof()


async def _abort(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(WHOLE)
    await asyncio.sleep(PAUSE)
    writer.transport.abort()


async def _garble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(WHOLE)
    await asyncio.sleep(PAUSE)
    writer.write(b"no HTTP at all\r\n\r\n")


async def _announce(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say that the connection ends here, and leave it open."""
    writer.write(WHOLE.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))


async def _speak_old(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak HTTP/1.0, in which a connection ends with its answer, and leave it open."""
    writer.write(WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0"))


async def _part(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer in two parts."""
    writer.write(WHOLE[:-5])
    await writer.drain()
    await asyncio.sleep(PAUSE)
    writer.write(WHOLE[-5:])


@pytest.mark.parametrize("behave", [_close, _half_close, _abort, _garble, _announce, _speak_old])
def test_a_connection_that_has_ended_is_not_used_again(raw_server: Servers, behave: Any) -> None:
    """However the server ended it after its answer: the next request gets a new one, and its answer."""

    async def go() -> list[int | None]:
        found = []
        async with server, HefflClient(server.url, KEY) as client:
            for _ in range(3):
                found.append((await client.send(PATCH)).http_status)
                await asyncio.sleep(4 * PAUSE)
        return found

    server = raw_server(behave)
    assert asyncio.run(go()) == [200, 200, 200]
    assert server.connections == 3


def test_an_idle_connection_is_closed_in_time(
    raw_server: Servers, answer: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By us, so that a server that closes after its 5 seconds never meets a request on its way."""
    monkeypatch.setattr(aiohttp_transport, "KEEP_ALIVE", 0.3)

    async def go() -> None:
        async with server, HefflClient(server.url, KEY) as client:
            await asyncio.gather(*(client.send(PATCH) for _ in range(3)))
            assert server.standing == 3
            await asyncio.sleep(0.8)
            assert server.standing == 0
            assert (await client.send(PATCH)).http_status == 200
            assert (server.standing, server.connections) == (1, 4)

    server = raw_server(answer(OK))
    asyncio.run(go())


def test_a_loop_that_was_held_up_uses_no_old_connection(
    raw_server: Servers, answer: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that slept: the request comes before the timer that would have closed the connection."""
    monkeypatch.setattr(aiohttp_transport, "KEEP_ALIVE", 0.02)

    async def go() -> None:
        async with server, HefflClient(server.url, KEY) as client:
            await client.send(PATCH)
            time.sleep(0.1)  # noqa: ASYNC251 - the loop is to be held up
            assert (await client.send(PATCH)).http_status == 200
            assert server.connections == 2

    server = raw_server(answer(OK))
    asyncio.run(go())


def test_what_is_not_needed_any_more_is_let_go(
    raw_server: Servers, answer: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection used last is used next: after a burst the others grow old."""
    monkeypatch.setattr(aiohttp_transport, "KEEP_ALIVE", 0.6)

    async def go() -> None:
        async with server, HefflClient(server.url, KEY) as client:
            await asyncio.gather(*(client.send(PATCH) for _ in range(5)))
            for _ in range(10):
                await client.send(PATCH)
                await asyncio.sleep(0.1)
            assert (server.standing, server.connections) == (1, 5)

    server = raw_server(answer(OK))
    asyncio.run(go())


@contextmanager
def elsewhere(server: Any) -> Iterator[None]:
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


def test_the_end_leaves_no_connection_open(raw_server: Servers, answer: Servers, certificates: Path) -> None:
    """Not over TLS either, where both sides have to say that they are done."""

    async def go() -> None:
        async with HefflClient(server.url, KEY, ca_file=certificates / "authority.pem") as client:
            replies = await asyncio.gather(*(client.send(PATCH) for _ in range(5)))
        assert [reply.http_status for reply in replies] == [200] * 5

    server = raw_server(answer(OK), "good")
    with warnings.catch_warnings(record=True) as caught, elsewhere(server):
        warnings.simplefilter("always")
        asyncio.run(go())
        gc.collect()
    assert [str(warning.message) for warning in caught if "unclosed" in str(warning.message)] == []


def test_a_client_that_was_closed_can_be_used_in_another_loop(raw_server: Servers, answer: Servers) -> None:
    """Nothing of the first loop is left: not a timer, not a connection."""

    async def go() -> int | None:
        try:
            return (await client.send(PATCH)).http_status
        finally:
            await client.aclose()

    server = raw_server(answer(OK))
    with elsewhere(server):
        client = HefflClient(server.url, KEY)
        assert [asyncio.run(go()), asyncio.run(go())] == [200, 200]


def test_a_connection_is_given_back_once(raw_server: Servers) -> None:
    """Whoever closes a body twice does not hand its connection to two requests."""

    async def go() -> None:
        async with server, HefflClient(server.url, KEY) as client:
            transport = client._transport
            stream: Any = (await transport.handle_async_request(client._message(PATCH))).stream
            assert b"".join([part async for part in stream]) == OK
            await stream.aclose()
            await stream.aclose()
            replies = await asyncio.gather(client.send(PATCH), client.send(PATCH))
        assert [reply.http_status for reply in replies] == [200, 200]

    server = raw_server(_part)
    asyncio.run(go())
    assert server.connections == 2
