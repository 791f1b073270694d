"""What a client is to the API: what it may be sent, how it is kept, what its answers show. Pure.

A record is kept flat, by the names a PATCH uses (``cf_tier`` at the top level), so that a test can compare it
with what was sent. Facts from the API's pages: see the OpenAPI document that the tests check this against.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from bulk_sync.sandbox.config import SandboxConfig

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Record: TypeAlias = dict[str, Json]

TYPES = ("company", "contact")
UNITS: Mapping[str, frozenset[str]] = {
    "billingAddress": frozenset({"address", "city", "landmark", "state", "country", "postalCode"}),
    "primaryContact": frozenset({"firstName", "lastName", "email", "phone", "salutation", "jobTitle"}),
}
_TEXTS = frozenset({"name", "firstName", "lastName", "salutation", "phone", "jobTitle"})
_NULLABLE_TEXTS = frozenset({"email", "taxNumber"})
_FIELDS = frozenset({"type", "website", *_TEXTS, *_NULLABLE_TEXTS, *UNITS})
_SHOWN = ("id", "number", "name", "type", "createdAt", "firstName", "lastName", "email", "phone", "website")
_REQUIRED = frozenset({"id", "number", "name", "type", "createdAt"})
_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\\\]]+@[^\s@.]+(?:\.[^\s@.]+)+")


class RefusedClient(Exception):
    """A client that the API does not take; the message is the one it answers with."""


def check_client(body: Json, *, config: SandboxConfig, create: bool = False) -> Record:
    """Return what of ``body`` is stored: known fields and custom fields.

    :raises RefusedClient: where the API would answer 400.
    """
    if not isinstance(body, Mapping):
        raise RefusedClient("Expected a JSON object")
    if not body:
        raise RefusedClient("At least one field is required")
    known = _FIELDS | {"openingBalance"} if create else _FIELDS
    kept: Record = {}
    for name, value in body.items():
        if name.startswith("cf_"):
            kept[name] = value
        elif name in known:
            kept[name] = _checked(name, value)
        elif config.unknown_keys == "reject":
            raise RefusedClient(f"Unknown field: {name}. Only documented fields and cf_* keys are allowed.")
    if create:
        needed = "firstName" if kept.get("type") == "contact" else "name"
        if needed not in kept:
            raise RefusedClient(f"{needed} is required")
    return kept


def _checked(name: str, value: Json) -> Json:
    if name == "type":
        if value not in TYPES:
            raise RefusedClient("type must be one of: company, contact")
        return value
    if name == "website":
        return value if value is None or isinstance(value, str) else json.dumps(value)
    if name == "openingBalance":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RefusedClient("openingBalance must be a number")
        return value
    if name in UNITS:
        return _checked_unit(name, value)
    if value is None and name in _NULLABLE_TEXTS:
        return None
    return _checked_text(name, value)


def _checked_unit(name: str, value: Json) -> Json:
    if not isinstance(value, Mapping):
        raise RefusedClient(f"{name} must be an object")
    return {part: _checked_text(f"{name}.{part}", each) for part, each in value.items() if part in UNITS[name]}


def _checked_text(name: str, value: Json) -> str:
    if not isinstance(value, str):
        raise RefusedClient(f"{name} must be a string")
    if name.rpartition(".")[2] == "email" and not _EMAIL.fullmatch(value):
        raise RefusedClient("Invalid email address format")
    return value


def merge_client(record: Record, change: Mapping[str, Json], *, config: SandboxConfig) -> Record:
    """Return ``record`` after a PATCH with ``change``, which has been checked."""
    merged = {**record, **change}
    if config.address == "merge":
        for unit in UNITS:
            before, now = record.get(unit), change.get(unit)
            if isinstance(before, Mapping) and isinstance(now, Mapping):
                merged[unit] = {**before, **now}
    return merged


def shown_client(record: Mapping[str, Json], *, config: SandboxConfig) -> Record:
    """Return what the API answers about ``record``; some fields are kept and never shown."""
    shown: Record = {name: record.get(name) for name in _SHOWN if name not in _REQUIRED or name in record}
    if not shown.get("name"):
        shown["name"] = " ".join(str(record[part]) for part in ("firstName", "lastName") if record.get(part))
    cut = 0 if config.custom_prefix else len("cf_")
    shown["customFields"] = {name[cut:]: value for name, value in record.items() if name.startswith("cf_")}
    return shown


def new_client(given: Mapping[str, Json], *, seq: int, created: str) -> Record:
    """Return a whole record from what is given of it; ``seq`` numbers the clients of the sandbox."""
    record: Record = {
        "id": f"clt_sbx{seq:06d}",
        "number": f"SBX{seq:06d}",
        "type": "company",
        "createdAt": created,
    }
    return {**record, **given}


def is_made_up_number(number: str) -> bool:
    """Whether a client's number is one that :func:`new_client` gives."""
    return re.fullmatch(r"SBX\d{6,}", number) is not None
