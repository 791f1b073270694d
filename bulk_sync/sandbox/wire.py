"""How an answer travels, and the ways in which it does not arrive. Knows ASGI and sockets, nothing of clients."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple, TypeAlias

from bulk_sync.sandbox.config import Fault, FaultKind

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApplication: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

TRANSPORT = "bulk_sync.transport"
"""Where a scope carries the connection's ``asyncio.Transport``, which ASGI itself does not give."""

_RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_PAGE = b"<!doctype html><html><head><title>Oops</title></head><body><h1>Something is wrong</h1></body></html>"


class Answer(NamedTuple):
    """What is sent back. ``status`` 0 is no answer at all."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    content_type: str = "application/json"


async def read_body(receive: Receive, *, limit: int) -> bytes | None:
    """Read the request's body; None where it is longer than ``limit`` or the client has gone."""
    parts: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        part = event.get("body", b"")
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
        if not event.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def pause(receive: Receive, seconds: float) -> bool:
    """Wait, with the body read; False as soon as the client has gone."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return True
    return False


async def deliver(answer: Answer, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Send ``answer`` in the way of ``fault``; an answer with status 0 is given by closing the connection."""
    kind = fault.kind if fault else None
    if kind is FaultKind.RESET:
        await _reset(scope, receive)
    elif answer.status == 0:
        await _close(scope, receive)
    elif fault and kind is FaultKind.DRIBBLE:
        await _dribble(answer, fault.seconds, receive, send)
    elif kind is FaultKind.TRUNCATED:
        await _start(answer, send)
        await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
        await _close(scope, receive)
    else:
        await _start(answer, send)
        await send({"type": "http.response.body", "body": answer.body})


async def _start(answer: Answer, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})


async def _dribble(answer: Answer, seconds: float, receive: Receive, send: Send) -> None:
    await _start(answer, send)
    step = seconds / max(1, len(answer.body))
    for place in range(len(answer.body)):
        if not await pause(receive, step):
            return
        await send({"type": "http.response.body", "body": answer.body[place : place + 1], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _reset(scope: Scope, receive: Receive) -> None:
    transport: asyncio.Transport = scope[TRANSPORT]
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
    await _gone(receive)


async def _close(scope: Scope, receive: Receive) -> None:
    transport: asyncio.Transport = scope[TRANSPORT]
    transport.close()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def failing_answer(fault: Fault, *, location: str) -> Answer | None:
    """Return the answer that a fault gives instead of the proper one; None where there is none."""
    match fault.kind:
        case FaultKind.STATUS if fault.body == "json":
            return error_answer(fault.status, fault.message or "Something is wrong", code=fault.code)
        case FaultKind.STATUS | FaultKind.NOT_JSON | FaultKind.EMPTY:
            status = fault.status if fault.kind is FaultKind.STATUS else 200
            blank = fault.kind is FaultKind.EMPTY or (fault.kind is FaultKind.STATUS and fault.body == "empty")
            return Answer(status, b"" if blank else _PAGE, content_type="text/html; charset=utf-8")
        case FaultKind.REDIRECT:
            status = fault.status if 300 <= fault.status < 400 else 307
            return Answer(status, headers={"Location": fault.location or location})
        case FaultKind.RESET | FaultKind.CLOSE | FaultKind.SILENT:
            return Answer(0)
        case _:
            return None


_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_SUPPORTED",
    409: "CONFLICT",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
}


def error_answer(status: int, message: str, *, code: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """Return an error in the shape that the API documents: ``{code, message}``."""
    body = json_bytes({"code": code or _CODES.get(status, "ERROR"), "message": message})
    return Answer(status, body, headers or {})


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def json_bytes(value: object) -> bytes:
    """Return JSON in UTF-8; half a surrogate pair, which UTF-8 cannot hold, comes escaped."""
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
