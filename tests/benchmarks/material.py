"""What the benchmarks read: a CSV or a workbook of clients, every e-mail, phone and name distinct, and its mapping."""

from __future__ import annotations

import csv
from itertools import chain
from pathlib import Path

HEADER = (
    "Client ID", "Company", "E-mail", "Phone", "Website", "Tax number", "Address", "City", "Country", "Postal code",
    "Contact", "Contact e-mail", "Tier", "Score", "Notes",
)  # fmt: skip
CITIES = ("Dubai", "Abu Dhabi", "Sharjah", "Ajman")
MAPPING = """\
version: 1
resource: clients
match: Client ID
fields:
  name: Company
  email: {column: E-mail, transform: [lower]}
  phone: Phone
  website: Website
  taxNumber: Tax number
  billingAddress.address: Address
  billingAddress.city: City
  billingAddress.country: Country
  billingAddress.postalCode: Postal code
  primaryContact.firstName: Contact
  primaryContact.email: Contact e-mail
  cf_tier: {column: Tier, map: {A: Gold, B: Silver, C: Bronze}, otherwise: error}
  cf_score: {column: Score, type: number}
partial: [billingAddress, primaryContact]
ignore: [Notes]
"""


def write_clients(path: Path, rows: int, *, first: int = 1) -> Path:
    """Write a CSV of so many clients, numbered from ``first``."""
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(HEADER)
        lines.writerows(_client(number) for number in range(first, first + rows))
    return path


def write_workbook(path: Path, rows: int) -> Path:
    """Write a workbook of so many clients, its one sheet plain text."""
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet("Clients")
        for row, client in enumerate(chain((HEADER,), map(_client, range(1, rows + 1)))):
            for column, text in enumerate(client):
                sheet.write_string(row, column, text)
    return path


def _client(number: int) -> tuple[str, ...]:
    site = f"acme-{number}.example.com"
    return (
        f"clt_{number:08d}", f"Acme {number} LLC", f"info{number}@acme-{number % 997}.example.com",
        f"+9715{number % 10}{number % 10_000_000:07d}", f"https://{site}", str(100_000_000_000_000 + number),
        f"Street {number}", CITIES[number % 4], "UAE", f"{number % 99_999:05d}", f"Person {number}",
        f"person{number}@acme-{number % 997}.example.com", "ABC"[number % 3], str(number % 100), f"note {number}",
    )  # fmt: skip
