"""One suite for every Sender: the fake, the client without a network, the client over the sandbox's real HTTP.

What the pool's tests prove with the fake holds for the client only if both answer alike.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import httpx2
import pytest

from bulk_sync.heffl.client import HefflClient
from bulk_sync.records import Change, Reply, Request, Status
from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, SandboxServer, Scripted
from bulk_sync.sending.limits import Limits
from bulk_sync.sending.policy import Verdict, rule
from bulk_sync.sending.pool import Pool
from bulk_sync.sending.ports import Sender, StopSignal

Names = Callable[[], dict[str, str]]
Backend = Callable[[str], Any]
Kit: TypeAlias = Any

FIRST = Request("patch", "clt_1", {"name": "New"})


def _sandbox(fault: str, **more: Any) -> SandboxServer:
    """Return a sandbox whose client clt_1 is struck once, at its first PATCH."""
    kinds = {
        "reset": Fault(kind=FaultKind.RESET),
        "lost": Fault(kind=FaultKind.RESET, applied=True),
        "503": Fault(kind=FaultKind.STATUS, status=503),
    }
    script: tuple[Scripted, ...] = ()
    if fault:
        script = (Scripted(fault=kinds[fault], ids=frozenset({"clt_1"}), attempts=frozenset({1})),)
    server = SandboxServer(config=SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=script), **more))
    server.seed([{"id": f"clt_{n}", "name": "old", "type": "company"} for n in (1, 2)])
    return server


@asynccontextmanager
async def over_sandbox(fault: str, _fake: Kit) -> AsyncIterator[tuple[Sender, Names]]:
    with _sandbox(fault) as server:
        async with HefflClient(server.base_url, server.key, deadline=5.0) as client:
            yield client, lambda: {id_: str(record["name"]) for id_, record in server.records().items()}


@asynccontextmanager
async def as_fake(fault: str, fake: Kit) -> AsyncIterator[tuple[Sender, Names]]:
    struck = iter([int(fault) if fault.isdigit() else fault or "ok"])

    def script(request: Request, number: int, now: float) -> str | int:
        return next(struck, "ok") if request.kind == "patch" else "ok"

    server = fake(script=script, latency=0.0)
    server.records.update({f"clt_{n}": {"id": f"clt_{n}", "name": "old"} for n in (1, 2)})
    yield server, lambda: {id_: str(record["name"]) for id_, record in server.records.items()}


@asynccontextmanager
async def over_mock(fault: str, _fake: Kit) -> AsyncIterator[tuple[Sender, Names]]:
    names = {"clt_1": "old", "clt_2": "old"}
    struck = iter([fault])

    def handler(message: httpx2.Request) -> httpx2.Response:
        path = message.extensions["target"].decode()
        if path.startswith("/api/v1/clients?"):
            items = [{"id": id_, "name": name} for id_, name in names.items()]
            return httpx2.Response(200, json={"items": items, "nextCursor": None, "hasMore": False})
        record_id = path.rsplit("/", 1)[1]
        if record_id not in names:
            return httpx2.Response(404, json={"code": "NOT_FOUND", "message": "no such client"})
        what = next(struck, "") if message.method == "PATCH" else ""
        if what == "503":
            return httpx2.Response(503, json={"code": "UNAVAILABLE", "message": "later"})
        if message.method == "PATCH" and what != "reset":
            names[record_id] = json.loads(message.content)["name"]
        if what:
            raise httpx2.ReadError("reset")
        return httpx2.Response(200, json={"id": record_id, "name": names[record_id]})

    transport = httpx2.MockTransport(handler)
    async with HefflClient("https://api.example.com/api/v1", "key", transport=transport) as client:
        yield client, lambda: names


@pytest.fixture(params=[as_fake, over_mock, over_sandbox], ids=["fake", "mock", "sandbox"])
def backend(request: pytest.FixtureRequest, fake_server: Kit) -> Backend:
    """Return a maker of senders with a look behind the scenes, for a fault that strikes the first PATCH."""
    return lambda fault: request.param(fault, fake_server)


def ask(backend: Backend, *requests: Request, fault: str = "") -> tuple[list[Reply], dict[str, str]]:
    """Send one after the other; return the replies and the names that are stored then."""

    async def go() -> tuple[list[Reply], dict[str, str]]:
        async with backend(fault) as (sender, names):
            replies = [await sender.send(request) for request in requests]
            return replies, names()

    return asyncio.run(go())


def test_a_patch_is_answered_with_the_client_and_stored(backend: Backend) -> None:
    """The verdict is done; only this record has changed."""
    (reply,), names = ask(backend, FIRST)
    assert rule(FIRST, reply).verdict is Verdict.DONE
    assert (reply.http_status, reply.fault, reply.left) == (200, "", True)
    assert (names["clt_1"], names["clt_2"]) == ("New", "old")


def test_the_same_patch_again_is_answered_alike(backend: Backend) -> None:
    """Sending twice is harmless for the record."""
    (first, second), names = ask(backend, FIRST, FIRST)
    assert (first.body, names["clt_1"]) == (second.body, "New")


def test_a_record_is_read_as_it_is(backend: Backend) -> None:
    """What was sent is shown by the next GET."""
    get = Request("get", "clt_1")
    (_, reply), _ = ask(backend, FIRST, get)
    assert rule(get, reply).verdict is Verdict.DONE
    assert isinstance(reply.body, dict) and reply.body["name"] == "New"


@pytest.mark.parametrize("kind", ["patch", "get"])
def test_a_missing_record_is_a_definite_refusal(backend: Backend, kind: Any) -> None:
    """404 with code and message."""
    request = Request(kind, "clt_999", {"name": "N"} if kind == "patch" else None)
    (reply,), names = ask(backend, request)
    assert (reply.http_status, rule(request, reply).verdict, "clt_999" in names) == (404, Verdict.FAILED, False)
    assert isinstance(reply.body, dict) and reply.body["code"] == "NOT_FOUND"


def test_a_page_is_a_page(backend: Backend) -> None:
    """Whatever the envelope."""
    page = Request("page")
    (reply,), _ = ask(backend, page)
    assert rule(page, reply).verdict is Verdict.DONE


@pytest.mark.parametrize(
    ("fault", "status", "stored"), [("reset", None, "old"), ("lost", None, "New"), ("503", 503, "old")]
)
def test_a_fault_leaves_doubt_whether_applied_or_not(
    backend: Backend, fault: str, status: int | None, stored: str
) -> None:
    """The replies to a reset before and after applying are the same: nobody can tell."""
    (reply,), names = ask(backend, FIRST, fault=fault)
    assert (reply.http_status, reply.left, names["clt_1"]) == (status, True, stored)
    assert rule(FIRST, reply).verdict is Verdict.AGAIN_IN_DOUBT


class _Clock:
    """Real time, with waits a fiftieth as long."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / 50)


