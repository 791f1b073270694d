"""The stand-in API as a server on loopback, in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
import time as wall
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bulk_sync.sandbox.clients import Json, Record
from bulk_sync.sandbox.config import SandboxConfig
from bulk_sync.sandbox.samples import blanks_filled, loose, missing_records, sample_clients
from bulk_sync.sandbox.service import ROOT, ClientsService, LoggedRequest
from bulk_sync.sandbox.store import Store

if TYPE_CHECKING:
    from bulk_sync.sandbox.listener import Listener

_HOST = "127.0.0.1"
_DOCUMENTED = SandboxConfig()


class SandboxServer:
    """A stand-in for the API that listens on loopback and fails on request.

    ``state`` is a folder that keeps clients and used-up quota between processes, which may use it at once and
    may be killed; None keeps them in memory. ``port`` 0 takes a free one. ``time`` is the clock of the quota,
    as Unix time. The memory is open from the beginning until :meth:`close`, the server runs between
    :meth:`start` and :meth:`stop`; used as a context it does both. Faults are counted in this process only.

    :raises OSError: when the folder or the port cannot be used.
    """

    def __init__(
        self,
        state: Path | None = None,
        *,
        config: SandboxConfig = _DOCUMENTED,
        port: int = 0,
        time: Callable[[], float] = wall.time,
    ) -> None:
        self.config = config
        self._store = Store(state, time=time)
        self._service = ClientsService(self._store, config, time=time)
        self._port = port
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None
        self._load_samples()

    @property
    def base_url(self) -> str:
        """Where the API is: ``http://127.0.0.1:PORT/api/v1``; known once the server has started."""
        return f"http://{_HOST}:{self._port}{ROOT}"

    @property
    def key(self) -> str:
        """A key that the server takes."""
        return self.config.keys[0]

    @property
    def log(self) -> list[LoggedRequest]:
        """The requests of this process in the order of their answers, the last ``log_size`` of them."""
        return list(self._service.log)

    @property
    def counters(self) -> Counter[str]:
        """How often: ``requests``, ``admitted``, ``applied``, each method, each status, each ``fault KIND``."""
        return Counter(self._service.counters)

    def records(self) -> dict[str, Record]:
        """Return every client as it is stored, by id: flat, with the fields that no answer shows."""
        return self._store.records()

    def seed(self, records: Iterable[Mapping[str, Json]]) -> int:
        """Make a client for each of ``records`` that does not exist yet; return how many were made.

        A record is known by its first field: an ``id``, or such as ``{"email": …}`` if any client has that value
        there, whatever the letter case and the spaces. A client that exists gets what it lacks of the other fields.
        """
        longer: list[Mapping[str, Json]] = []

        def each() -> Iterator[Mapping[str, Json]]:
            for record in records:
                if len(record) > 1:
                    longer.append(record)
                yield record

        made = self._store.add_all(missing_records(each(), self._store.values, absent=self.config.absent))
        self._complete(longer)
        return made

    def _complete(self, records: Sequence[Mapping[str, Json]]) -> None:
        holders: dict[str, dict[str, str]] = {}
        for record in records:
            name, value = next(iter(record.items()))
            if name != "id" and name not in holders:
                holders[name] = self._store.holders(name)
            client_id = str(value) if name == "id" else holders[name].get(loose(value), "")
            kept = self._store.get(client_id)
            if kept is not None and blanks_filled(kept, record) != kept:
                self._store.change(client_id, partial(blanks_filled, given=record))

    def empty(self) -> None:
        """Go back to the beginning: no used-up quota, no clients but the samples if there are any."""
        self._store.empty()
        self._load_samples()

    def revoke_key(self) -> None:
        """Answer 401 from now on."""
        self._service.revoked = True

    def restore_key(self) -> None:
        """Take the key again."""
        self._service.revoked = False

    def _load_samples(self) -> None:
        if self.config.samples and not self._store.has_mark("samples"):
            self._store.add_all(sample_clients())
            self._store.mark("samples")

    def start(self) -> Self:
        """Listen; returns when requests are answered."""
        # uvicorn and Starlette take a quarter of a second to import and only a running server needs them.
        listener_class: type[Listener] = import_module("bulk_sync.sandbox.listener").Listener
        self._listener = listener_class(self._service, self._store, self.config, (_HOST, self._port))
        self._port = self._listener.port
        self._service.begin()
        self._thread = threading.Thread(target=self._listener.run, name="bulk-sync-sandbox", daemon=True)
        self._thread.start()
        self._listener.ready.wait()
        return self

    def stop(self) -> None:
        """Close every connection and end the thread; the memory stays open."""
        if self._listener and self._thread:
            self._listener.stop()
            self._thread.join()
            self._listener = self._thread = None

    def close(self) -> None:
        """Stop, and close the memory."""
        self.stop()
        self._store.close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and close the memory."""
        self.close()

    async def __aenter__(self) -> Self:
        """Start, without holding up the loop."""
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and close the memory."""
        await asyncio.to_thread(self.close)
