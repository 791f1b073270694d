"""The stand-in over real HTTP: clients, key, quota, switches, and a memory that processes share."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from bulk_sync.sandbox import (
    HeaderStyle,
    Quota,
    Rule,
    SandboxConfig,
    SandboxServer,
)

Serve = Callable[..., SandboxServer]
Client = Callable[..., httpx2.Client]
FREE = Quota(rate="none")


def test_a_change_is_stored_whole_and_answered_in_part(serve_api: Serve, client_of: Client) -> None:
    # Fields that no answer shows are kept, custom fields come back in an object, unknown keys are ignored with 200.
    server = serve_api()
    server.seed([{"id": "clt_1", "number": "COM1", "name": "Before"}])
    sent = {
        "name": "Acme LLC",
        "email": None,
        "jobTitle": "Owner",
        "taxNumber": "100",
        "billingAddress": {"city": "Muscat"},
        "primaryContact": {"firstName": "Jane"},
        "cf_tier": "Gold",
        "nmae": "typo",
    }
    reply = client_of(server).patch("/clients/clt_1", json=sent)
    stored = server.records()["clt_1"]
    created = stored.pop("createdAt")
    assert (reply.status_code, reply.json()) == (
        200,
        {
            "id": "clt_1",
            "number": "COM1",
            "name": "Acme LLC",
            "type": "company",
            "createdAt": created,
            "firstName": None,
            "lastName": None,
            "email": None,
            "phone": None,
            "website": None,
            "customFields": {"cf_tier": "Gold"},
        },
    )
    del sent["nmae"]
    assert stored == {"id": "clt_1", "number": "COM1", "type": "company", **sent}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"email": "nobody"}, "Invalid email address format"),
        ({"email": ""}, "Invalid email address format"),
        ({"phone": None}, "phone must be a string"),
        ({"name": 7}, "name must be a string"),
        ({"type": "person"}, "type must be one of: company, contact"),
        ({"billingAddress": None}, "billingAddress must be an object"),
        ({"billingAddress": {"city": None}}, "billingAddress.city must be a string"),
        ({"primaryContact": {"email": "x"}}, "Invalid email address format"),
        ({}, "At least one field is required"),
        ([], "Expected a JSON object"),
        ("text", "Expected a JSON object"),
    ],
)
def test_what_the_documentation_does_not_allow_is_refused(
    serve_api: Serve, client_of: Client, body: object, message: str
) -> None:
    # 400 with code and message, and nothing is stored.
    server = serve_api()
    server.seed([{"id": "clt_1"}])
    before = server.records()
    reply = client_of(server).patch("/clients/clt_1", json=body)
    assert (reply.status_code, reply.json()) == (400, {"code": "BAD_REQUEST", "message": message})
    assert server.records() == before


def test_odd_bodies_are_read(serve_api: Serve, client_of: Client) -> None:
    # In pieces, with half a surrogate pair; refused where they are no JSON, hold NaN, nest too deep or are too large.
    server = serve_api()
    server.seed([{"id": "clt_1"}])
    client = client_of(server)

    def patch(*parts: bytes) -> httpx2.Response:
        return client.patch("/clients/clt_1", content=iter(parts))

    assert patch(b'{"na', b"", b'me":"A"}').json()["name"] == "A"
    assert patch(b'{"name":"\\ud800"}').json()["name"] == "\ud800"
    for body in (b"", b"{", b"\xff", b'{"cf_x":NaN}', b"[" * 100_000, b'{"cf_x":"' + b"x" * 5_000_000 + b'"}'):
        assert patch(body).status_code == 400
    assert server.records()["clt_1"]["name"] == "\ud800"


def test_a_server_goes_away_and_comes_back(serve_api: Serve, client_of: Client) -> None:
    # Stopped and started again it has the same port, the same clients and the same log.
    server = serve_api()
    server.seed([{"id": "clt_1"}])
    client = client_of(server)
    assert client.get("/clients/clt_1").status_code == 200
    server.stop()
    server.stop()
    with pytest.raises(httpx2.TransportError):
        client.get("/clients/clt_1")
    server.start()
    assert client.get("/clients/clt_1").status_code == 200
    assert [each.status for each in server.log] == [200, 200]


def test_clients_are_made_read_and_removed(serve_api: Serve, client_of: Client) -> None:
    # POST, GET, DELETE; afterwards the client is not found; ids are data and may need escaping.
    server = serve_api()
    server.seed([{"id": "a/b ?é"}])
    client = client_of(server)
    made = client.post("/clients", json={"type": "contact", "firstName": "Jane", "lastName": "Smith"}).json()
    assert made["name"] == "Jane Smith"
    assert client.get(f"/clients/{made['id']}").json() == made
    assert client.post("/clients", json={"type": "contact"}).status_code == 400
    assert client.delete(f"/clients/{made['id']}").json() == {"id": made["id"]}
    missing = client.get(f"/clients/{made['id']}")
    assert (missing.status_code, missing.json()) == (
        404,
        {"code": "NOT_FOUND", "message": "Client not found"},
    )
    assert client.delete(f"/clients/{made['id']}").status_code == 404
    assert client.patch("/clients/nobody", json={"name": "x"}).status_code == 404
    assert client.get("/clients/a%2Fb%20%3F%C3%A9").json()["id"] == "a/b ?é"
    refused = client.put("/clients/clt_1", json={})
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, PATCH, DELETE")
    assert client.get("/clients/a/b").status_code == 404


def test_pages_show_every_client_once(serve_api: Serve, client_of: Client) -> None:
    # By cursor, while clients are removed and made on the way; bad limits and cursors are refused.
    server = serve_api()
    server.seed({"id": f"clt_{number}"} for number in range(250))
    client = client_of(server)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get("/clients", params={"limit": 100, **({"cursor": cursor} if cursor else {})}).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["nextCursor"]
        assert page["hasMore"] == (cursor is not None)
        client.delete(f"/clients/clt_{len(seen) - 1}")
    assert seen == [f"clt_{number}" for number in range(250)]
    assert len(client.get("/clients").json()["items"]) == 20
    for query in ({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"cursor": "%%"}, {"cursor": "YWJj"}):
        assert client.get("/clients", params=query).status_code == 400


def test_the_older_pages_count(serve_api: Serve, client_of: Client) -> None:
    # The switch gives the envelope of the page-number generation.
    server = serve_api(SandboxConfig(quota=FREE, pages="number"))
    server.seed({"id": f"clt_{number}"} for number in range(25))
    page = client_of(server).get("/clients", params={"pageNo": 3, "pageSize": 10}).json()
    assert [each["id"] for each in page["items"]] == [f"clt_{number}" for number in range(20, 25)]
    assert page["meta"] == {"count": 5, "total": 25, "pageNo": 3, "pageSize": 10}


def test_switches_change_what_the_documentation_leaves_open(serve_api: Serve, client_of: Client) -> None:
    # Unknown keys refused, custom fields without their prefix, addresses replaced, names unique with 409.
    server = serve_api(
        SandboxConfig(
            quota=FREE,
            unknown_keys="reject",
            custom_prefix=False,
            address="replace",
            unique=("name",),
            duplicate_status=409,
        )
    )
    server.seed([{"id": "clt_1", "name": "One"}, {"id": "clt_2", "name": "Two"}])
    client = client_of(server)
    assert client.patch("/clients/clt_1", json={"nmae": "x"}).status_code == 400
    assert client.patch("/clients/clt_1", json={"cf_x": 1}).json()["customFields"] == {"x": 1}
    client.patch("/clients/clt_1", json={"billingAddress": {"city": "A", "state": "B"}})
    client.patch("/clients/clt_1", json={"billingAddress": {"city": "C"}})
    assert server.records()["clt_1"]["billingAddress"] == {"city": "C"}
    duplicate = client.patch("/clients/clt_1", json={"name": "Two"})
    assert (duplicate.status_code, duplicate.json()["code"]) == (409, "CONFLICT")
    assert client.patch("/clients/clt_1", json={"name": "One"}).status_code == 200


def test_addresses_merge_unless_switched(serve_api: Serve, client_of: Client) -> None:
    # A PATCH of one part keeps the others.
    server = serve_api()
    server.seed([{"id": "clt_1", "billingAddress": {"city": "A", "state": "B"}}])
    client_of(server).patch("/clients/clt_1", json={"billingAddress": {"city": "C"}})
    assert server.records()["clt_1"]["billingAddress"] == {"city": "C", "state": "B"}


def test_only_the_key_opens(serve_api: Serve, client_of: Client) -> None:
    # No key, a wrong key and a revoked key: 401, uncounted by the quota, and told apart in the log.
    server = serve_api(SandboxConfig(quota=Quota(rate="3/h")))
    none = httpx2.get(f"{server.base_url}/clients")
    assert none.json() == {
        "code": "UNAUTHORIZED",
        "message": "API key required. Include 'x-api-key' header.",
    }
    wrong = client_of(server, key="heffl_user_wrong").get("/clients")
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Invalid API key")
    assert "ratelimit-limit" not in wrong.headers
    client = client_of(server)
    server.revoke_key()
    assert client.get("/clients").status_code == 401
    server.restore_key()
    assert client.get("/clients").headers["ratelimit-remaining"] == "2"
    assert [(each.key, each.status) for each in server.log] == [
        ("none", 401),
        ("wrong", 401),
        ("right", 401),
        ("right", 200),
    ]


def test_the_quota_is_refused_told_and_comes_back(client_of: Client) -> None:
    # With a clock of our own: the fourth request in a minute gets 429 with Retry-After, the next minute is free.
    moment = [1_800_000_000.0]
    config = SandboxConfig(quota=Quota(rate="3/min"), retry_after="seconds")
    with SandboxServer(config=config, time=lambda: moment[0]) as server:
        client = client_of(server)
        seen = [client.get("/clients/x") for _ in range(4)]
        assert [reply.status_code for reply in seen] == [404, 404, 404, 429]
        assert [reply.headers["ratelimit-remaining"] for reply in seen] == ["2", "1", "0", "0"]
        assert seen[3].json() == {"code": "TOO_MANY_REQUESTS", "message": "Rate limit exceeded"}
        assert (seen[3].headers["retry-after"], seen[3].headers["ratelimit-reset"]) == ("60", "60")
        moment[0] += 60
        assert client.get("/clients/x").status_code == 404
        assert (server.counters["429"], server.counters["requests"]) == (1, 5)


def test_the_quota_holds_in_real_time(serve_api: Serve, client_of: Client) -> None:
    # Hammered for a second, a sliding log of 20 in 500 ms lets at most 60 and at least 40 through.
    server = serve_api(SandboxConfig(quota=Quota(rate="20/0.5s", rule=Rule.SLIDING_LOG)))
    client = client_of(server)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        client.get("/clients/x")
    assert 40 <= server.counters["404"] <= 60
    assert server.counters["429"] > 0


def test_headers_can_be_kept_for_refusals(serve_api: Serve, client_of: Client) -> None:
    # With ``headers_on`` 429 only a refused request is told about the quota.
    config = SandboxConfig(quota=Quota(rate="1/h"), headers=HeaderStyle.DRAFT_10, headers_on="429")
    client = client_of(serve_api(config))
    first, second = client.get("/clients/x"), client.get("/clients/x")
    assert "ratelimit" not in first.headers
    assert second.headers["ratelimit"].startswith('"quota";r=0;t=')


def test_seeding_keeps_what_is_there(serve_api: Serve) -> None:
    # A client is found by its id or by whichever key is given; only missing ones are made, and ``absent`` ones never.
    server = serve_api(SandboxConfig(quota=FREE, samples=True, absent=frozenset({"clt_never"})))
    samples = server.records()
    keys: list[dict[str, str]] = [
        {"id": "clt_0001"},
        {"email": "Jane.Smith@Example.com "},
        {"number": "COM0003"},
        {"id": "clt_never"},
        {"id": "clt_new"},
        {"email": "new@example.com"},
        {"email": "new@example.com"},
        {"phone": "+96812345678"},
        {"cf_code": "K-1"},
    ]
    assert server.seed(keys) == 4
    made = {name: record for name, record in server.records().items() if name not in samples}
    assert [record["name"] for record in made.values()] == [
        "Sandbox client clt_new",
        "Sandbox client new@example.com",
        "Sandbox client +96812345678",
        "Sandbox client K-1",
    ]
    assert server.seed(keys) == 0
    server.empty()
    assert server.records() == samples


def test_the_whole_record_can_be_seen_over_http(serve_api: Serve) -> None:
    # For people who serve the sandbox: with the key only, since they may try it with their own sheets.
    server = serve_api()
    server.seed([{"id": "clt_1", "taxNumber": "100"}])
    root = server.base_url.removesuffix("/api/v1")
    seen = httpx2.get(f"{root}/sandbox/records", headers={"x-api-key": server.key})
    assert seen.json() == server.records()
    assert httpx2.get(f"{root}/sandbox/records").status_code == 401
    assert httpx2.get(f"{root}/sandbox/counters").json() == {}


def test_two_servers_share_one_state(serve_api: Serve, client_of: Client, tmp_path: Path) -> None:
    # Clients and used-up quota are the same for both at once, and for a third one later.
    config = SandboxConfig(quota=Quota(rate="4/h"))
    one, two = serve_api(config, state=tmp_path / "state"), serve_api(config, state=tmp_path / "state")
    one.seed([{"id": "clt_1"}])
    clients = [client_of(one), client_of(two)]
    statuses = [clients[turn % 2].patch("/clients/clt_1", json={f"cf_{turn}": 1}).status_code for turn in range(6)]
    assert statuses == [200, 200, 200, 200, 429, 429]
    assert {f"cf_{turn}" for turn in range(4)} <= set(two.records()["clt_1"])
    one.stop()
    two.stop()
    three = serve_api(config, state=tmp_path / "state")
    assert client_of(three).get("/clients/clt_1").status_code == 429
    assert three.records() == two.records()


def test_the_state_survives_a_killed_process(tmp_path: Path) -> None:
    # A process that is killed in the middle of serving has lost no change that it answered.
    script = (
        "import sys, time; from pathlib import Path; from bulk_sync.sandbox import *\n"
        "s = SandboxServer(Path(sys.argv[1]), config=SandboxConfig(quota=Quota(rate='none'))).start()\n"
        "s.seed([{'id': 'clt_1'}]); print(s.base_url, flush=True); time.sleep(60)"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        key = SandboxConfig().keys[0]
        with httpx2.Client(base_url=url, headers={"x-api-key": key}) as client:
            for number in range(20):
                assert client.patch("/clients/clt_1", json={f"cf_{number}": number}).status_code == 200
        process.kill()
    server = SandboxServer(tmp_path)
    stored = server.records()["clt_1"]
    server.close()
    assert {name: value for name, value in stored.items() if name.startswith("cf_")} == {
        f"cf_{number}": number for number in range(20)
    }


def test_the_state_is_its_owners_alone(tmp_path: Path) -> None:
    # Folder 0700, file 0600: a sandbox may hold a person's real sheet.
    server = SandboxServer(tmp_path / "state")
    server.close()
    modes = [oct(path.stat().st_mode & 0o777) for path in (tmp_path / "state", *(tmp_path / "state").iterdir())]
    assert modes == ["0o700", "0o600"]


def test_many_clients_are_no_trouble(serve_api: Serve, client_of: Client, tmp_path: Path) -> None:
    # 100,000 clients are made in seconds, and one of them is changed in well under a second.
    server = serve_api(state=tmp_path)
    assert server.seed({"id": f"clt_{number}"} for number in range(100_000)) == 100_000
    client = client_of(server)
    began = time.monotonic()
    assert client.patch("/clients/clt_99999", json={"name": "Last"}).json()["name"] == "Last"
    assert client.get("/clients", params={"limit": 100}).json()["hasMore"]
    assert time.monotonic() - began < 1


@pytest.mark.anyio
async def test_it_serves_inside_a_loop(client_of: Client) -> None:
    # ``async with`` starts and stops without holding up the loop; a stopped server refuses connections.
    async with SandboxServer() as server:
        async with httpx2.AsyncClient(headers={"x-api-key": server.key}) as client:
            assert (await client.get(f"{server.base_url}/clients")).status_code == 200
        url = server.base_url
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/clients")


def test_a_taken_port_is_refused(serve_api: Serve) -> None:
    # With the system's error, in the caller's thread.
    server = serve_api()
    port = int(server.base_url.split(":")[2].split("/")[0])
    second = SandboxServer(port=port)
    try:
        with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
            second.start()
    finally:
        second.close()


def test_light_import() -> None:
    # Importing the package loads no web library: only a running server needs them.
    script = "import sys, bulk_sync.sandbox; print([n for n in ('uvicorn', 'starlette', 'anyio') if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"


def test_a_client_that_exists_gets_what_it_lacks(serve_api: Serve) -> None:
    # Known by the first field, in whatever spelling; what it has stays, and an id that stands behind is its own.
    server = serve_api()
    assert server.seed([{"email": "A@x.example", "id": "clt_a"}, {"id": "clt_b", "phone": "+1"}]) == 2
    again = [
        {"email": "a@X.example", "id": "clt_z", "phone": "+2"},
        {"id": "clt_b", "phone": "+3", "email": "b@x.example"},
    ]
    assert server.seed(again) == 0
    kept = server.records()
    assert sorted(kept) == ["clt_a", "clt_b"]
    assert (kept["clt_a"]["email"], kept["clt_a"]["phone"]) == ("A@x.example", "+2")
    assert (kept["clt_b"]["email"], kept["clt_b"]["phone"]) == ("b@x.example", "+1")
