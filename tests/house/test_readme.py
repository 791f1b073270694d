"""The README says what the program does: its tables are the program's own, its links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def readme_tables() -> ModuleType:
    """Load the script that writes the tables; tests are no package to import it from."""
    spec = importlib.util.spec_from_file_location("readme_tables", Path(__file__).with_name("readme_tables.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_the_programs() -> None:
    """Commands, exit codes, statuses, transforms, codes, verdicts and guards stand in the README as they are."""
    assert readme_tables().with_tables(README) == README, "write them anew: python tests/house/readme_tables.py"


def test_every_code_of_the_source_is_listed() -> None:
    """A problem code that stands in the package's source is one that the README lists."""
    listed = set(readme_tables().all_codes())
    found: dict[str, str] = {}
    for path in (ROOT / "bulk_sync").rglob("*.py"):
        for code in re.findall(r"Problem\(\s*(?:code=)?\"([a-z_]+)\"", path.read_text(encoding="utf-8")):
            found[code] = path.name
    assert {code: name for code, name in found.items() if code not in listed} == {}


def test_files_that_it_names_exist() -> None:
    """Sample files and mappings in the README's commands are in the repository."""
    for name in re.findall(r"(?:sample_data|mappings)/[\w-]+\.\w+", README):
        assert (ROOT / name).is_file(), name
