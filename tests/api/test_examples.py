"""bulk_sync for programs: every example in its documentation runs as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = "Client ID,Company,E-mail\nclt_a,Acme,info@acme.example\nclt_b,Bravo,\nclt_c,Charlie,no address\n"
MAPPING = "version: 1\nresource: clients\nmatch: Client ID\nfields: {name: Company, email: E-mail}\n"


def program(folder: Path, text: str) -> str:
    """Run a program in a folder with the examples' source and mapping; return what it printed."""
    (folder / "clients.csv").write_text(SOURCE, encoding="utf-8")
    (folder / "clients.yaml").write_text(MAPPING, encoding="utf-8")
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "BULK_SYNC_STATE_DIR": str(folder / "state")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        cwd=folder,
        env={**environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_docstrings_examples_run(tmp_path: Path) -> None:
    """Each ``>>>`` in the interface for programs gives what stands below it."""
    text = (
        "import doctest, bulk_sync.api as api\nprint(*doctest.testmod(api, optionflags=doctest.NORMALIZE_WHITESPACE))"
    )
    failed, tried = program(tmp_path, text).split()[-2:]
    assert (failed, int(tried) > 15) == ("0", True)


def test_the_readmes_examples_run(tmp_path: Path) -> None:
    """The README's programs run one after the other in one process."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert blocks
    assert "Acme" in program(tmp_path, "\n".join(blocks))


@pytest.mark.parametrize("name", ["sync", "plan", "check"])
def test_each_function_has_an_async_twin(tmp_path: Path, name: str) -> None:
    """In a running loop the twin is awaited; the plain function works there too, in a thread of its own."""
    text = (
        "import asyncio, bulk_sync\n"
        "async def main():\n"
        f"    twin = await bulk_sync.{name}_async('clients.csv', 'clients.yaml', sandbox=True)\n"
        f"    plain = bulk_sync.{name}('clients.csv', 'clients.yaml', sandbox=True)\n"
        "    print(len(list(twin.rows())), len(plain.to_frame()), twin.exit_code, plain.exit_code)\n"
        "asyncio.run(main())\n"
    )
    assert program(tmp_path, text) == "3 3 1 1\n"


def test_a_checks_rows_go_with_its_result(tmp_path: Path) -> None:
    """The rows of a check can be read as long as its result is kept; then nothing of it is left on disk."""
    text = (
        "import bulk_sync, gc, glob\n"
        "found = bulk_sync.check('clients.csv', 'clients.yaml')\n"
        "print(len(glob.glob('bulk-sync-check-*')), [row.code for row in found.rows()])\n"
        "del found; gc.collect()\n"
        "print(len(glob.glob('bulk-sync-check-*')))\n"
    )
    assert program(tmp_path, text) == "1 ['', '', 'bad_email']\n0\n"


def test_a_refusal_is_an_exception(tmp_path: Path) -> None:
    """What ends a command with a code of its own is raised, with message, hint and that code."""
    text = (
        "import bulk_sync\nfrom bulk_sync.errors import BulkSyncError\n"
        "try:\n    bulk_sync.sync('absent.csv', 'clients.yaml', sandbox=True)\n"
        "except BulkSyncError as error:\n    print(int(error.exit_code), error.message, '|', error.hint)\n"
    )
    assert program(tmp_path, text) == "2 absent.csv: no such file | is the path right, seen from this folder?\n"
