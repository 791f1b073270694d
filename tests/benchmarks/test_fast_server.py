"""The benchmark's server answers as the API would, and faster than any client asks."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

SERVER = Path(__file__).with_name("fast_server.py")


@pytest.fixture
def base_url() -> Iterator[str]:
    with subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def test_it_answers_with_the_client_asked_for(base_url: str) -> None:
    # What was sent comes back under the id of the path, custom fields in their object; a listing is empty.
    with httpx2.Client(base_url=base_url) as client:
        reply = client.patch("/clients/a%2Fb%22", json={"email": "a@b.co", "cf_tier": "Gold"}).json()
        page = client.get("/clients").json()
    created = reply.pop("createdAt")
    assert created.endswith("Z")
    assert reply == {
        "id": 'a/b"',
        "number": "C1",
        "type": "company",
        "name": "Client",
        "email": "a@b.co",
        "cf_tier": "Gold",
        "customFields": {"email": "a@b.co", "cf_tier": "Gold"},
    }
    assert page == {"items": [], "nextCursor": None, "hasMore": False}


@pytest.mark.demand
def test_it_is_not_the_bottleneck(base_url: str, tmp_path: Path) -> None:
    # wrk, which takes no time itself, gets more than 10,000 answers a second.
    wrk = shutil.which("wrk")
    if wrk is None:
        pytest.skip("wrk is not here")
    script = tmp_path / "patch.lua"
    script.write_text('wrk.method = "PATCH"\nwrk.body = \'{"name":"Acme LLC","cf_tier":"Gold"}\'\n')
    done = subprocess.run(
        [wrk, "-t1", "-c16", "-d2", "-s", str(script), f"{base_url}/clients/clt_1"],
        capture_output=True,
        text=True,
        check=True,
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert rate is not None
    assert float(rate[1]) > 10_000
    assert "Non-2xx" not in done.stdout
