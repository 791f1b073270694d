"""Standard streams that are closed, full or of an odd encoding: the exit code is the command's all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.sandbox import SandboxServer

Program = Any

MAPPING = "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n"
KEYRING = """
from keyring import errors

def set_password(service, name, key):
    open("held", "w").write(key)
"""
"""A key ring of a file, as a stranger's package."""
RUN = ("run", "c.csv", "-m", "m.yaml", "--yes", "--json", "--output", "r.csv", "--overwrite")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the streams are closed by a shell")


@pytest.fixture
def ready(program: Program, serve_api: Callable[..., SandboxServer]) -> Program:
    program.write("m.yaml", MAPPING)
    program.write_csv("c.csv", [["ID", "Company"], ["clt_1", "New"], ["", "nobody's"]])
    return program.target(serve_api(clients=1))


def shell(program: Program, redirections: str, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program by a shell, which closes or turns streams as a crontab's line does."""
    root = Path(__file__).parents[2]
    return subprocess.run(
        ["bash", "-c", f'"$@" {redirections}', "bash", sys.executable, "-m", "bulk_sync", *args],
        cwd=program.folder,
        env=program.environment(PYTHONPATH=str(root), **environ),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=90,
        check=False,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_without_streams(ready: Program, closed: str, results: Any) -> None:
    """It runs, and the results are there."""
    assert shell(ready, closed, *RUN).returncode == 1
    assert [row["sync_status"] for row in results(ready.folder / "r.csv")] == ["updated", "invalid"]


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_source_from_a_closed_stdin_is_empty(ready: Program, command: str) -> None:
    """Refused as any empty source, not as a defect."""
    ran = shell(ready, "<&-", command, "-", "-m", "m.yaml", *(["--yes"] if command == "run" else []))
    assert (ran.returncode, "standard input is empty" in ran.stderr) == (2, True), ran.stderr


@pytest.mark.parametrize("turned", [">&-", ">/dev/full", "| true; exit ${PIPESTATUS[0]}"])
@pytest.mark.parametrize(
    "args", [("run", "absent.csv", "-m", "m.yaml", "--json"), ("run", "c.csv", "--bogus", "--json")]
)
def test_a_refusal_that_nobody_reads(ready: Program, args: tuple[str, ...], turned: str) -> None:
    """Exit code 2, and the words on stderr: 1 would say that a run had finished."""
    ran = shell(ready, turned, *args)
    assert (ran.returncode, "Traceback" in ran.stderr, "error: " in ran.stderr) == (2, False, True), ran.stderr


def test_a_run_whose_output_goes_to_a_full_disk(ready: Program) -> None:
    """The exit code is the run's; that the object is not whole is warned of."""
    ran = shell(ready, ">/dev/full", *RUN)
    assert ran.returncode == 1
    assert "warning: standard output took no more: No space left on device" in ran.stderr


@pytest.mark.parametrize("args", [("runs",), ("runs", "--json"), ("mapping", "suggest", "c.csv"), ("--help",)])
def test_what_was_asked_for_does_not_fit(ready: Program, args: tuple[str, ...]) -> None:
    """A local fault, not a defect."""
    shell(ready, "", *RUN)
    ran = shell(ready, ">/dev/full", *args)
    assert (ran.returncode, ran.stderr.startswith("error: ")) == (3, True), ran.stderr
    assert "No space left on device" in ran.stderr and "defect" not in ran.stderr


def test_a_reader_that_has_seen_enough(ready: Program) -> None:
    """``| head``: no row is wrong, which 1 would say."""
    ran = shell(ready, "| true; exit ${PIPESTATUS[0]}", "mapping", "transforms")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_sandbox_whose_lines_nobody_reads(ready: Program) -> None:
    """It ends as any command does whose reader has gone, and says of a full disk what that is."""
    ran = shell(ready, "| true; exit ${PIPESTATUS[0]}", "sandbox", "--port", "0")
    assert (ran.returncode, ran.stderr) == (0, "")
    ran = shell(ready, ">/dev/full", "sandbox", "--port", "0")
    assert (ran.returncode, "No space left on device" in ran.stderr) == (3, True), ran.stderr


@pytest.mark.parametrize(
    ("piped", "kept"),
    [(b"\xef\xbb\xbfheffl_1\r\n", "heffl_1"), (b" heffl_1 \nmore\n", "heffl_1"), ("heffl_1\n".encode("utf-16"), "")],
)
def test_a_key_is_piped_in(ready: Program, piped: bytes, kept: str) -> None:
    """Kept without the mark that a file of Windows begins with; what is no text is refused."""
    (ready.folder / "keyring").mkdir()
    ready.write("keyring/__init__.py", KEYRING)
    ready.write("keyring/errors.py", "class KeyringError(Exception):\n    pass\n")
    (ready.folder / "key.txt").write_bytes(piped)
    ran = shell(ready, "< key.txt", "key", "set")
    held = ready.folder / "held"
    assert (ran.returncode, held.read_text() if held.exists() else "") == (0 if kept else 2, kept), ran.stderr


@pytest.mark.parametrize("mark", ["\ufeff", "\xef\xbb\xbf"])
def test_a_key_from_a_file_of_windows(ready: Program, mark: str) -> None:
    """``HEFFL_API_KEY="$(cat key.txt)"``, or what a command prints: its mark is no part of the key."""
    key = ready.environ["HEFFL_API_KEY"]
    ready.write("key.txt", f"{mark}{key}\n")
    assert shell(ready, "", "key", "test", HEFFL_API_KEY=f"{mark}{key}").returncode == 0
    assert shell(ready, "", "key", "test", HEFFL_API_KEY="", BULK_SYNC_KEY_COMMAND="cat key.txt").returncode == 0


def test_an_encoding_without_the_letter(ready: Program) -> None:
    """What Windows gives to files and pipes: letters that it lacks are escapes, and the object is JSON in UTF-8."""
    listed = shell(ready, "", "mapping", "transforms", PYTHONIOENCODING="cp1252:strict")
    assert (listed.returncode, r"\u2192" in listed.stdout) == (0, True), listed.stderr
    (ready.folder / "c.csv").rename(ready.folder / "cö→😀.csv")
    ran = shell(ready, "", "run", "cö→😀.csv", *RUN[2:], PYTHONIOENCODING="cp1252:strict", PYTHONUTF8="1")
    assert ran.returncode == 1, ran.stderr
    assert json.loads(ran.stdout)["source"].endswith("cö→😀.csv")


def test_a_defect_whose_details_have_no_place(ready: Program) -> None:
    """Exit code 70 all the same."""
    script = (
        "import sys, tempfile\nfrom bulk_sync.cli.voice import Voice\n"
        "tempfile._get_default_tempdir = lambda: open('/dev/null/none')\nVoice().tell_defect(ValueError('x'))\n"
    )  # so a disk that is full speaks, before there is any file
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, "details could not be kept" in ran.stderr) == (0, True), ran.stderr


@pytest.mark.parametrize("args", [(), ("mapping",)])
def test_a_missing_command_that_cannot_be_said(ready: Program, args: tuple[str, ...]) -> None:
    """Exit code 2, also where the help does not fit where stderr goes: 1 would say that a run had finished."""
    assert shell(ready, "2>/dev/full", *args).returncode == 2


@pytest.mark.parametrize("command", [("suggest", "-"), ("explain", "-", "A2", "-m", "m.yaml"), ("lint", "m.yaml", "-")])
def test_a_mapping_command_speaks_of_standard_input(ready: Program, command: tuple[str, ...]) -> None:
    """And not of the private file that it was kept in."""
    ran = shell(ready, "</dev/null", "mapping", *command)
    assert (ran.returncode, ran.stderr.splitlines()[0]) == (2, "error: standard input is empty (0 bytes)")
