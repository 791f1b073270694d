"""Connections between two requests: kept for a while, used again only while they stand, closed at the end."""

from __future__ import annotations

import asyncio
import gc
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.heffl.client import HefflClient
from bulk_sync.records import Request
from bulk_sync.sending.policy import Fault
from tests.heffl.conftest import open_wires

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


def test_an_idle_connection_is_closed_in_time(raw_server: Servers, answer: Servers) -> None:
    """By us, so that a server that closes after its 5 seconds never meets a request on its way."""

    async def go() -> None:
        async with server, HefflClient(server.url, KEY, keep_alive=0.3) as client:
            await asyncio.gather(*(client.send(PATCH) for _ in range(2)))
            await asyncio.sleep(0.15)
            await asyncio.gather(*(client.send(PATCH) for _ in range(3)))
            assert server.standing == 3
            await asyncio.sleep(0.8)
            assert server.standing == 0
            assert (await client.send(PATCH)).http_status == 200
            assert (server.standing, server.connections) == (1, 4)

    server = raw_server(answer(OK))
    asyncio.run(go())


def test_a_loop_that_was_held_up_uses_no_old_connection(raw_server: Servers, answer: Servers) -> None:
    """A laptop that slept: the request comes before the timer that would have closed the connection."""

    async def go() -> None:
        async with server, HefflClient(server.url, KEY, keep_alive=0.02) as client:
            await client.send(PATCH)
            time.sleep(0.1)  # noqa: ASYNC251 - the loop is to be held up
            assert (await client.send(PATCH)).http_status == 200
            assert server.connections == 2

    server = raw_server(answer(OK))
    asyncio.run(go())


def test_what_is_not_needed_any_more_is_let_go(raw_server: Servers, answer: Servers) -> None:
    """The connection used last is used next: after a burst the others grow old."""

    async def go() -> None:
        async with server, HefflClient(server.url, KEY, keep_alive=0.6) as client:
            await asyncio.gather(*(client.send(PATCH) for _ in range(5)))
            for _ in range(10):
                await client.send(PATCH)
                await asyncio.sleep(0.1)
            assert (server.standing, server.connections) == (1, 5)

    server = raw_server(answer(OK))
    asyncio.run(go())


def test_a_connection_that_is_ending_gets_no_request(raw_server: Servers, answer: Servers) -> None:
    """asyncio tells its end a moment after it has begun to close; a request written then would never leave."""

    async def go() -> list[int | None]:
        async with server, HefflClient(server.url, KEY) as client:
            found = []
            for _ in range(3):
                found.append((await client.send(PATCH)).http_status)
                (wire,) = open_wires(client)
                wire._transport.close()  # as at the server's end: connection_lost is yet to come
                assert not wire.stands
        return found

    server = raw_server(answer(OK))
    assert asyncio.run(go()) == [200, 200, 200]
    assert server.connections == 3


