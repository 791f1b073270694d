"""What counts as an answer, where it ends, and whether its connection carries another request."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.heffl import connections
from bulk_sync.heffl.client import HefflClient
from bulk_sync.records import Reply, Request
from bulk_sync.sending.policy import Fault
from tests.heffl.conftest import open_wires
from tests.tools.known_names import run_with_names

KEY = "heffl_user_secret"
PATCH = Request("patch", "clt_1", {"name": "N"})
OK = b'{"id":"clt_1","name":"N"}'
BODY = {"id": "clt_1", "name": "N"}
Servers = Callable[..., Any]


def ask_twice(raw_server: Servers, answer: bytes, *, close: bool = False) -> tuple[list[Reply], int]:
    """Send two requests to a server that gives this answer to each; return the replies and the connections opened."""

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if close:
            writer.close()

    async def go() -> list[Reply]:
        async with server, HefflClient(server.url, KEY, deadline=2.0, body_limit=1000) as client:
            return [await client.send(PATCH), await client.send(PATCH)]

    server = raw_server(behave)
    return asyncio.run(go()), server.connections


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 25\r\nx-empty:\r\nx-a: 1\r\n\r\n" + OK, 1),
        (b"HTTP/1.1 200\r\nContent-Length:25\r\n\r\n" + OK, 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length : 25\r\nx-odd: a\x01b\r\n\r\n" + OK, 1),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n19 \r\n" + OK + b"\r\n0 \r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\ncontent-length: 25\n\n" + OK, 1),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 25\r\nconnection: keep-alive\r\n\r\n" + OK, 1),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 25\r\n\r\n" + OK, 2),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 25\r\nConnection: Close\r\n\r\n" + OK, 2),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n19\r\n" + OK + b"\r\n0\r\nx-a: 1\r\n\r\n", 1),
        (b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n" + OK, 1),
        (b"HTTP/1.1 100 Go\r\nconnection: close\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n" + OK, 2),
        (b"HTTP/1.0 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n" + OK, 2),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 25\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n" + OK, 1),
    ],
)
def test_an_answer_is_read_to_its_own_end(raw_server: Servers, answer: bytes, connections: int) -> None:
    """However it says where that is; a trailer is no header."""
    replies, opened = ask_twice(raw_server, answer)
    assert [(reply.http_status, reply.fault, reply.body) for reply in replies] == [(200, "", BODY)] * 2
    assert opened == connections
    assert all(reply.headers.get("x-a") == ("1" if b"x-empty" in answer else None) for reply in replies)


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_an_answer_without_a_length_ends_with_its_connection(raw_server: Servers, version: bytes) -> None:
    """As HTTP/1.0 has it, and some proxies still do."""
    replies, opened = ask_twice(raw_server, b"HTTP/%s 200 OK\r\n\r\n" % version + OK, close=True)
    assert [(reply.http_status, reply.fault, reply.body) for reply in replies] == [(200, "", BODY)] * 2
    assert opened == 2


@pytest.mark.parametrize(
    ("answer", "status", "connections"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, 1),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, 1),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nwhatever", 101, 2),
    ],
)
def test_an_answer_may_have_no_body(raw_server: Servers, answer: bytes, status: int, connections: int) -> None:
    """It is not waited for; a connection that speaks another protocol from here on is left."""
    replies, opened = ask_twice(raw_server, answer)
    assert [(reply.http_status, reply.fault, reply.text) for reply in replies] == [(status, "", "")] * 2
    assert opened == connections


@pytest.mark.parametrize(
    "more",
    [
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone",
        b"HTTP/1.1 404 Not",
        b"\x00no HTTP",
    ],
)
def test_what_follows_an_answer_at_once_is_nobodys(raw_server: Servers, more: bytes) -> None:
    """Not the next row's, and nothing is added to the answer before it."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n" + OK
    replies, opened = ask_twice(raw_server, answer + more)
    assert [(reply.http_status, reply.body) for reply in replies] == [(200, BODY)] * 2
    assert opened == 2


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc", 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked \r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length : 25\r\n\r\n{", 200),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc", 200),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 25\r\ncontent-length: 3\r\n\r\n" + OK, None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 25\r\ntransfer-encoding: chunked\r\n\r\n" + OK, None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n" + OK, None),
        (b"HTTP/1.1 200 OK\r\ncontent-le", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n", None),
        (b"HTTP/3.7 200 OK\r\ncontent-length: 0\r\n\r\n", None),
        (b"<html>It works!</html>", None),
    ],
)
def test_what_is_no_whole_answer_is_told(raw_server: Servers, answer: bytes, status: int | None) -> None:
    """With the status, where its head came; the request may have been applied."""
    replies, opened = ask_twice(raw_server, answer, close=True)
    assert [(reply.http_status, reply.fault, reply.left) for reply in replies] == [(status, Fault.BROKEN, True)] * 2
    assert all(reply.detail for reply in replies)
    assert opened == 2


