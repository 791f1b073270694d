"""The client over a transport without a network: what it asks, and what it makes of answers and faults."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import zlib
from collections.abc import Callable

import httpx2
import pytest

from bulk_sync.heffl.client import HefflClient
from bulk_sync.journal.encoding import dump
from bulk_sync.records import Json, Reply, Request
from bulk_sync.sending.policy import Fault

KEY = "heffl_user_secret"
CLIENT = {"id": "clt_1", "name": "N"}
Handler = Callable[[httpx2.Request], httpx2.Response]


def send(handler: Handler, request: Request, *, body_limit: int = 10_000, key: str = KEY) -> Reply:
    client = HefflClient(
        "https://api.example.com/api/v1", key, transport=httpx2.MockTransport(handler), body_limit=body_limit
    )

    async def go() -> Reply:
        async with client:
            return await client.send(request)

    return asyncio.run(go())


def asked(request: Request) -> httpx2.Request:
    """Return what was asked of the transport."""
    seen: list[httpx2.Request] = []

    def handler(message: httpx2.Request) -> httpx2.Response:
        seen.append(message)
        return httpx2.Response(200, json=CLIENT)

    send(handler, request)
    return seen[0]


def test_a_patch_is_asked_for_as_the_api_wants_it() -> None:
    """Method, path, headers with the key, and the payload as JSON."""
    message = asked(Request("patch", "clt_1", {"name": "Ω", "email": None, "cf_score": 85}))
    assert (message.method, message.extensions["target"]) == ("PATCH", b"/api/v1/clients/clt_1")
    assert json.loads(message.content) == {"name": "Ω", "email": None, "cf_score": 85}
    assert dict(message.headers) == {
        "host": "api.example.com",
        "x-api-key": KEY,
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "bulk-sync",
        "content-type": "application/json",
    }


@pytest.mark.parametrize("value", ["half a pair \ud83d", "NaN", "é\u2028", 10**30, 0.1])
def test_odd_values_are_sent_as_they_are(value: Json) -> None:
    """A lone surrogate goes as its escape, and a text may read like a number that JSON has no word for."""
    payload = {"cf_x": value}
    assert json.loads(asked(Request("patch", "clt_1", payload)).content) == payload
    made = asked(Request("patch", "clt_1", payload, payload_json=dump(payload))).content
    assert (json.loads(made), made.decode()) == (payload, dump(payload))


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        (Request("get", "clt_1"), b"/api/v1/clients/clt_1"),
        (Request("page"), b"/api/v1/clients?limit=100"),
        (Request("page", cursor="a+b/c=&limit=1"), b"/api/v1/clients?limit=100&cursor=a%2Bb%2Fc%3D%26limit%3D1"),
        (Request("page", cursor="pageNo=2&pageSize=20"), b"/api/v1/clients?pageNo=2&pageSize=20"),
        (Request("page", cursor="pageNo=2 x#"), b"/api/v1/clients?pageNo=2%20x%23"),
        (Request("get", "a/b"), b"/api/v1/clients/a%2Fb"),
        (Request("get", "../x"), b"/api/v1/clients/..%2Fx"),
        (Request("get", "?x"), b"/api/v1/clients/%3Fx"),
        (Request("get", "%2e%2e"), b"/api/v1/clients/%252e%252e"),
        (Request("get", "é"), b"/api/v1/clients/%C3%A9"),
        (Request("get", "a\r\nx: y"), b"/api/v1/clients/a%0D%0Ax%3A%20y"),
    ],
)
def test_reading_is_asked_for_at_its_path(request_: Request, target: bytes) -> None:
    """Ids and cursors are data: nothing in them has a meaning in the path."""
    message = asked(request_)
    assert (message.method, message.extensions["target"], message.content) == ("GET", target, b"")


@pytest.mark.parametrize(
    "request_",
    [
        Request("patch", "..", {"name": "N"}),
        Request("patch", "", {"name": "N"}),
        Request("patch", "\ud800", {"name": "N"}),
        Request("patch", "clt_1", {}),
        Request("patch", "clt_1", {"cf_x": float("nan")}),
        Request("patch", "clt_1", {"cf_x": float("-inf"), "cf_y": "\ud800"}),
        Request("patch", "clt_1", {"cf_x": float("nan")}, payload_json='{"cf_x":NaN}'),
    ],
)
def test_what_cannot_be_sent_does_not_leave(request_: Request) -> None:
    """An id without an own path, no payload, a payload that is no JSON."""

    def handler(message: httpx2.Request) -> httpx2.Response:
        raise AssertionError("it left")

    reply = send(handler, request_)
    assert (reply.http_status, reply.fault, reply.left) == (None, Fault.UNSENDABLE, False)


def test_an_answer_becomes_a_reply() -> None:
    """Status, headers by lower-case name with several joined, body parsed; a success keeps no text."""
    headers = [("RateLimit-Limit", "60"), ("RateLimit-Policy", "60;w=60"), ("ratelimit-policy", "1000;w=3600")]
    reply = send(lambda _: httpx2.Response(200, json=CLIENT, headers=headers), Request("get", "clt_1"))
    assert (reply.http_status, reply.body, reply.text, reply.fault, reply.left) == (200, CLIENT, "", "", True)
    assert (reply.headers["ratelimit-limit"], reply.headers["ratelimit-policy"]) == ("60", "60;w=60, 1000;w=3600")
    assert json.loads(reply.body_json) == CLIENT


@pytest.mark.parametrize(
    ("content", "body", "text"),
    [
        (b"<html>gateway</html>", None, "<html>gateway</html>"),
        (b"", None, ""),
        (b'{"a": NaN}', None, '{"a": NaN}'),
        (b"\xff\xfe", None, "\ufffd\ufffd"),
        (b"[" * 5000, None, "[" * 2000),
        (b'\xef\xbb\xbf{"code": "X"}', {"code": "X"}, '\ufeff{"code": "X"}'),
        (b'{"code": "\\ud800"}', {"code": "\ud800"}, '{"code": "\\ud800"}'),
    ],
)
def test_a_body_that_is_no_json_is_kept_as_text(content: bytes, body: Json, text: str) -> None:
    """The beginning of it, however odd; a byte order mark is no obstacle."""
    reply = send(lambda _: httpx2.Response(502, content=content), Request("get", "clt_1"))
    assert (reply.http_status, reply.body, reply.text, reply.fault, reply.body_json) == (502, body, text, "", "")


def test_a_packed_answer_is_unpacked_up_to_the_limit() -> None:
    """A proxy that packs although nobody asked; a bomb counts as no JSON."""

    def packed(content: bytes) -> Reply:
        response = httpx2.Response(200, stream=httpx2.ByteStream(gzip.compress(content)))
        response.headers["content-encoding"] = "gzip"
        return send(lambda _: response, Request("get", "clt_1"))

    assert packed(json.dumps(CLIENT).encode()).body == CLIENT
    assert packed(b'{"id": "clt_1", "x": "' + b"0" * 10_000_000 + b'"}').body is None


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("coding", "write"),
    [
        ("identity", json.dumps),
        ("gzip", json.dumps),
        ("identity", lambda body: json.dumps(body).replace("/", "\\/")),
        ("identity", lambda body: json.dumps(body).replace("S", "\\u0053")),
    ],
)
def test_a_key_that_comes_back_is_kept_nowhere(coding: str, write: Callable[[object], str], status: int) -> None:
    """Packed, or escaped in one of the ways that JSON has: neither in the body nor in its text."""
    key = "SECRET/KEY+123456="
    content = write({"id": "clt_1", "message": f"bad key {key}", key: [key]}).encode()
    response = httpx2.Response(
        status, stream=httpx2.ByteStream(gzip.compress(content) if coding == "gzip" else content)
    )
    response.headers["content-encoding"] = coding
    reply = send(lambda _: response, Request("get", "clt_1"), key=key)
    assert reply.body == {"id": "clt_1", "message": "bad key …", "…": ["…"]}
    kept = f"{reply.text}{reply.body_json}"
    assert key not in kept and key not in kept.replace("\\/", "/")


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        (" gzip", lambda raw: gzip.compress(raw[:9]) + gzip.compress(raw[9:]) + bytes(8)),
        ("deflate", zlib.compress),
        ("Deflate", lambda raw: zlib.compress(raw)[2:-4]),
        ("identity", bytes),
        ("gzip", bytes),
        ("gzip", lambda raw: gzip.compress(raw) + b"\r\n"),
    ],
)
def test_codings_are_told_as_http_has_them(coding: str, pack: Callable[[bytes], bytes]) -> None:
    """Letter case, the old name, members one after the other, deflate with and without a head, a header left over."""
    response = httpx2.Response(200, stream=httpx2.ByteStream(pack(json.dumps(CLIENT).encode())))
    response.headers["content-encoding"] = coding
    assert send(lambda _: response, Request("get", "clt_1")).body == CLIENT


@pytest.mark.parametrize(("status", "fault"), [(200, Fault.TOO_LARGE), (404, Fault.TOO_LARGE)])
def test_a_body_beyond_the_limit_is_left_unread(status: int, fault: Fault) -> None:
    """The status counts, the body does not."""
    reply = send(lambda _: httpx2.Response(status, content=b"x" * 20_000), Request("get", "clt_1"))
    assert (reply.http_status, reply.body, reply.fault, len(reply.text)) == (status, None, fault, 2000)


def _caused(error: httpx2.TransportError, cause: BaseException) -> httpx2.TransportError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "fault", "left"),
    [
        (_caused(httpx2.ConnectError("x"), socket.gaierror(-2, "unknown")), Fault.NAME, False),
        (_caused(httpx2.ConnectError("x"), ssl.SSLCertVerificationError("expired")), Fault.CERTIFICATE, False),
        (_caused(httpx2.ConnectError("x"), ssl.SSLError("wrong version")), Fault.TLS, False),
        (_caused(httpx2.ConnectError("x"), ConnectionRefusedError()), Fault.CONNECT, False),
        (httpx2.ConnectTimeout("x"), Fault.CONNECT, False),
        (httpx2.PoolTimeout("x"), Fault.CONNECT, False),
        (httpx2.ReadTimeout("x"), Fault.TIMEOUT, True),
        (httpx2.WriteTimeout("x"), Fault.TIMEOUT, True),
        (httpx2.ReadError("x"), Fault.BROKEN, True),
        (httpx2.WriteError("x"), Fault.BROKEN, True),
        (httpx2.CloseError("x"), Fault.BROKEN, True),
        (httpx2.RemoteProtocolError("x"), Fault.BROKEN, True),
        (httpx2.LocalProtocolError("x"), Fault.CONNECT, False),
    ],
)
def test_every_exception_of_the_library_is_a_fault(error: httpx2.TransportError, fault: Fault, left: bool) -> None:
    """What it is, and whether the request may have left."""

    def handler(message: httpx2.Request) -> httpx2.Response:
        raise error

    reply = send(handler, Request("get", "clt_1"))
    assert (reply.http_status, reply.fault, reply.left) == (None, fault, left)


def test_no_exception_of_the_library_was_forgotten() -> None:
    """Each kind of transport error ends as a reply."""

    def kinds(kind: type[httpx2.TransportError]) -> set[type[httpx2.TransportError]]:
        return {kind}.union(*map(kinds, kind.__subclasses__()))

    for kind in kinds(httpx2.TransportError):

        def handler(message: httpx2.Request, kind: type[httpx2.TransportError] = kind) -> httpx2.Response:
            raise kind("x")

        assert send(handler, Request("get", "clt_1")).fault in set(Fault)


def test_the_key_is_in_no_reply() -> None:
    """A server that echoes it, in body, text, headers or a fault's words, does not get it into our memory."""
    echo = {"code": KEY, "message": f"your key {KEY} is bad"}
    replies = [
        send(lambda _: httpx2.Response(400, json=echo, headers={"x-echo": f"a {KEY}"}), Request("get", "clt_1")),
        send(lambda _: httpx2.Response(200, json={"id": "clt_1", "name": KEY}), Request("get", "clt_1")),
    ]

    def fail(message: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError(f"after {KEY}")

    replies.append(send(fail, Request("get", "clt_1")))
    assert KEY not in repr(replies)
    assert replies[0].body == {"code": "…", "message": "your key … is bad"}


def test_the_client_shows_its_target_and_not_its_key() -> None:
    """In a log or a traceback."""
    client = HefflClient(
        "https://api.example.com/api/v1", KEY, transport=httpx2.MockTransport(lambda _: httpx2.Response(200))
    )
    assert repr(client) == "HefflClient('https://api.example.com/api/v1')"
