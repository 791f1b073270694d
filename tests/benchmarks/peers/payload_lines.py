"""Ids and bodies for xargs, each ended by a NUL."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from payloads import read_payloads

if __name__ == "__main__":
    for client_id, payload in read_payloads(Path(sys.argv[1])):
        sys.stdout.write(f"{client_id}\0{json.dumps(payload)}\0")