def test_the_part_of_a_refusal_that_came_is_told(raw_server: Servers) -> None:
    """It may say why."""
    replies, _ = ask_twice(raw_server, b"HTTP/1.1 422 No\r\ncontent-length: 99\r\n\r\nthe name is", close=True)
    assert [(reply.http_status, reply.fault, reply.text) for reply in replies] == [
        (422, Fault.BROKEN, "the name is")
    ] * 2


def test_a_reset_is_not_the_end_of_an_answer(raw_server: Servers) -> None:
    """Where the answer says nothing of its length, only the server's own end is."""

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + OK)
        await asyncio.sleep(0.05)
        linger = struct.pack("ii", 1, 0)  # close with a reset
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async def go() -> Reply:
        async with server, HefflClient(server.url, KEY, deadline=2.0) as client:
            return await client.send(PATCH)

    server = raw_server(behave)
    reply = asyncio.run(go())
    assert (reply.http_status, reply.fault) == (200, Fault.BROKEN)


def test_an_answer_that_ends_before_the_request_has_left_is_taken() -> None:
    """A refusal of what is too large, without a length: its end is the server's, which reads no more."""

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\n\r\nless, please")
        writer.write_eof()
        await done.wait()
        writer.close()

    async def go() -> Reply:
        async with await asyncio.start_server(early, "127.0.0.1", 0, limit=1024) as server:
            port = server.sockets[0].getsockname()[1]
            async with HefflClient(f"http://127.0.0.1:{port}/api/v1", KEY, deadline=5.0) as client:
                reply = await client.send(Request("patch", "clt_1", {"name": "x" * 30_000_000}))
            done.set()
            await asyncio.sleep(0.05)
            return reply

    done = asyncio.Event()
    reply = asyncio.run(go())
    assert (reply.http_status, reply.fault, reply.text) == (413, "", "less, please")


def test_trailers_without_end_are_not_kept(raw_server: Servers, elsewhere: Servers) -> None:
    """Of 130 MB of them nothing."""

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
        for number in range(2000):
            writer.write(b"x-%d: %s\r\n" % (number, b"x" * 65536))
            await writer.drain()

    async def go() -> Reply:
        async with HefflClient(server.url, KEY, deadline=1.0) as client:
            return await client.send(PATCH)

    server = raw_server(behave)
    with elsewhere(server):
        tracemalloc.start()
        reply = asyncio.run(go())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert reply.http_status == 200
    assert peak < 20_000_000


def test_a_body_may_be_as_long_as_the_limit(raw_server: Servers) -> None:
    """Only what is longer is too long."""
    replies, opened = ask_twice(raw_server, b"HTTP/1.1 404 Gone\r\ncontent-length: 1000\r\n\r\n" + b"x" * 1000)
    assert [(reply.http_status, reply.fault, reply.text) for reply in replies] == [(404, "", "x" * 1000)] * 2
    assert opened == 1


def test_a_body_that_is_too_long_closes_its_connection(raw_server: Servers) -> None:
    """Its rest is not waited for, and is nobody's."""
    replies, opened = ask_twice(raw_server, b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + b"x" * 5000)
    assert [(reply.http_status, reply.fault) for reply in replies] == [(200, Fault.TOO_LARGE)] * 2
    assert opened == 2


def test_an_address_that_leads_nowhere_does_not_hide_the_next(raw_server: Servers, answer: Servers) -> None:
    """A name with two addresses: at the first nobody takes the connection, and the second is not kept waiting."""

    async def go() -> Reply:
        async with server:
            port = int(server.url.rpartition(":")[2].partition("/")[0])
            with socket.create_server(("127.0.0.2", port), backlog=0) as nowhere:
                fillers = [socket.socket() for _ in range(4)]
                for filler in fillers:
                    filler.setblocking(False)
                    filler.connect_ex(nowhere.getsockname())
                async with HefflClient(f"http://localhost:{port}/api/v1", KEY, connect=5.0) as client:
                    reply = await client.send(PATCH)
                for filler in fillers:
                    filler.close()
                return reply

    server = raw_server(answer(OK))
    reply = run_with_names(go(), lambda _host, _port: ["127.0.0.2", "127.0.0.1"])
    assert reply.http_status == 200


