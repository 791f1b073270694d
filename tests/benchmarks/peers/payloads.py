"""What every peer sends: the benchmark's columns as the payload of a PATCH, neither checked nor cleaned."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

TIERS = {"A": "Gold", "B": "Silver", "C": "Bronze"}


def payload_of(row: dict[str, str]) -> dict[str, object]:
    """Return the payload of a row, by the benchmark's mapping."""
    return {
        "name": row["Company"],
        "email": row["E-mail"].lower(),
        "phone": row["Phone"],
        "website": row["Website"],
        "taxNumber": row["Tax number"],
        "cf_tier": TIERS[row["Tier"]],
        "cf_score": int(row["Score"]),
        "billingAddress": {
            "address": row["Address"],
            "city": row["City"],
            "country": row["Country"],
            "postalCode": row["Postal code"],
        },
        "primaryContact": {"firstName": row["Contact"], "email": row["Contact e-mail"]},
    }


def read_payloads(source: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield id and payload of each row."""
    with source.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row["Client ID"], payload_of(row)
