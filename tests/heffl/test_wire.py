"""The client on a real socket, against servers that behave badly."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bulk_sync.errors import Refused
from bulk_sync.heffl.client import HefflClient
from bulk_sync.records import Reply, Request
from bulk_sync.sending.policy import Fault

T = TypeVar("T")
KEY = "heffl_user_secret"
PATCH = Request("patch", "clt_1", {"name": "N"})
OK = b'{"id":"clt_1","name":"N"}'
Servers = Callable[..., Any]


def ask(server: Any, request: Request = PATCH, times: int = 1, **options: Any) -> list[Reply]:
    """Send to a server, one after the other."""

    async def go() -> list[Reply]:
        async with server, HefflClient(server.url, KEY, **options) as client:
            return [await client.send(request) for _ in range(times)]

    return asyncio.run(go())


def test_connections_are_used_again(raw_server: Servers, answer: Servers) -> None:
    """Three requests, one connection; the head is what the API wants and nothing else."""
    server = raw_server(answer(OK))
    replies = ask(server, times=3)
    assert [reply.http_status for reply in replies] == [200] * 3
    assert (server.connections, server.bodies) == (1, [b'{"name":"N"}'] * 3)
    first, *lines = server.heads[0].strip().splitlines()
    assert first == "PATCH /api/v1/clients/clt_1 HTTP/1.1"
    assert sorted(line.lower() for line in lines) == [
        "accept-encoding: identity",
        "accept: application/json",
        "content-length: 12",
        "content-type: application/json",
        f"host: {server.url[7:-7]}",
        "user-agent: bulk-sync",
        f"x-api-key: {KEY}",
    ]


def test_a_large_payload_arrives_whole(raw_server: Servers, answer: Servers) -> None:
    """Two megabytes, more than any buffer on the way takes at once, and the connection is used again."""
    payload = {"name": "x" * 2_000_000}
    server = raw_server(answer(OK))
    replies = ask(server, Request("patch", "clt_1", payload), times=2)
    assert ([reply.http_status for reply in replies], server.connections) == ([200, 200], 1)
    assert [len(body) for body in server.bodies] == [2_000_011] * 2


def test_an_answer_in_pieces_is_one_answer(raw_server: Servers) -> None:
    """A 100 before it, torn anywhere, in chunks of a byte: read to its end, and the connection is used again."""

    async def dribbling(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in OK)
        whole = (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            + chunks
            + b"0\r\n\r\n"
        )
        for start in range(0, len(whole), 7):
            writer.write(whole[start : start + 7])
            await writer.drain()
            await asyncio.sleep(0.001)

    server = raw_server(dribbling)
    replies = ask(server, times=3)
    assert [(reply.http_status, reply.body) for reply in replies] == [(200, {"id": "clt_1", "name": "N"})] * 3
    assert server.connections == 1


@pytest.mark.parametrize(
    ("record_id", "path"),
    [
        ("a/b", "a%2Fb"),
        ("../x", "..%2Fx"),
        ("...", "..."),
        ("?x", "%3Fx"),
        ("#x", "%23x"),
        ("%2e%2e", "%252e%252e"),
        ("é", "%C3%A9"),
        ("a\r\nx-evil: 1", "a%0D%0Ax-evil%3A%201"),
        ("a b+c", "a%20b%2Bc"),
        ("a;b@c:d", "a%3Bb%40c%3Ad"),
    ],
)
def test_hostile_ids_arrive_as_data(raw_server: Servers, answer: Servers, record_id: str, path: str) -> None:
    """No library on the way takes dots or escapes out of the path."""
    server = raw_server(answer(OK))
    ask(server, Request("get", record_id))
    assert server.heads[0].splitlines()[0] == f"GET /api/v1/clients/{path} HTTP/1.1"


def test_redirects_are_not_followed(raw_server: Servers, answer: Servers) -> None:
    """Neither to another origin, which would get the key, nor to the same."""

    async def go() -> tuple[Reply, int]:
        async with raw_server(answer(OK)) as other:
            moved = answer(b"", status="307 Temporary Redirect", headers=f"location: {other.url}/clients/clt_1\r\n")
            async with raw_server(moved) as server, HefflClient(server.url, KEY) as client:
                return await client.send(PATCH), len(other.heads)

    reply, others = asyncio.run(go())
    assert (reply.http_status, reply.fault, others) == (307, "", 0)


@pytest.mark.parametrize("request_", [PATCH, Request("get", "clt_1"), Request("page")])
def test_a_connection_that_breaks_under_a_request_is_told(
    raw_server: Servers, answer: Servers, request_: Request
) -> None:
    """Reading or writing: nothing is sent again behind the quota's back, though the connection was used before."""
    times = 0

    async def second_time_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal times
        times += 1
        if times == 2:
            writer.transport.abort()
        else:
            await answer(OK)(reader, writer)

    server = raw_server(second_time_away)
    replies = ask(server, request_, times=3)
    assert [(reply.http_status, reply.fault, reply.left) for reply in replies] == [
        (200, "", True),
        (None, Fault.BROKEN, True),
        (200, "", True),
    ]
    assert (len(server.heads), server.connections) == (3, 2)