CHANCES = (
    (0.07, Fault(kind=FaultKind.STATUS, status=503)),
    (0.05, Fault(kind=FaultKind.STATUS, status=500, applied=True)),
    (0.05, Fault(kind=FaultKind.RESET)),
    (0.05, Fault(kind=FaultKind.RESET, applied=True)),
    (0.03, Fault(kind=FaultKind.TRUNCATED, applied=True)),
    (0.03, Fault(kind=FaultKind.EMPTY)),
    (0.03, Fault(kind=FaultKind.NOT_JSON)),
    (0.03, Fault(kind=FaultKind.OTHER_CLIENT)),
)


@pytest.fixture
def served() -> Iterator[SandboxServer]:
    """Return a sandbox with 150 clients that fails at one PATCH in three, at random."""
    faults = Faults(chances=CHANCES, seed=7)
    with SandboxServer(config=SandboxConfig(quota=Quota(rate="none"), faults=faults)) as server:
        server.seed([{"id": f"clt_{n}", "name": "old", "type": "company"} for n in range(150)])
        yield server


def test_over_real_http_one_fault_in_three_loses_no_row(served: SandboxServer, make_world: Kit) -> None:
    """Client and pool together: every row is updated, and the server holds what was sent."""
    world = make_world(1)

    async def go() -> Any:
        async with HefflClient(served.base_url, served.key, deadline=5.0) as client:
            pool = Pool(
                sender=client,
                gate=world.gate,
                log=world.log,
                clock=_Clock(),
                dice=random.Random(1).random,
                stop=StopSignal(),
                limits=Limits(workers=8, readable=frozenset({"name"})),
            )
            return await pool.send_all(Change(n, f"clt_{n}", {"name": f"N{n}"}) for n in range(150))

    report = asyncio.run(go())
    assert report.counts == {Status.UPDATED: 150}
    assert {id_: record["name"] for id_, record in served.records().items()} == {
        f"clt_{n}": f"N{n}" for n in range(150)
    }
    assert report.requests.total() == served.counters["requests"]
