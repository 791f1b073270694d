"""As ``dlt_destination.py``, with one session for all rows and larger batches: the least that dlt can cost."""

from __future__ import annotations

import sys
from pathlib import Path

import requests
from dlt_destination import main

if __name__ == "__main__":
    with requests.Session() as session:
        main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), session.patch, batch=100)
