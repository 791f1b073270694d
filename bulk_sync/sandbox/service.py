"""The API itself as an ASGI application: key, quota, faults, clients; and its log."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple
from urllib.parse import parse_qs, unquote

from bulk_sync.sandbox.clients import Json, Record, RefusedClient, check_client, merge_client, shown_client
from bulk_sync.sandbox.config import Fault, FaultKind, SandboxConfig
from bulk_sync.sandbox.faults import STORING, FaultDice, stored_change, throw
from bulk_sync.sandbox.quota import quota_headers
from bulk_sync.sandbox.store import Store
from bulk_sync.sandbox.wire import (
    Answer,
    Receive,
    Scope,
    Send,
    deliver,
    error_answer,
    failing_answer,
    json_bytes,
    pause,
    read_body,
)

ROOT = "/api/v1"
_COLLECTION = ROOT + "/clients"
_BODY_LIMIT = 4 * 2**20
_METHODS = {True: ("GET", "POST"), False: ("GET", "PATCH", "DELETE")}


class LoggedRequest(NamedTuple):
    """One request as the server saw it.

    ``at`` is Unix time of its arrival. ``status`` 0 means that no answer was given. ``fault`` names the fault
    that struck it, ``applied`` says whether a change was stored, ``body`` is the JSON that was sent.
    """

    at: float
    method: str
    path: str
    client_id: str
    status: int
    key: Literal["right", "wrong", "none"]
    fault: str = ""
    applied: bool = False
    body: Json = None


class _Asked(NamedTuple):
    method: str
    client_id: str
    collection: bool
    query: dict[str, list[str]]
    body: Json


class _Given(NamedTuple):
    """The outcome of a request before it travels back."""

    answer: Answer
    fault: Fault | None = None
    applied: bool = False
    names: tuple[str, ...] = ()


class ClientsService:
    """Answers the requests for clients. One for each server; its counts are of this process alone."""

    def __init__(self, store: Store, config: SandboxConfig, *, time: Callable[[], float]) -> None:
        self._store = store
        self._config = config
        self._time = time
        self._dice = FaultDice(config.faults)
        self._passed = 0
        self._thrown = 0
        self.revoked = False
        self._started_at = time()
        self.log: deque[LoggedRequest] = deque(maxlen=config.log_size)
        self.counters: Counter[str] = Counter()

    def begin(self) -> None:
        """Count outages from now."""
        self._started_at = self._time()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        at = self._time()
        body = await read_body(receive, limit=_BODY_LIMIT)
        await self._travel(receive)
        key = self._key(scope)
        asked = _asked(scope, body)
        given = self._answer(asked, key)
        self._write_log(at, scope, asked, key, given)
        if given.fault and given.fault.seconds and given.fault.kind in (FaultKind.DELAY, FaultKind.SILENT):
            await pause(receive, given.fault.seconds)
        await self._travel(receive)
        await deliver(given.answer, given.fault, scope, receive, send)

    async def _travel(self, receive: Receive) -> None:
        if self._config.latency or self._config.jitter:
            self._thrown += 1
            share = throw(f"{self._config.faults.seed} way {self._thrown}")
            await pause(receive, self._config.latency / 2 + self._config.jitter * share)

    def _key(self, scope: Scope) -> Literal["right", "wrong", "none"]:
        for name, value in scope["headers"]:
            if name == b"x-api-key":
                return "right" if value.decode("latin-1") in self._config.keys else "wrong"
        return "none"

    def _write_log(
        self, at: float, scope: Scope, asked: _Asked, key: Literal["right", "wrong", "none"], given: _Given
    ) -> None:
        fault = ", ".join(given.names)
        path = scope["raw_path"].decode("latin-1")
        self.log.append(
            LoggedRequest(
                at, asked.method, path, asked.client_id, given.answer.status, key, fault, given.applied, asked.body
            )
        )
        self.counters.update(("requests", asked.method, str(given.answer.status)))
        self.counters.update(f"fault {name}" for name in given.names)
        if given.applied:
            self.counters["applied"] += 1

    def _answer(self, asked: _Asked, key: Literal["right", "wrong", "none"]) -> _Given:
        if self._outage("503"):
            return _Given(error_answer(503, "Service unavailable"), names=("outage",))
        if key == "none":
            return _Given(error_answer(401, "API key required. Include 'x-api-key' header."))
        faults = self._config.faults
        if (
            key == "wrong"
            or self.revoked
            or (faults.revoked_after is not None and self._passed >= faults.revoked_after)
        ):
            return _Given(error_answer(401, "Invalid API key"))
        self._passed += 1
        quotas = (self._config.quota, *self._config.more_quotas)
        standings = self._store.admit(self._config.keys[0], quotas)
        admitted = all(standing.admitted for standing in standings)
        told: Mapping[str, str] = {}
        if self._config.headers_on == "all" or not admitted:
            told = quota_headers(
                standings, self._config.headers, now=self._time(), retry_after=self._config.retry_after
            )
        if not admitted:
            return _Given(error_answer(429, "Rate limit exceeded", headers=told))
        self.counters["admitted"] += 1
        given = self._struck(asked, self._dice.draw(self.counters["admitted"], asked.method, asked.client_id))
        if given.answer.status == 0:
            return given
        return given._replace(answer=given.answer._replace(headers={**given.answer.headers, **told}))

    def _outage(self, how: Literal["refuse", "503"]) -> bool:
        since = self._time() - self._started_at
        return any(each.how == how and each.start <= since < each.end for each in self._config.faults.outages)

    def _struck(self, asked: _Asked, faults: tuple[Fault, ...]) -> _Given:
        """Answer with the faults that struck; a change is stored first where the fault says so."""
        names = tuple(str(fault.kind) for fault in faults)
        storing = tuple(fault for fault in faults if fault.kind in STORING)
        way = next((fault for fault in faults if fault.kind not in STORING), None)
        instead = failing_answer(way, location=ROOT + "/clients/elsewhere") if way else None
        if way and instead is not None and not way.applied:
            return _Given(instead, way, applied=False, names=names)
        proper = self._operate(asked, storing)
        applied = asked.method != "GET" and proper.status == 200
        if way is None:
            return _Given(proper, None, applied, names)
        return _Given(instead or self._twisted(proper, way, asked), way, applied, names)

    def _twisted(self, proper: Answer, way: Fault, asked: _Asked) -> Answer:
        if proper.status != 200:
            return proper
        if way.kind is FaultKind.OTHER_CLIENT:
            other = self._store.other(asked.client_id) or {"id": "clt_other", "type": "company"}
            return self._shown(other)
        if way.kind is FaultKind.GIANT:
            return proper._replace(body=b'{"padding":"' + b"x" * way.size + b'",' + proper.body[1:])
        return proper

    def _operate(self, asked: _Asked, storing: tuple[Fault, ...]) -> Answer:
        if not asked.collection and not asked.client_id:
            return error_answer(404, "Not found")
        if asked.method not in _METHODS[asked.collection]:
            allowed = ", ".join(_METHODS[asked.collection])
            return error_answer(405, "Method not allowed", headers={"Allow": allowed})
        try:
            return self._on_all(asked) if asked.collection else self._on_one(asked, storing)
        except RefusedClient as refused:
            return error_answer(400, str(refused))
        except _Duplicate as duplicate:
            return error_answer(self._config.duplicate_status, str(duplicate))

    def _on_all(self, asked: _Asked) -> Answer:
        if asked.method == "POST":
            return self._create(asked.body)
        return self._numbered_page(asked.query) if self._config.pages == "number" else self._page(asked.query)

    def _on_one(self, asked: _Asked, storing: tuple[Fault, ...]) -> Answer:
        if asked.method == "PATCH":
            return self._change(asked.client_id, asked.body, storing)
        return self._get(asked.client_id) if asked.method == "GET" else self._delete(asked.client_id)

    def _get(self, client_id: str) -> Answer:
        record = self._store.get(client_id)
        return self._shown(record) if record else error_answer(404, "Client not found")

    def _create(self, body: Json) -> Answer:
        record = check_client(body, config=self._config, create=True)
        self._check_unique(record, client_id="")
        return self._shown(self._store.add(record))

    def _change(self, client_id: str, body: Json, storing: tuple[Fault, ...]) -> Answer:
        change = check_client(body, config=self._config)
        self._check_unique(change, client_id=client_id)
        if storing:
            change = stored_change(change, storing)
        record = self._store.change(client_id, lambda before: merge_client(before, change, config=self._config))
        return self._shown(record) if record else error_answer(404, "Client not found")

    def _delete(self, client_id: str) -> Answer:
        if not self._store.remove(client_id):
            return error_answer(404, "Client not found")
        return Answer(200, json_bytes({"id": client_id}))

    def _check_unique(self, change: Record, *, client_id: str) -> None:
        for name in self._config.unique:
            value = change.get(name)
            if value not in (None, "") and self._store.shared_by(name, value, client_id=client_id):
                raise _Duplicate(f"A client with this {name} already exists")

    def _page(self, query: Mapping[str, list[str]]) -> Answer:
        limit = _whole(query, "limit", 20, largest=100)
        after = _place(query.get("cursor", [""])[-1])
        found = self._store.page(after, limit + 1)
        more = len(found) > limit
        items = [shown_client(record, config=self._config) for _, record in found[:limit]]
        cursor = _cursor(found[limit - 1][0]) if more else None
        return Answer(200, json_bytes({"items": items, "nextCursor": cursor, "hasMore": more}))

    def _numbered_page(self, query: Mapping[str, list[str]]) -> Answer:
        size = _whole(query, "pageSize", _whole(query, "limit", 20, largest=100), largest=100)
        number = _whole(query, "pageNo", 1, largest=2**31)
        found = self._store.page(0, size, skip=(number - 1) * size)
        items = [shown_client(record, config=self._config) for _, record in found]
        meta = {"count": len(items), "total": self._store.count(), "pageNo": number, "pageSize": size}
        return Answer(200, json_bytes({"items": items, "meta": meta}))

    def _shown(self, record: Record) -> Answer:
        return Answer(200, json_bytes(shown_client(record, config=self._config)))


class _Duplicate(Exception):
    """Another client has a value that must be unique."""


def _asked(scope: Scope, body: bytes | None) -> _Asked:
    path = scope["raw_path"].decode("latin-1")
    head, _, rest = path[len(_COLLECTION) :].partition("/")
    collection = path.startswith(_COLLECTION) and not head and not rest
    client_id = "" if head or "/" in rest or not path.startswith(_COLLECTION) else unquote(rest)
    text = scope["query_string"].decode("latin-1")
    query = parse_qs(text, keep_blank_values=True) if text else {}
    return _Asked(scope["method"], client_id, collection, query, _parsed(body) if body else None)


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _parsed(body: bytes) -> Json:
    try:
        parsed: Json = _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        return None
    return parsed


def _whole(query: Mapping[str, list[str]], name: str, default: int, *, largest: int) -> int:
    text = query.get(name, [str(default)])[-1]
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= largest):
        raise RefusedClient(f"{name} must be a whole number from 1 to {largest}")
    return int(text)


def _cursor(place: int) -> str:
    return urlsafe_b64encode(f"after {place}".encode()).decode()


def _place(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        word, _, place = urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        if word == "after" and place.isascii() and place.isdigit():
            return int(place)
    except (binascii.Error, UnicodeError):
        pass
    raise RefusedClient("Invalid cursor")