@pytest.mark.parametrize("more", [b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", b""])
def test_what_came_while_the_loop_was_held_up_is_seen(raw_server: Servers, elsewhere: Servers, more: bytes) -> None:
    """A second answer, or the end: it waits unread where the next request is about to leave."""
    times = 0

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal times
        times += 1
        writer.write(WHOLE)
        if times == 1:
            await writer.drain()
            await asyncio.sleep(PAUSE)
            if more:
                writer.write(more)
            else:
                writer.close()

    async def go() -> list[int | None]:
        async with HefflClient(server.url, KEY) as client:
            first = await client.send(PATCH)
            time.sleep(4 * PAUSE)  # noqa: ASYNC251 - the loop is to be held up
            second = await client.send(PATCH)
            await asyncio.sleep(2 * PAUSE)
            assert (server.standing, server.connections) == (1, 2)
            return [first.http_status, second.http_status]

    server = raw_server(behave)
    with elsewhere(server):
        assert asyncio.run(go()) == [200, 200]


def test_what_cannot_be_used_again_is_closed_at_once(raw_server: Servers) -> None:
    """And nothing of it is kept: after many of them as few are open as before."""

    async def go() -> None:
        async with server, HefflClient(server.url, KEY) as client:
            for _ in range(5):
                await client.send(PATCH)
            await asyncio.sleep(PAUSE)
            assert (server.standing, open_wires(client)) == (0, [])

    server = raw_server(_announce)
    asyncio.run(go())
    assert server.connections == 5


def test_a_request_that_is_cancelled_takes_its_connection_with_it(raw_server: Servers) -> None:
    """Its answer would be the next request's."""

    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(PAUSE)

    async def go() -> None:
        async with server, HefflClient(server.url, KEY) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.send(PATCH), PAUSE)
            await asyncio.sleep(4 * PAUSE)
            assert (server.standing, open_wires(client)) == (0, [])

    server = raw_server(silent)
    asyncio.run(go())


def test_the_deadline_of_one_request_is_not_the_nexts(raw_server: Servers) -> None:
    """A connection used again has one clock for all of them: each request has its own time, no less and no more."""
    waits = iter([0.0, 0.4, 2.0])

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(next(waits))
        writer.write(WHOLE)

    async def go() -> list[int | None]:
        async with server, HefflClient(server.url, KEY, deadline=0.6) as client:
            first = await client.send(PATCH)
            await asyncio.sleep(0.4)
            second = await client.send(PATCH)  # out from 0.4 to 0.8
            begun = time.monotonic()
            third = await client.send(PATCH)
            assert 0.5 < time.monotonic() - begun < 1.5
            return [first.http_status, second.http_status, third.http_status]

    server = raw_server(behave)
    assert asyncio.run(go()) == [200, 200, None]
    assert server.connections == 1


def test_heads_do_not_add_up(raw_server: Servers) -> None:
    """The limit is for one answer, however many a connection brings."""

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 8000)
        await writer.drain()
        await asyncio.sleep(0.002)
        writer.write(b"x\r\ncontent-length: 25\r\n\r\n" + OK)

    async def go() -> list[int | None]:
        async with server, HefflClient(server.url, KEY) as client:
            return [(await client.send(PATCH)).http_status for _ in range(20)]

    server = raw_server(behave)
    assert asyncio.run(go()) == [200] * 20
    assert server.connections == 1


def test_the_end_leaves_no_connection_open(
    raw_server: Servers, elsewhere: Servers, answer: Servers, certificates: Path
) -> None:
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


def test_a_large_request_over_tls_is_the_last_of_its_connection(
    raw_server: Servers, answer: Servers, certificates: Path
) -> None:
    """Answered early, a part of it may wait beneath TLS, where nobody can see it, before the next request."""

    async def go() -> list[int | None]:
        async with server, HefflClient(server.url, KEY, ca_file=certificates / "authority.pem") as client:
            sizes = (10, 100_000, 10, 10)
            return [(await client.send(Request("patch", "c", {"a": "x" * size}))).http_status for size in sizes]

    server = raw_server(answer(OK), "good")
    assert asyncio.run(go()) == [200] * 4
    assert server.connections == 2


def test_nothing_is_sent_after_the_end(raw_server: Servers, answer: Servers) -> None:
    """A connection that comes about while the client is being closed is closed, and its request stays here."""

    async def go() -> Any:
        async with server:
            client = HefflClient(server.url, KEY)
            sending = asyncio.create_task(client.send(PATCH))
            await asyncio.sleep(0)
            await client.aclose()
            return await sending

    server = raw_server(answer(OK))
    reply = asyncio.run(go())
    assert (reply.fault, reply.left, server.heads) == (Fault.CONNECT, False, [])


def test_a_client_that_was_closed_can_be_used_in_another_loop(
    raw_server: Servers, elsewhere: Servers, answer: Servers
) -> None:
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
