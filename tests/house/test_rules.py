"""The rules that a machine enforces: lint, format, types, import contracts, and a fast start."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "pandas",
    "pydantic",
    "openpyxl",
    "httpx2",
    "httptools",
    "rich",
    "phonenumbers",
    "ruamel",
    "rapidfuzz",
    "starlette",
}


DOORS = {
    "apprise": {"workflow"},
    "certifi": {"heffl"},
    "charset_normalizer": {"sources"},
    "click": {"cli"},
    "email_validator": {"resources"},
    "filelock": {"state"},
    "ftfy": {"mapping"},
    "httptools": {"heffl"},
    "httpx2": {"heffl"},
    "isal": {"journal", "results"},
    "jinja2": {"results"},
    "keyring": {"cli", "workflow"},
    "nameparser": {"mapping"},
    "pandas": {"api.py", "sources", "workflow"},
    "phonenumbers": {"mapping", "resources"},
    "platformdirs": {"workflow"},
    "pycountry": {"mapping"},
    "pydantic": {"mapping", "resources", "settings.py"},
    "pydantic_core": {"heffl", "journal", "mapping"},
    "rapidfuzz": {"mapping", "planning"},
    "rich": {"console"},
    "ruamel": {"mapping"},
    "sqlite3": {"journal", "sandbox", "state"},
    "starlette": {"sandbox"},
    "stdnum": {"mapping"},
    "tenacity": {"sending"},
    "uvicorn": {"sandbox"},
    "xlrd": {"sources"},
    "xlsxwriter": {"results"},
}
"""Outside library → the parts of the package that may import it; of Python's own, the database has a door, too."""
LOADERS = {"import_module", "load_extra"}
"""What imports a library by its name as text: those that are heavy, or extras."""


def imported_libraries(path: Path) -> set[str]:
    """Return the top-level names that a module imports, wherever in it and however, but for ours and Python's own."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in LOADERS:
            names.update(str(text.value) for text in node.args[:1] if isinstance(text, ast.Constant))
    own = {"bulk_sync", "_typeshed", *sys.stdlib_module_names} - {"sqlite3"}
    return {name.partition(".")[0] for name in names} - own


def tool(name: str) -> str:
    """Find a tool of this environment, whether or not the environment is activated."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        pytest.fail(f"{name} is not installed: pip install -e '.[test]'")
    return found


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports",),
    ],
    ids=" ".join,
)
def test_the_tree_passes(command: tuple[str, ...]) -> None:
    """Lint, format, strict types and import contracts hold for the whole tree."""
    done = subprocess.run([tool(command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_imports_nothing_heavy() -> None:
    """``--help`` answers without the libraries that only the work itself needs."""
    program = (
        "import sys\n"
        "from bulk_sync.cli import run_arguments\n"
        "code = run_arguments(['--help'])\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(code, sorted(loaded & set(sys.argv[1:])))\n"
    )
    command = [sys.executable, "-c", program, *sorted(HEAVY)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_modules_and_functions_stay_readable() -> None:
    """No module of the package passes 400 lines and no function 60: then it wants to be two."""
    long: dict[str, int] = {}
    for path in (ROOT / "bulk_sync").rglob("*.py"):
        text, module = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
        if (lines := text.count("\n")) > 400:
            long[module] = lines
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > 60:
                    long[f"{module}: {node.name}"] = lines
    assert long == {}


def test_the_journal_keeps_its_tables_to_itself() -> None:
    """Nobody outside the journal's package has SQL for it: ``connection`` is named there alone."""
    package = ROOT / "bulk_sync"
    outside = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] != "journal"]
    named = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in outside
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "connection"
    ]
    assert named == []


def test_each_library_has_its_door() -> None:
    """A library is imported where the plan of the house says, and nowhere else."""
    package = ROOT / "bulk_sync"
    found: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        for name in imported_libraries(path):
            found.setdefault(name, set()).add(path.relative_to(package).parts[0])
    assert found == DOORS
