"""The sample clients of the package, and clients made up for the keys of a source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from bulk_sync.sandbox.clients import Json, Record, is_made_up_number

_SAMPLES = Path(__file__).with_name("clients.json")
_MADE_UP_NAME = "Sandbox client "


def sample_clients() -> list[Record]:
    """Return the clients that every demonstration begins with; ``clt_demo_…`` ones answer in their own ways."""
    clients: list[Record] = json.loads(_SAMPLES.read_text("utf-8"))
    return clients


def missing_records(
    records: Iterable[Mapping[str, Json]], values: Callable[[str], set[Json]], *, absent: Collection[str]
) -> Iterator[Record]:
    """Yield a whole client for each record that is not there yet, known by its first field.

    ``values`` returns what a field holds in all clients. Records that begin with an id are yielded in any case: the
    store leaves out the ids it has. ``absent`` are ids that no client gets.
    """
    known: dict[str, set[str]] = {}
    for record in records:
        name, value = next(iter(record.items()))
        if record.get("id") in absent:
            continue
        if name == "id":
            yield _made_up(record)
            continue
        if name not in known:
            known[name] = {loose(each) for each in values(name)}
        if loose(value) not in known[name]:
            known[name].add(loose(value))
            yield {"id": f"clt_{_hash(f'{name} {value}')}", **_made_up(record)}


def blanks_filled(record: Mapping[str, Json], given: Mapping[str, Json]) -> Record:
    """Return a client with those of the given fields that it lacks, or has as they were made up for it.

    Its id stays: what was done to it before is known by that.
    """
    lacking = {name: value for name, value in given.items() if _is_lacking(name, record.get(name))}
    return {**record, **lacking}


def _is_lacking(name: str, value: Json) -> bool:
    if name == "name" and isinstance(value, str) and value.startswith(_MADE_UP_NAME):
        return True
    return value in (None, "") or (name == "number" and is_made_up_number(str(value)))


def loose(value: Json) -> str:
    """Leave out what people type in one way or another, so that no two clients answer to one key."""
    return "".join(str(value).casefold().split())


def _made_up(record: Mapping[str, Json]) -> Record:
    key = str(next(iter(record.values())))
    return {"name": f"{_MADE_UP_NAME}{key}", **record}


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()
