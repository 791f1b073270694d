"""The connections to one server: opened when needed, kept for a while between two requests, closed at the end."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from functools import partial

from bulk_sync.heffl.wire import Wire

KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept: less than the 5 of uvicorn and Node, so that we close first. A
server that closes at the moment when we send would leave a row in doubt for nothing."""

GOODBYE = 1.0
"""Seconds that connections get to close at the end; a TLS peer may never say goodbye."""

UNSEEN = 0.02
"""Seconds after which the loop looks at its sockets before a connection is used: held up by other work, it may not have
seen what came. A second answer to the last request would pass for the next one's."""

_LOOKS = 3
"""Turns of the loop until what came has reached us, by any of asyncio's loops."""

_NEXT_ADDRESS = 0.25
"""Seconds after which a name's next address is tried beside the first (RFC 8305): one of them may lead nowhere."""


class Connections:
    """Connections to ``host`` and ``port`` in the running event loop; ``tls`` is True for this machine's authorities.

    The one used last is used next: it is the least likely to have been closed meanwhile, and after a burst the others
    grow old: idle for ``keep_alive`` seconds, one is closed. ``body_limit`` as of :class:`~bulk_sync.heffl.wire.Wire`.
    """

    def __init__(
        self, host: str, port: int, *, tls: ssl.SSLContext | bool, body_limit: int, keep_alive: float = KEEP_ALIVE
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._host = host
        self._port = port
        self._tls = tls
        self._body_limit = body_limit
        self._keep_alive = keep_alive
        self._open: set[Wire] = set()
        self._idle: deque[tuple[Wire, float]] = deque()  # with the time since when
        self._closed = False
        self._alarm: asyncio.TimerHandle | None = None

    async def open(self, within: float) -> Wire:
        """Return a new connection; ``within`` seconds for name, connection and TLS.

        Raises TimeoutError, OSError, or UnicodeError for a name that cannot be one.
        """
        wire = Wire(self.loop, body_limit=self._body_limit)
        connect = partial(self.loop.create_connection, lambda: wire, self._host, self._port, ssl=self._tls or None)
        if isinstance(self.loop, asyncio.BaseEventLoop):
            # uvloop, which a caller's program may have installed, tries one address after the other.
            connect = partial(connect, happy_eyeballs_delay=_NEXT_ADDRESS)
        async with asyncio.timeout(within):
            await connect()
        if self._closed:
            wire.abort()
            raise ConnectionAbortedError("closed while the connection came about")
        self._open.add(wire)
        wire.closed.add_done_callback(lambda _: self._open.discard(wire))
        return wire

    async def take(self, now: float) -> Wire | None:
        """Return an idle connection that still stands, None where there is none; ``now`` is the loop's time."""
        while self._idle:
            wire, since = self._idle.pop()
            if now - since < self._keep_alive:
                if now - since > UNSEEN:
                    for _ in range(_LOOKS):
                        await asyncio.sleep(0)
                if wire.stands:
                    return wire
            wire.close()
        return None

    def give(self, wire: Wire) -> None:
        """Keep a connection for the next request, if it can carry one."""
        if not wire.stands or wire.spent:
            wire.close()
            return
        self._idle.append((wire, self.loop.time()))
        if self._alarm is None:
            self._alarm = self.loop.call_later(self._keep_alive, self._expire)

    async def aclose(self) -> None:
        """Close all, those in use too; nothing is opened any more."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        self._idle.clear()
        closing = [wire.closed for wire in self._open]
        if not closing:
            return
        for wire in list(self._open):
            wire.close()
        try:
            await asyncio.wait(closing, timeout=GOODBYE)
        finally:
            for wire in list(self._open):
                wire.abort()
        await asyncio.wait(closing)

    def _expire(self) -> None:
        now = self.loop.time()
        while self._idle and self._idle[0][1] + self._keep_alive <= now:
            self._idle.popleft()[0].close()
        self._alarm = self.loop.call_at(self._idle[0][1] + self._keep_alive, self._expire) if self._idle else None