def test_an_answer_that_nobody_asked_for_is_nobodys(raw_server: Servers, answer: Servers) -> None:
    """The second answer of a server that answers twice does not shift to the next row: that goes another way."""
    times = 0

    async def first_time_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal times
        times += 1
        await answer(OK)(reader, writer)
        if times == 1:
            await asyncio.sleep(0.02)
            await answer(b'{"code":"not_found"}', status="404 Not Found")(reader, writer)

    async def go() -> list[Reply]:
        async with server, HefflClient(server.url, KEY) as client:
            first = await client.send(PATCH)
            await asyncio.sleep(0.1)
            return [first, await client.send(PATCH), await client.send(PATCH)]

    server = raw_server(first_time_twice)
    assert [reply.http_status for reply in asyncio.run(go())] == [200, 200, 200]
    assert (len(server.heads), server.connections) == (3, 2)


def test_a_connection_with_unsent_bytes_is_not_used_again() -> None:
    """A server answers before it has read the request: what still waits to leave must not stand before the next row."""
    heads: list[bytes] = []

    done = asyncio.Event()

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await done.wait()  # it reads no more
        writer.close()

    async def go() -> list[Reply]:
        async with await asyncio.start_server(early, "127.0.0.1", 0, limit=1024) as server:
            port = server.sockets[0].getsockname()[1]
            async with HefflClient(f"http://127.0.0.1:{port}/api/v1", KEY, deadline=2.0) as client:
                sizes = (30_000_000, 1)
                replies = [await client.send(Request("patch", "clt_1", {"name": "x" * size})) for size in sizes]
            done.set()
            await asyncio.sleep(0.05)
            return replies

    replies = asyncio.run(go())
    assert ([reply.http_status for reply in replies], len(heads)) == ([413, 413], 2)


def test_who_speaks_first_gets_no_request() -> None:
    """Another service's greeting, no HTTP, is a fault of the connection."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    async def go() -> Reply:
        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with HefflClient(f"http://127.0.0.1:{port}/api/v1", KEY, deadline=2.0) as client:
                reply = await client.send(PATCH)
            await asyncio.sleep(0.05)
            return reply

    reply = asyncio.run(go())
    assert (reply.http_status, reply.fault in {Fault.CONNECT, Fault.BROKEN}) == (None, True)


def test_cookies_are_not_kept(raw_server: Servers, answer: Servers) -> None:
    """What one answer sets, no request carries."""
    server = raw_server(answer(OK, headers="set-cookie: a=b; path=/\r\n"))
    ask(server, times=2)
    assert "cookie" not in server.heads[1].lower()


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Set what an environment may say about proxies, credentials and trust; put everything back."""
    names = (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "NETRC",
        "SSL_CERT_FILE",
    )
    before = {name: os.environ.get(name) for name in names}
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")

    def say(url: str) -> None:
        for name in names[:6]:
            os.environ[name] = url
        os.environ["NETRC"] = str(netrc)

    yield say
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def test_the_environment_does_not_change_who_gets_the_key(
    raw_server: Servers, answer: Servers, environment: Callable[[str], None]
) -> None:
    """No proxy is asked, no .netrc adds an Authorization."""

    async def go() -> tuple[Reply, int, str]:
        async with raw_server(answer(OK)) as proxy, raw_server(answer(OK)) as server:
            environment(proxy.url.removesuffix("/api/v1"))
            async with HefflClient(server.url, KEY) as client:
                return await client.send(PATCH), proxy.connections, server.heads[0].lower()

    reply, proxied, head = asyncio.run(go())
    assert (reply.http_status, proxied, "authorization" in head) == (200, 0, False)


async def _reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(3):
        await reader.read()  # until the client goes: a server's end waits for its handlers, from Python 3.12 on


async def _dribble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    for _ in range(30):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


