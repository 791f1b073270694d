"""The loader's way: dlt reads the rows and hands them to a destination of one's own, in batches and threads.

As dlt's documentation writes such destinations, with its defaults; ``dlt_session.py`` is as lean as it can be made.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
import requests
from payloads import read_payloads

BATCH = 10
"""The default of ``dlt.destination``, and what its documentation shows."""


def main(
    source: Path,
    base_url: str,
    output: Path,
    patch: Callable[..., requests.Response] = requests.patch,
    batch: int = BATCH,
) -> None:
    """Send each row by ``patch`` and write how many there were."""
    headers = {"x-api-key": os.environ["HEFFL_API_KEY"]}
    sent = 0

    @dlt.destination(batch_size=batch)
    def heffl(items: list[dict[str, object]], _table: object) -> None:
        nonlocal sent
        for item in items:
            payload = {name: item[name] for name in item if name != "id" and not name.startswith("_dlt")}
            patch(f"{base_url}/clients/{item['id']}", json=payload, headers=headers, timeout=30).json()
            sent += 1

    def rows() -> Iterator[dict[str, object]]:
        for client_id, payload in read_payloads(source):
            yield {"id": client_id, **payload}

    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline("clients", destination=heffl, pipelines_dir=folder)
        pipeline.run(dlt.resource(rows, name="clients", max_table_nesting=0))
    output.write_text(f"{sent}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
