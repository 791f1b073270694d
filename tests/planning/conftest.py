"""A small CRM with its own way of spelling, and sheets made from it, for the laws of planning."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

import pytest

from bulk_sync.planning.differ import DiffRules
from bulk_sync.records import Json

READABLE = frozenset({"type", "name", "firstName", "lastName", "phone", "email", "website"})
NULLABLE = frozenset({"email", "website", "taxNumber"})
WRITE_ONLY = frozenset({"salutation", "jobTitle", "taxNumber", "billingAddress", "primaryContact"})


@pytest.fixture
def rules() -> DiffRules:
    """Return rules with the clients resource's fields."""
    return DiffRules(readable=READABLE, nullable=NULLABLE, trust_seconds=30 * 86_400.0)


@dataclass
class FakeCrm:
    """Keeps clients and answers in one of the spellings that the API may have.

    ``prefix``: custom fields are answered with their prefix; ``nothing``: how an empty field is answered (null, "",
    or left out); ``trims``: texts are stored without outer white space; ``drops``: fields silently not stored.
    """

    prefix: bool = True
    nothing: str = "null"
    trims: bool = True
    drops: frozenset[str] = frozenset()
    stored: dict[str, dict[str, Json]] = field(default_factory=dict)

    def patch(self, record_id: str, payload: Mapping[str, Json]) -> dict[str, Json]:
        """Apply a PATCH and answer with the client."""
        client = self.stored.setdefault(record_id, {})
        for name, value in payload.items():
            if name not in self.drops:
                client[name] = value.strip() if self.trims and isinstance(value, str) else deepcopy(value)
        return self.get(record_id)

    def get(self, record_id: str) -> dict[str, Json]:
        """Answer with the client: readable and custom fields only."""
        client = self.stored.get(record_id, {})
        answer: dict[str, Json] = {"id": record_id, "number": record_id.upper(), "createdAt": "2025-01-15"}
        customs: dict[str, Json] = {}
        for name in READABLE:
            self._put(answer, name, client.get(name))
        for name, value in client.items():
            if name.startswith("cf_"):
                self._put(customs, name if self.prefix else name.removeprefix("cf_"), value)
        answer["customFields"] = customs
        return answer

    def _put(self, target: dict[str, Json], name: str, value: Json) -> None:
        if value is not None and value != "":
            target[name] = value
        elif self.nothing != "absent":
            target[name] = None if self.nothing == "null" else ""


@pytest.fixture
def fake_crm() -> type[FakeCrm]:
    """Return the class of the small CRM."""
    return FakeCrm


@dataclass
class Sheet:
    """A sheet of clients as they are in the CRM, in an order of its own, to be edited."""

    records: list[dict[str, Json]]
    payloads: list[dict[str, Json]]
    dice: random.Random

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.payloads)


_FIRST = ("Ali", "Omar", "Sara", "Noor", "Lena", "Ivan", "Mei", "Juan", "Anna", "Fatima", "Yusuf", "Hana")
_LAST = ("Khan", "Haddad", "Silva", "Chen", "Novak", "Meyer", "Rossi", "Tanaka", "Dubois", "Nasser", "Berg")
_TRADE = ("Trading", "Logistics", "Foods", "Motors", "Textiles", "Media", "Clinic", "Stores", "Marine")
_CITIES = ("Dubai", "Sharjah", "Ajman", "Doha", "Riyadh", "Jeddah", "Muscat", "Manama", "Cairo", "Amman")
_TIERS = ["Gold", "Silver", "Bronze", "Standard"]


def make_sheet(size: int, seed: int) -> Sheet:
    """Make clients with names, addresses and custom fields as real ones have them, and a sheet that says the same."""
    dice = random.Random(seed)
    records: list[dict[str, Json]] = []
    for number in dice.sample(range(1000, 99_999), size):
        first, last = dice.choice(_FIRST), dice.choice(_LAST)
        site = f"https://www.{last}{number}.com".lower() if dice.random() < 0.8 else "https://www.group.com"
        records.append(
            {
                "id": f"clt_{number}",
                "name": f"{last} {dice.choice(_TRADE)} {number}",
                "firstName": first,
                "lastName": last,
                "email": f"{first}.{last}{number}@mail{number % 40}.com".lower(),
                "phone": f"+97150{number:05}{dice.randrange(100):02}" if dice.random() < 0.85 else None,
                "website": site,
                "customFields": {
                    "cf_tier": dice.choices(_TIERS, [1, 3, 5, 8])[0],
                    "cf_city": dice.choice(_CITIES),
                    "cf_erp": f"E{number * 7}",
                    "cf_score": dice.randrange(100),
                },
            }
        )
    if dice.random() < 0.3:
        records.sort(key=lambda record: str(record["name"]))
    payloads = [_row_of(record) for record in records]
    return Sheet(records, payloads, dice)


def _row_of(record: dict[str, Json]) -> dict[str, Json]:
    customs = record["customFields"]
    assert isinstance(customs, dict)
    flat = {**{name: record[name] for name in sorted(READABLE - {"type"})}, **customs}
    return {name: value for name, value in flat.items() if value is not None}


@pytest.fixture
def sheets() -> Callable[[int, int], Sheet]:
    """Return the maker of sheets (size, seed)."""
    return make_sheet
