"""Offices where whole runs are made, clocks on which nobody waits, and a third party who edits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from bulk_sync.sandbox import Quota, SandboxConfig, SandboxServer
from tests.workflow.office import UNLIMITED, LeapingClock, Office


@pytest.fixture
def open_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Open offices, each with a server of its own."""
    servers: list[SandboxServer] = []
    offices: list[Office] = []

    def opener(config: SandboxConfig = UNLIMITED, records: Sequence[Mapping[str, Any]] = ()) -> Office:
        server = SandboxServer(None, config=config)
        servers.append(server)
        server.seed(records)
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        offices.append(Office(folder, server.start()))
        return offices[-1]

    yield opener
    for office in offices:
        office.close()
    for server in servers:
        server.close()


@pytest.fixture
def leaping_clock() -> Callable[[], LeapingClock]:
    """Make clocks on which nobody waits."""
    return LeapingClock


@pytest.fixture
def edit() -> Callable[..., None]:
    """Change a client as a third party would, over HTTP."""

    def change(office: Office, record_id: str, **fields: object) -> None:
        request = Request(
            f"{office.server.base_url}/clients/{record_id}",
            method="PATCH",
            data=json.dumps(fields).encode(),
            headers={"x-api-key": office.server.key, "content-type": "application/json"},
        )
        with urlopen(request) as reply:
            assert reply.status == 200

    return change


@pytest.fixture
def open_prefixless(open_office: Callable[..., Office]) -> Callable[..., Office]:
    """Open an office whose API shows custom fields without their prefix."""
    config = SandboxConfig(quota=Quota(rate="none"), custom_prefix=False)
    return lambda records: open_office(config=config, records=records)