def test_addresses_that_refuse_are_told_once() -> None:
    """Two of them for one name, and one reason."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    async def go() -> Reply:
        async with HefflClient(f"http://localhost:{port}/api/v1", KEY) as client:
            return await client.send(PATCH)

    reply = run_with_names(go(), lambda _host, _port: ["127.0.0.1", "127.0.0.2"])
    assert (reply.fault, reply.detail) == (Fault.CONNECT, "Connection refused")


def test_a_loop_that_knows_no_second_address_connects_all_the_same(raw_server: Servers, answer: Servers) -> None:
    """As uvloop's, whose ``create_connection`` has no such parameter."""

    class OtherLoop:
        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self._loop = loop

        def __getattr__(self, name: str) -> Any:
            return getattr(self._loop, name)

        async def create_connection(self, factory: Any, host: str, port: int, *, ssl: Any) -> Any:
            return await self._loop.create_connection(factory, host, port, ssl=ssl)

    async def go() -> int:
        async with server:
            port = int(server.url.rpartition(":")[2].partition("/")[0])
            kept: Any = connections.Connections("127.0.0.1", port, tls=False, body_limit=1000)
            kept.loop = OtherLoop(kept.loop)
            wire = await kept.open(2.0)
            found = await wire.ask(b"GET / HTTP/1.1\r\n\r\n", asyncio.get_running_loop().time() + 2.0)
            await kept.aclose()
            return int(found.status)

    server = raw_server(answer(OK))
    assert asyncio.run(go()) == 200


def test_https_goes_to_its_own_port() -> None:
    """Where the base URL names none."""
    asked = []

    def look_up(host: str, port: int) -> list[str]:
        asked.append((host, port))
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def go() -> Reply:
        async with HefflClient("https://api.example/api/v1", KEY) as client:
            return await client.send(PATCH)

    reply = run_with_names(go(), look_up)
    assert asked == [("api.example", 443)]
    assert "Name or service not known" in reply.detail


@pytest.mark.parametrize("host", ["a..b.example", f"{'a' * 64}.example"])
def test_a_host_that_can_be_no_name_is_told_as_an_unknown_one(host: str) -> None:
    """Nothing left."""

    async def go() -> Reply:
        async with HefflClient(f"https://{host}/api/v1", KEY) as client:
            return await client.send(PATCH)

    reply = asyncio.run(go())
    assert (reply.fault, reply.left) == (Fault.NAME, False)


def test_a_handshake_without_end_ends_before_the_deadline(certificates: Path) -> None:
    """However much time a connection would have: only while the deadline lasts is it certain that nothing left."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def go() -> tuple[Reply, float]:
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1"
            ca_file = certificates / "authority.pem"
            async with HefflClient(url, KEY, ca_file=ca_file, deadline=0.6, connect=9.0) as client:
                begun = time.monotonic()
                reply = await client.send(PATCH)
                took = time.monotonic() - begun
            await asyncio.sleep(0.05)
            return reply, took

    reply, took = asyncio.run(go())
    assert (reply.fault, reply.left) == (Fault.CONNECT, False)
    assert took < 5


@contextmanager
def tls_peer(certificates: Path, behave: Callable[[ssl.SSLSocket], None]) -> Iterator[str]:
    """Take one TLS connection in a thread, read the request and behave; yield the base URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "good.pem")

    def serve() -> None:
        plain, _ = listener.accept()
        with suppress(OSError), context.wrap_socket(plain, server_side=True) as secure:
            secure.recv(65536)
            behave(secure)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/api/v1"
        thread.join()


@pytest.mark.parametrize("idle", [0.0, 0.3])
def test_a_peer_that_never_says_goodbye_does_not_hold_up_the_end(certificates: Path, idle: float) -> None:
    """Over TLS, where a polite end takes two: closed for good after a moment, be it idle for too long before or not."""
    done = threading.Event()

    def behave(secure: ssl.SSLSocket) -> None:
        secure.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n" + OK)
        done.wait(20)

    async def go(url: str) -> tuple[Reply, float]:
        client = HefflClient(url, KEY, ca_file=certificates / "authority.pem", keep_alive=0.1)
        reply = await client.send(PATCH)
        await asyncio.sleep(idle)
        begun = time.monotonic()
        await client.aclose()
        return reply, time.monotonic() - begun

    with tls_peer(certificates, behave) as url:
        reply, took = asyncio.run(go(url))
        done.set()
    assert reply.http_status == 200
    assert took < 10


def test_an_answer_and_a_goodbye_at_once_end_in_peace(certificates: Path) -> None:
    """Over TLS, read in one piece, and the client is closed before asyncio has told the end of the connection."""

    def behave(secure: ssl.SSLSocket) -> None:
        secure.sendall(b"HTTP/1.1 401 No\r\nconnection: close\r\ncontent-length: 25\r\n\r\n" + OK)
        with suppress(OSError):
            secure.unwrap()

    async def go(url: str) -> Reply:
        async with HefflClient(url, KEY, ca_file=certificates / "authority.pem") as client:
            sending = asyncio.create_task(client.send(PATCH))
            while not open_wires(client):  # noqa: ASYNC110 - nobody tells it
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            time.sleep(0.3)  # noqa: ASYNC251 - so that both are there when the loop looks
            return await sending

    with tls_peer(certificates, behave) as url:
        assert asyncio.run(go(url)).http_status == 401
