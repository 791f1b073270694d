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
        "print(len(glob.glob('bulk-sync-*')), [row.code for row in found.rows()])\n"
        "del found; gc.collect()\n"
        "print(len(glob.glob('bulk-sync-*')))\n"
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


@pytest.mark.parametrize(
    "given",
    [
        "['a']",
        "pd.Series(['a'])",
        "None",
        "{'Company': ['a']}",
        "b'clients.csv'",
        "5",
        "pd.DataFrame({'a': [1]}).values",
    ],
)
def test_what_is_no_table_is_refused_by_its_type(tmp_path: Path, given: str) -> None:
    """Not a defect, and not taken for a file of some name."""
    text = (
        "import bulk_sync, pandas as pd\n"
        "from bulk_sync.errors import SourceError\n"
        "for work in (bulk_sync.check, bulk_sync.plan, bulk_sync.sync):\n"
        f"    try: work({given}, 'clients.yaml', sandbox=True)\n"
        "    except SourceError as error: print(error.message, '|', error.hint)\n"
        f"try: bulk_sync.open_source({given})\n"
        "except SourceError as error: print(error.message)\n"
    )
    lines = program(tmp_path, text).splitlines()
    assert len(lines) == 4
    assert all(line.startswith("the source is of the type ") for line in lines)


def test_what_a_number_cannot_be_is_a_problem_of_its_row(tmp_path: Path) -> None:
    """An infinite number makes its row invalid, and the others go on."""
    text = (
        "import bulk_sync, pandas as pd\n"
        "frame = pd.DataFrame({'Client ID': ['clt_1', 'clt_2'], 'N': [float('inf'), 2.5]})\n"
        "mapping = {'match': 'Client ID', 'fields': {'cf_n': {'column': 'N', 'type': 'number'}}}\n"
        "print(*((row.status, row.code) for row in bulk_sync.sync(frame, mapping, sandbox=True).rows()))\n"
        "print(sorted(bulk_sync.check(frame, mapping, sandbox=False).counts.items()))\n"
        "try: bulk_sync.check(frame, {'fields': {(1, 2): 'N'}})\n"
        "except bulk_sync.errors.Refused as error: print(error.message)\n"
    )
    assert program(tmp_path, text).splitlines() == [
        "(<Status.INVALID: 'invalid'>, 'error_cell') (<Status.UPDATED: 'updated'>, '')",
        "[('invalid', 1), ('ready', 1)]",
        "the mapping is not made of plain values: keys must be str, int, float, bool or None, not tuple",
    ]


def test_a_list_in_a_cell_is_a_problem_of_its_row(tmp_path: Path) -> None:
    """Its parts are not sent with Python's brackets and quotes; where nobody sends it, it stays what it looks like."""
    text = (
        "import bulk_sync, pandas as pd\n"
        "frame = pd.DataFrame({'Client ID': ['clt_1', 'clt_2'], 'L': [['a', 'b'], 'c,d'], 'N': [0, False]})\n"
        "fields = {'cf_l': {'column': 'L', 'type': 'list'}}\n"
        "done = bulk_sync.check(frame, {'match': 'Client ID', 'fields': fields})\n"
        "print(done.to_frame()[['L', 'N', 'sync_code', 'sync_message']].values.tolist())\n"
    )
    message = "B2: not a value of a cell"
    expected = [["['a', 'b']", 0, "error_cell", message], ["c,d", False, "", ""]]
    assert program(tmp_path, text).strip() == str(expected)


def test_a_frame_of_another_library_is_told_how_to_become_one_of_pandas(tmp_path: Path) -> None:
    """Of a class that is called DataFrame, too, the library is named."""
    text = (
        "import bulk_sync\n"
        "class DataFrame:\n"
        "    __module__ = 'polars.dataframe.frame'\n"
        "    def to_pandas(self): ...\n"
        "try: bulk_sync.check(DataFrame(), 'clients.yaml')\n"
        "except bulk_sync.errors.SourceError as error: print(error.message, '|', error.hint)\n"
    )
    expected = (
        "the source is of the type polars.DataFrame: expected a path or a pandas DataFrame | give its .to_pandas()"
    )
    assert program(tmp_path, text).strip() == expected


def test_a_run_is_read_from_another_folder(tmp_path: Path) -> None:
    """A state directory is where it was when the run began, wherever the program has gone since."""
    text = (
        "import bulk_sync, os\n"
        "done = bulk_sync.sync('clients.csv', 'clients.yaml', sandbox=True, state_dir='mine')\n"
        "os.mkdir('elsewhere'); os.chdir('elsewhere')\n"
        "print(len(list(done.rows())))\n"
    )
    assert program(tmp_path, text).strip() == "3"