async def _dribble_head(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
    for _ in range(30):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


async def _truncated(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"id":"clt_1"}')
    writer.close()


async def _truncated_refusal(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 1000\r\n\r\n{")
    writer.close()


async def _no_http(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 smtp.example.com ESMTP\r\n\r\n")


async def _endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(2000):
        writer.write(b"x" * 65536)
        await writer.drain()


async def _endless_head(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(2000):
        writer.write(f"x-{number}: ".encode() + b"x" * 4000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize(
    ("behave", "status", "fault"),
    [
        (_reset, None, Fault.BROKEN),
        (_close, None, Fault.BROKEN),
        (_silent, None, Fault.TIMEOUT),
        (_dribble, 200, Fault.TIMEOUT),
        (_dribble_head, None, Fault.TIMEOUT),
        (_truncated, 200, Fault.BROKEN),
        (_truncated_refusal, 404, Fault.BROKEN),
        (_no_http, None, Fault.BROKEN),
        (_endless, 200, Fault.TOO_LARGE),
        (_endless_head, None, Fault.BROKEN),
    ],
)
def test_a_bad_server_costs_one_deadline_at_most(
    raw_server: Servers, behave: Callable[..., Awaitable[None]], status: int | None, fault: Fault
) -> None:
    """Whatever it does, a reply comes in time, and it may have left."""
    begun = time.monotonic()
    (reply,) = ask(raw_server(behave), deadline=0.5, body_limit=100_000)
    assert (reply.http_status, reply.fault, reply.left, reply.body) == (status, fault, True, None)
    assert time.monotonic() - begun < 2.5


def test_a_giant_body_is_not_held(raw_server: Servers) -> None:
    """Of 130 MB not much more than the limit is read."""
    (reply,) = ask(raw_server(_endless), body_limit=100_000)
    assert len(reply.text) == 2000


def test_a_port_where_nobody_listens_is_no_connection(raw_server: Servers, answer: Servers) -> None:
    """Nothing left."""

    async def go() -> Reply:
        async with raw_server(answer(OK)) as server:
            url = server.url
        async with HefflClient(url, KEY) as client:
            return await client.send(PATCH)

    reply = asyncio.run(go())
    assert (reply.http_status, reply.fault, reply.left) == (None, Fault.CONNECT, False)
    assert reply.detail == "Connection refused"


def test_an_unknown_name_is_told_as_such() -> None:
    """Nothing left; ``.invalid`` exists nowhere (RFC 2606)."""

    async def go() -> Reply:
        async with HefflClient("https://api.invalid/api/v1", KEY, connect=5.0) as client:
            return await client.send(PATCH)

    reply = asyncio.run(go())
    assert (reply.http_status, reply.fault, reply.left) == (None, Fault.NAME, False)


@pytest.mark.parametrize("certificate", ["self-signed", "expired", "other-host"])
def test_a_wrong_certificate_gets_nothing(
    raw_server: Servers, answer: Servers, certificates: Path, certificate: str
) -> None:
    """Untrusted, out of date or of another host: refused before the key leaves."""
    server = raw_server(answer(OK), certificate)
    (reply,) = ask(server, ca_file=certificates / "authority.pem")
    assert (reply.fault, reply.left, server.heads) == (Fault.CERTIFICATE, False, [])


def test_a_good_certificate_of_an_authority_of_ours_is_taken(
    raw_server: Servers, answer: Servers, certificates: Path
) -> None:
    """The refusals above are not for another reason."""
    (reply,) = ask(raw_server(answer(OK), "good"), ca_file=certificates / "authority.pem")
    assert (reply.http_status, reply.body) == (200, {"id": "clt_1", "name": "N"})


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    """Before anything is sent, with its name."""
    empty = tmp_path / "empty.pem"
    empty.touch()
    for path, why in ((empty, "no certificate in it"), (tmp_path / "none.pem", "No such file or directory")):
        with pytest.raises(Refused, match=f"--ca-file {re.escape(str(path))}: {why}"):
            HefflClient("https://127.0.0.1/api/v1", KEY, ca_file=path)


def test_the_environment_does_not_say_whom_to_trust(
    raw_server: Servers, answer: Servers, certificates: Path, environment: Callable[[str], None]
) -> None:
    """SSL_CERT_FILE names an authority; it is not asked."""
    environment("")
    os.environ["SSL_CERT_FILE"] = str(certificates / "authority.pem")
    server = raw_server(answer(OK), "good")
    (reply,) = ask(server)
    assert (reply.fault, server.heads) == (Fault.CERTIFICATE, [])


def test_a_server_without_tls_behind_https_is_no_tls() -> None:
    """Nothing left, and it is no question of the certificate."""

    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def go() -> Reply:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, HefflClient(f"https://127.0.0.1:{port}/api/v1", KEY) as client:
            return await client.send(PATCH)

    reply = asyncio.run(go())
    assert (reply.fault, reply.left) == (Fault.TLS, False)
