"""A notebook's way: the file in a DataFrame, twenty threads, a session for each of them."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import requests
from payloads import payload_of

THREADS = 20


def main(source: Path, base_url: str, output: Path) -> None:
    """Send each row and write its status."""
    frame = pd.read_csv(source, dtype=str, keep_default_na=False)
    local = threading.local()

    def send(row: dict[str, str]) -> int:
        session: requests.Session | None = getattr(local, "session", None)
        if session is None:
            session = local.session = requests.Session()
            session.headers["x-api-key"] = os.environ["HEFFL_API_KEY"]
        answer = session.patch(f"{base_url}/clients/{row['Client ID']}", json=payload_of(row), timeout=30)
        answer.json()
        return answer.status_code

    with ThreadPoolExecutor(THREADS) as pool:
        frame["status"] = list(pool.map(send, frame.to_dict("records")))
    frame.to_csv(output, index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
