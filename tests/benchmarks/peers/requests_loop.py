"""The script that everybody writes first: read the CSV, PATCH each row with a session, write what came back."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import requests
from payloads import read_payloads


def main(source: Path, base_url: str, output: Path) -> None:
    """Send each row and write its status."""
    with requests.Session() as session, output.open("w", newline="", encoding="utf-8") as file:
        session.headers["x-api-key"] = os.environ["HEFFL_API_KEY"]
        lines = csv.writer(file)
        for client_id, payload in read_payloads(source):
            answer = session.patch(f"{base_url}/clients/{client_id}", json=payload, timeout=30)
            lines.writerow([client_id, answer.status_code, answer.json()["number"]])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
