"""Fixtures: a server as configured, and a client of it that looks at nothing but the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from bulk_sync.sandbox import Fault, Faults, Quota, SandboxConfig, SandboxServer, Scripted

Serve = Callable[..., SandboxServer]
Client = Callable[..., httpx2.Client]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def serve_api() -> Iterator[Serve]:
    with ExitStack() as stack:

        def serve(config: SandboxConfig | None = None, *, state: Path | None = None) -> SandboxServer:
            chosen = config or SandboxConfig(quota=Quota(rate="none"))
            return stack.enter_context(SandboxServer(state, config=chosen))

        yield serve


@pytest.fixture
def client_of() -> Iterator[Client]:
    with ExitStack() as stack:

        def client(server: SandboxServer, *, key: str | None = None, timeout: float = 5) -> httpx2.Client:
            return stack.enter_context(
                httpx2.Client(
                    base_url=server.base_url,
                    headers={"x-api-key": server.key if key is None else key},
                    timeout=timeout,
                    trust_env=False,
                )
            )

        yield client


@pytest.fixture
def faulty(serve_api: Serve) -> Callable[[Fault], SandboxServer]:
    """A server whose client ``clt_1`` is struck by one fault at its first PATCH."""

    def serve(fault: Fault) -> SandboxServer:
        script = (Scripted(fault=fault, ids=frozenset({"clt_1"}), attempts=frozenset({1})),)
        server = serve_api(SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=script)))
        server.seed([{"id": "clt_1"}, {"id": "clt_2"}])
        return server

    return serve
