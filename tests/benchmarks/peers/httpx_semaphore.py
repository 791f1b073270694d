"""The asynchronous way of many tutorials: a task a row, httpx, fifty at once by a semaphore."""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from pathlib import Path

import httpx
from payloads import read_payloads

AT_ONCE = 50


async def main(source: Path, base_url: str, output: Path) -> None:
    """Send each row and write its status."""
    semaphore = asyncio.Semaphore(AT_ONCE)
    headers = {"x-api-key": os.environ["HEFFL_API_KEY"]}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:

        async def send(client_id: str, payload: dict[str, object]) -> list[object]:
            async with semaphore:
                answer = await client.patch(f"{base_url}/clients/{client_id}", json=payload)
            return [client_id, answer.status_code, answer.json()["number"]]

        ended = await asyncio.gather(*(send(*item) for item in read_payloads(source)))
    with output.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(ended)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
