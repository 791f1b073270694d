"""The sandbox as a command: serve until interrupted, and say what to set to use it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from bulk_sync.sandbox.config import SandboxConfig
from bulk_sync.sandbox.server import SandboxServer

_LOOK_SECONDS = 0.5
"""How long Windows may take to notice Ctrl-C: it does not interrupt a wait without an end."""


def serve(state: Path | None, config: SandboxConfig, *, port: int = 0) -> Iterator[str]:
    """Serve until Ctrl-C (``KeyboardInterrupt``), yielding the lines to print.

    The last line comes after the end of serving; the iterator then stops as usual.

    :raises OSError: when the folder or the port cannot be used.
    """
    with SandboxServer(state, config=config, port=port) as server:
        try:
            yield f"Sandbox on {server.base_url}: {len(server.records())} clients, {config.quota.rate}"
            yield "To use it:"
            yield f"  {setting('HEFFL_API_KEY', server.key)}"
            yield f"  {setting('BULK_SYNC_BASE_URL', server.base_url)}"
            yield "Ctrl-C ends it."
            forever = threading.Event()
            while not forever.wait(_LOOK_SECONDS):
                pass
        except KeyboardInterrupt:
            pass
        counters = server.counters
        yield f"Sandbox ended: {counters['requests']} requests, {counters['429']} of them answered 429."


def setting(name: str, value: str, *, platform: str = os.name) -> str:
    """Return the line that sets an environment variable in the platform's usual shell.

    >>> setting("A", "b", platform="posix"), setting("A", "b", platform="nt")
    ('export A=b', '$env:A = "b"')
    """
    return f'$env:{name} = "{value}"' if platform == "nt" else f"export {name}={value}"
