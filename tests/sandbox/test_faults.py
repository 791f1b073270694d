"""Every fault, over a real connection: what the client sees, and what the server holds afterwards."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Literal

import httpx2
import pytest

from bulk_sync.sandbox import (
    Fault,
    FaultKind,
    Faults,
    Outage,
    Quota,
    SandboxConfig,
    SandboxServer,
    Scripted,
    parse_faults,
)
from bulk_sync.sandbox.clients import Record
from bulk_sync.sandbox.faults import FaultDice, stored_change

Serve = Callable[..., SandboxServer]
Client = Callable[..., httpx2.Client]
Faulty = Callable[[Fault], SandboxServer]
FREE = Quota(rate="none")
CHANGE = {"name": "New", "phone": "+968 1234", "cf_tier": "Gold", "cf_score": 1}
CUT = (httpx2.RemoteProtocolError, httpx2.ReadError)


def stored(server: SandboxServer) -> bool:
    """Whether the change reached the server's memory, and only this client's."""
    records = server.records()
    assert records["clt_2"]["name"] == "Sandbox client clt_2"
    return records["clt_1"]["name"] == "New"


@pytest.mark.parametrize("status", [403, 409, 422, 500, 502, 503, 504])
@pytest.mark.parametrize("applied", [False, True])
def test_a_status_comes_with_or_without_the_change(
    faulty: Faulty, client_of: Client, status: int, applied: bool
) -> None:
    # Any status can be asked for, before or after the change is stored; the second attempt gets through.
    server = faulty(Fault(kind=FaultKind.STATUS, status=status, applied=applied))
    client = client_of(server)
    reply = client.patch("/clients/clt_1", json=CHANGE)
    assert (reply.status_code, sorted(reply.json())) == (status, ["code", "message"])
    assert stored(server) is applied
    assert client.patch("/clients/clt_1", json=CHANGE).status_code == 200
    assert [(each.status, each.fault, each.applied) for each in server.log] == [
        (status, "status", applied),
        (200, "", True),
    ]


def test_a_gateway_answers_in_html_or_with_nothing(faulty: Faulty, client_of: Client) -> None:
    # A 502 with a page, a 503 with an empty body.
    page = client_of(faulty(Fault(kind=FaultKind.STATUS, status=502, body="html"))).patch("/clients/clt_1", json=CHANGE)
    assert (page.status_code, page.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert page.text.startswith("<!doctype html>")
    blank = client_of(faulty(Fault(kind=FaultKind.STATUS, status=503, body="empty"))).patch(
        "/clients/clt_1", json=CHANGE
    )
    assert (blank.status_code, blank.content) == (503, b"")


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.CLOSE])
@pytest.mark.parametrize("applied", [False, True])
def test_the_connection_is_cut_without_an_answer(
    faulty: Faulty, client_of: Client, kind: FaultKind, applied: bool
) -> None:
    # Reset or closed, before or after the change was stored; the log says that no answer was given.
    server = faulty(Fault(kind=kind, applied=applied))
    client = client_of(server)
    with pytest.raises(CUT):
        client.patch("/clients/clt_1", json=CHANGE)
    assert stored(server) is applied
    assert (server.log[0].status, server.counters[f"fault {kind}"]) == (0, 1)
    assert client.patch("/clients/clt_1", json=CHANGE).status_code == 200


def test_a_reset_is_a_reset_and_a_close_is_a_close(faulty: Faulty) -> None:
    # On the bare socket: RST raises, FIN ends the stream.
    seen = []
    for kind in (FaultKind.RESET, FaultKind.CLOSE):
        server = faulty(Fault(kind=kind))
        port = int(server.base_url.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as sock:
            head = f"PATCH /api/v1/clients/clt_1 HTTP/1.1\r\nhost: x\r\nx-api-key: {server.key}\r\n"
            sock.sendall(head.encode() + b"content-length: 2\r\n\r\n{}")
            try:
                seen.append(sock.recv(100))
            except ConnectionResetError:
                seen.append(b"reset")
    assert seen == [b"reset", b""]


def test_silence_lasts_and_then_the_connection_ends(faulty: Faulty, client_of: Client) -> None:
    # The client's own patience decides; the change may be there already.
    server = faulty(Fault(kind=FaultKind.SILENT, seconds=30, applied=True))
    with pytest.raises(httpx2.ReadTimeout):
        client_of(server, timeout=0.2).patch("/clients/clt_1", json=CHANGE)
    assert stored(server)
    brief = faulty(Fault(kind=FaultKind.SILENT, seconds=0.1))
    with pytest.raises(CUT):
        client_of(brief).patch("/clients/clt_1", json=CHANGE)


def test_a_stop_does_not_wait_for_the_silent(faulty: Faulty, client_of: Client) -> None:
    # A server that holds a request for 30 s stops at once.
    server = faulty(Fault(kind=FaultKind.SILENT, seconds=30))
    with pytest.raises(httpx2.ReadTimeout):
        client_of(server, timeout=0.1).patch("/clients/clt_1", json=CHANGE)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 1


def test_an_answer_comes_late(faulty: Faulty, client_of: Client) -> None:
    # By the seconds that were asked for.
    server = faulty(Fault(kind=FaultKind.DELAY, seconds=0.2))
    began = time.monotonic()
    assert client_of(server).patch("/clients/clt_1", json=CHANGE).status_code == 200
    assert 0.2 <= time.monotonic() - began < 2


def test_an_answer_dribbles(faulty: Faulty, client_of: Client) -> None:
    # Byte by byte: no pause is long enough for a read timeout, yet the whole takes its time.
    server = faulty(Fault(kind=FaultKind.DRIBBLE, seconds=0.4))
    began = time.monotonic()
    reply = client_of(server, timeout=0.3).patch("/clients/clt_1", json=CHANGE)
    assert reply.json()["name"] == "New"
    assert time.monotonic() - began >= 0.4


def test_a_client_may_leave_a_dribble(faulty: Faulty, client_of: Client) -> None:
    # The server notices, and serves the next request.
    server = faulty(Fault(kind=FaultKind.DRIBBLE, seconds=60))
    client = client_of(server, timeout=0.1)
    with pytest.raises(httpx2.ReadTimeout):
        client.patch("/clients/clt_1", json=CHANGE)
    assert client_of(server).patch("/clients/clt_1", json=CHANGE).status_code == 200


@pytest.mark.parametrize(("how", "kept"), [("trim", "A  B"), ("squeeze", "AB"), ("cut", " A  B "), ("lower", " a  b ")])
def test_texts_are_altered_in_four_ways(how: Literal["trim", "squeeze", "cut", "lower"], kept: str) -> None:
    # Only the texts of the fields that are named.
    fault = Fault(kind=FaultKind.ALTER, fields=("name", "cf_n"), how=how)
    change: Record = {"name": " A  B ", "phone": " A  B ", "cf_n": 7}
    assert stored_change(change, (fault,)) == {"name": kept, "phone": " A  B ", "cf_n": 7}


def test_a_refusal_stays_a_refusal(faulty: Faulty, client_of: Client) -> None:
    # A fault in the answer's body has nothing to twist where the API refuses the change.
    server = faulty(Fault(kind=FaultKind.OTHER_CLIENT))
    assert client_of(server).patch("/clients/clt_1", json={"email": "x"}).status_code == 400


def test_an_answer_is_cut_short(faulty: Faulty, client_of: Client) -> None:
    # The connection closes in the middle of the body, after the change was stored.
    server = faulty(Fault(kind=FaultKind.TRUNCATED, applied=True))
    with pytest.raises(CUT):
        client_of(server).patch("/clients/clt_1", json=CHANGE)
    assert stored(server)


@pytest.mark.parametrize(
    ("kind", "body"), [(FaultKind.EMPTY, b""), (FaultKind.NOT_JSON, b"<!doctype html>"), (FaultKind.OTHER_CLIENT, b"{")]
)
def test_a_200_is_no_proof(faulty: Faulty, client_of: Client, kind: FaultKind, body: bytes) -> None:
    # 200 with no body, with a page, or with another client.
    server = faulty(Fault(kind=kind))
    reply = client_of(server).patch("/clients/clt_1", json=CHANGE)
    assert (reply.status_code, reply.content[: len(body)]) == (200, body)
    if kind is FaultKind.OTHER_CLIENT:
        assert reply.json()["id"] == "clt_2"


def test_a_redirect_points_elsewhere(faulty: Faulty, client_of: Client) -> None:
    # With the status and the place that were asked for; nothing is stored.
    server = faulty(Fault(kind=FaultKind.REDIRECT, status=308, location="http://127.0.0.1:9/other"))
    reply = client_of(server).patch("/clients/clt_1", json=CHANGE)
    assert (reply.status_code, reply.headers["location"]) == (308, "http://127.0.0.1:9/other")
    assert not stored(server)


def test_a_body_can_be_giant(faulty: Faulty, client_of: Client) -> None:
    # Megabytes before the client itself, still JSON.
    server = faulty(Fault(kind=FaultKind.GIANT, size=3 * 2**20))
    reply = client_of(server).patch("/clients/clt_1", json=CHANGE)
    assert len(reply.content) > 3 * 2**20
    assert reply.json()["name"] == "New"


def test_fields_are_dropped_or_altered_with_a_200(serve_api: Serve, client_of: Client) -> None:
    # Custom fields forgotten on one client, texts altered on others; a fault on the way may come with it.
    def on(client_id: str, fault: Fault) -> Scripted:
        return Scripted(fault=fault, ids=frozenset({client_id}))

    script = (
        on("clt_1", Fault(kind=FaultKind.DROP, fields=("cf_tier",))),
        on("clt_2", Fault(kind=FaultKind.DROP, fields=("cf_*",))),
        on("clt_2", Fault(kind=FaultKind.CLOSE, applied=True)),
        on("clt_3", Fault(kind=FaultKind.ALTER, fields=("phone",), how="squeeze")),
        on("clt_4", Fault(kind=FaultKind.ALTER, fields=("name", "phone"), how="cut")),
    )
    server = serve_api(SandboxConfig(quota=FREE, faults=Faults(script=script)))
    server.seed([{"id": f"clt_{number}"} for number in range(1, 5)])
    client = client_of(server)
    change = {"name": " Very long name ", "phone": "+968 1234 5678", "cf_tier": "Gold", "cf_score": 1}
    first = client.patch("/clients/clt_1", json=change).json()
    assert first["customFields"] == {"cf_score": 1}
    with pytest.raises(CUT):
        client.patch("/clients/clt_2", json=change)
    assert "cf_score" not in server.records()["clt_2"]
    assert server.records()["clt_2"]["name"] == " Very long name "
    assert client.patch("/clients/clt_3", json=change).json()["phone"] == "+96812345678"
    fourth = client.patch("/clients/clt_4", json=change).json()
    assert (fourth["name"], fourth["phone"]) == (" Very long", "+968 1234 ")


def test_a_key_is_revoked_after_some_requests(serve_api: Serve, client_of: Client) -> None:
    # Three requests pass, every later one gets 401.
    server = serve_api(SandboxConfig(quota=FREE, faults=Faults(revoked_after=3)))
    client = client_of(server)
    assert [client.get("/clients").status_code for _ in range(5)] == [200, 200, 200, 401, 401]


def test_the_port_is_closed_for_a_while(serve_api: Serve, client_of: Client) -> None:
    # During the outage connections are refused and open ones are cut; afterwards the same port answers again.
    server = serve_api(SandboxConfig(quota=FREE, faults=Faults(outages=(Outage(start=0.2, end=0.6),))))
    client = client_of(server)
    assert client.get("/clients").status_code == 200
    began, seen = time.monotonic(), set()
    while time.monotonic() - began < 5:
        try:
            client.get("/clients")
            seen.add("answered")
            if "refused" in seen:
                break
        except httpx2.ConnectError:
            seen.add("refused")
        except CUT:
            seen.add("cut")
        time.sleep(0.01)
    assert {"answered", "refused"} <= seen
    assert 0.3 < time.monotonic() - began < 4


def test_an_outage_may_answer_503(client_of: Client) -> None:
    # In virtual time: from 10 s to 20 s everything is 503, even without a key, and no quota is used.
    moment = [1_800_000_000.0]
    config = SandboxConfig(faults=Faults(outages=(Outage(start=10, end=20, how="503"),)))
    with SandboxServer(config=config, time=lambda: moment[0]) as server:
        client = client_of(server)
        statuses = []
        for _ in range(4):
            statuses.append(client.get("/clients").status_code)
            moment[0] += 7
        assert statuses == [200, 200, 503, 200]
        assert server.counters["fault outage"] == 1


def test_latency_and_jitter_take_time(serve_api: Serve, client_of: Client) -> None:
    # Each request takes the latency, and up to twice the jitter more.
    server = serve_api(SandboxConfig(quota=FREE, latency=0.1, jitter=0.05))
    client = client_of(server)
    began = time.monotonic()
    for _ in range(3):
        client.get("/clients")
    assert 0.3 <= time.monotonic() - began < 2


def test_a_script_can_name_the_request(serve_api: Serve, client_of: Client) -> None:
    # By the server's own count, whoever asks, and for reading as well.
    fault = Fault(kind=FaultKind.STATUS, status=503)
    script = (Scripted(fault=fault, methods=frozenset(), requests=frozenset({2, 4})),)
    client = client_of(serve_api(SandboxConfig(quota=FREE, faults=Faults(script=script))))
    assert [client.get("/clients").status_code for _ in range(5)] == [200, 503, 200, 503, 200]


def drawn(dice: FaultDice, ids: list[str], attempts: int) -> dict[tuple[str, int], str]:
    every = [(client_id, attempt) for attempt in range(attempts) for client_id in ids]
    return {each: " ".join(fault.kind for fault in dice.draw(0, "PATCH", each[0])) for each in every}


def test_chances_do_not_depend_on_the_order() -> None:
    # The same seed gives the same faults to the same attempts in whatever order clients are asked for.
    ids = [f"clt_{number}" for number in range(300)]
    faults = parse_faults("0.2", seed=7)
    forward, backward = drawn(FaultDice(faults), ids, 3), drawn(FaultDice(faults), ids[::-1], 3)
    assert forward == backward
    assert forward != drawn(FaultDice(parse_faults("0.2", seed=8)), ids, 3)
    assert 120 <= sum(1 for kind in forward.values() if kind) <= 240


def test_chances_can_be_limited_for_each_client() -> None:
    # With a limit of 2 even certain failure ends with the third attempt, and reading is spared.
    dice = FaultDice(Faults(chances=((1.0, Fault(kind=FaultKind.RESET)),), chance_limit=2))
    assert [bool(dice.draw(0, "PATCH", "clt_1")) for _ in range(4)] == [True, True, False, False]
    assert dice.draw(0, "GET", "clt_1") == ()
