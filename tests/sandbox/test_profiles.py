"""What ships ready-made: samples, the demonstration, faults by name, the command that serves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import phonenumbers
import pytest
from email_validator import validate_email

from bulk_sync.sandbox import (
    ABSENT_DEMO_ID,
    NAMED_FAULTS,
    SandboxConfig,
    SandboxServer,
    demo_config,
    parse_faults,
    sample_clients,
)
from bulk_sync.sandbox.clients import check_client

Serve = Callable[..., SandboxServer]
Client = Callable[..., httpx2.Client]


def test_samples_are_clients_that_the_api_would_take() -> None:
    # Unique ids, numbers, e-mails and names; valid addresses and phones; values that a PATCH may carry.
    samples = sample_clients()
    for name in ("id", "number", "email", "name", "phone"):
        assert len({sample[name] for sample in samples}) == len(samples), name
    for sample in samples:
        validate_email(str(sample["email"]), check_deliverability=False)
        assert phonenumbers.is_valid_number(phonenumbers.parse(str(sample["phone"]))), sample["phone"]
        made = {name: value for name, value in sample.items() if name not in ("id", "number", "createdAt")}
        assert check_client(made, config=SandboxConfig(), create=True) == made


def test_the_demonstration_answers_in_every_way(serve_api: Serve, client_of: Client) -> None:
    # Each of its own ids shows one behaviour, every time, next to clients that simply work.
    server = serve_api(demo_config())
    server.seed([{"id": ABSENT_DEMO_ID}, {"id": "clt_mine"}])
    client = client_of(server)
    change = {"name": "Another long name", "cf_tier": "Gold"}

    def ask(client_id: str, method: str = "PATCH") -> object:
        try:
            reply = client.request(method, f"/clients/{client_id}", json=change if method == "PATCH" else None)
        except httpx2.RemoteProtocolError:
            return "lost"
        body = reply.json()
        if reply.status_code != 200:
            return reply.status_code, body["message"]
        return body["name"], body["customFields"].get("cf_tier")

    assert ask("clt_mine") == ("Another long name", "Gold")
    assert ask("clt_0001") == ("Another long name", "Gold")
    assert [ask("clt_demo_flaky") for _ in range(3)] == [
        (503, "Something is wrong"),
        "lost",
        ("Another long name", "Gold"),
    ]
    assert ask("clt_demo_slow") == ("Another long name", "Gold")
    assert ask("clt_demo_differs") == ("Another long name", "Bronze")
    assert ask("clt_demo_altered") == ("Another lo", "Gold")
    assert ask("clt_demo_failed") == (400, "A client with this name already exists")
    assert ask("clt_demo_missing") == (404, "Client not found")
    assert ask("clt_demo_in_doubt", "GET") == ("Silent Partner Holdings", "Bronze")
    assert [ask("clt_demo_in_doubt") for _ in range(2)] == [(500, "Something is wrong")] * 2
    assert ask("clt_demo_in_doubt", "GET") == (503, "Something is wrong")


def test_the_demonstration_keeps_other_settings() -> None:
    # Only quota, samples and script are its own.
    chosen = demo_config(SandboxConfig(latency=0.1, pages="number", faults=parse_faults("lost=0.1", seed=3)))
    assert (chosen.latency, chosen.pages, chosen.quota.rate) == (0.1, "number", "60/2s")
    assert chosen.faults.chances == ((0.1, NAMED_FAULTS["lost"]),)
    assert chosen.faults.seed == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resets=0.1", "fault 'resets': expected one of 500, 502,"),
        ("2", "share '2': expected a number from 0 to 1 such as 0.2"),
        ("reset=x", "share 'x': expected"),
        ("reset=0.7,lost=0.7", "expected shares that are at most 1 together"),
    ],
)
def test_bad_faults_are_refused(text: str, message: str) -> None:
    # What, and what was expected.
    with pytest.raises(ValueError, match=message):
        parse_faults(text)


def test_no_faults_are_no_faults() -> None:
    # An empty text is nothing at all; a share alone is a mixture that adds up to it.
    assert parse_faults("").chances == ()
    assert sum(chance for chance, _ in parse_faults("0.2").chances) == pytest.approx(0.2)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_the_command_serves_until_interrupted(tmp_path: Path) -> None:
    # It says where it is and what to set, answers, and after Ctrl-C ends cleanly with its count.
    script = (
        "import sys; from pathlib import Path; from bulk_sync.sandbox import *\n"
        "for line in serve(Path(sys.argv[1]), demo_config()): print(line, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip() for _ in range(5)]
        url = lines[0].split()[2].rstrip(":")
        assert lines == [
            f"Sandbox on {url}: 44 clients, 60/2s",
            "To use it:",
            f"  export HEFFL_API_KEY={SandboxConfig().keys[0]}",
            f"  export BULK_SYNC_BASE_URL={url}",
            "Ctrl-C ends it.",
        ]
        assert httpx2.get(f"{url}/clients", headers={"x-api-key": SandboxConfig().keys[0]}).status_code == 200
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=10)
    assert rest == ("Sandbox ended: 1 requests, 0 of them answered 429.\n", "")
    assert process.returncode == 0
