"""An event loop in which a test says where names lead, whatever the resolver of this machine knows."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
LookUp = Callable[[str, int], list[str]]
"""Returns the IPv4 addresses of a host, in the order in which they are tried; or raises, as the resolver would."""


class _NamingLoop(asyncio.SelectorEventLoop):
    def __init__(self, look_up: LookUp) -> None:
        super().__init__()
        self._look_up = look_up

    async def getaddrinfo(self, host: Any, port: Any, **_hints: int) -> list[Any]:
        found = self._look_up(host, port)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)) for address in found]


def run_with_names(work: Coroutine[Any, Any, T], look_up: LookUp) -> T:
    """Run a coroutine in a loop that looks names up by ``look_up``; an address needs no looking up."""
    with asyncio.Runner(loop_factory=partial(_NamingLoop, look_up)) as runner:
        return runner.run(work)
