"""Bad input: each refused with a clear message and a hint, exit code 2, nothing sent, no traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bulk_sync.sandbox import SandboxServer

Program = Any

MAPPING = "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n"


class Bad(NamedTuple):
    """One command that is refused, and words that its message must have."""

    args: tuple[str, ...]
    says: tuple[str, ...]
    environ: dict[str, str] = {}  # noqa: RUF012 - a named tuple's default, never changed


def run(source: str = "good.csv", mapping: str = "m.yaml", *more: str) -> tuple[str, ...]:
    return ("run", source, "--mapping", mapping, "--yes", *more)


CASES = {
    "source missing": Bad(run("nowhere.csv"), ("nowhere.csv: no such file", "hint:")),
    "source of zero bytes": Bad(run("zero.csv"), ("zero.csv", "empty")),
    "source a directory": Bad(run("folder"), ("folder", "directory")),
    "source neither CSV nor workbook": Bad(run("noise.xlsx"), ("noise.xlsx",)),
    "source a picture called CSV": Bad(run("picture.csv"), ("picture.csv",)),
    "matched column absent": Bad(run("other.csv"), ('"ID"', "m.yaml")),
    "header twice": Bad(run("twice.csv"), ('"Company"', "2")),
    "mapping missing": Bad(run("good.csv", "nowhere.yaml"), ("nowhere.yaml: there is no such mapping file",)),
    "mapping not YAML": Bad(run("good.csv", "broken.yaml"), ("broken.yaml:3:1: not YAML",)),
    "mapping with an unknown key": Bad(run("good.csv", "unknown.yaml"), ("unknown.yaml:4:1", "macth", "match")),
    "mapping with a duplicate key": Bad(run("good.csv", "duplicate.yaml"), ("duplicate.yaml:", "twice")),
    "mapping with an unknown field": Bad(run("good.csv", "field.yaml"), ("field.yaml:5:3", "did you mean 'email'?")),
    "every mistake at once": Bad(
        run("good.csv", "many.yaml"),
        ("many.yaml:4:1: unknown key 'feilds'", "many.yaml:6:3: unknown field 'nmae'", "many.yaml:7:7"),
    ),
    "no key": Bad(run(), ("no API key", "HEFFL_API_KEY"), {"HEFFL_API_KEY": ""}),
    "a bad rate": Bad(run("good.csv", "m.yaml", "--rate", "sixty"), ("--rate", "sixty")),
    "a bad rate from the environment": Bad(run(), ("sixty",), {"BULK_SYNC_RATE": "sixty"}),
    "bad workers": Bad(run("good.csv", "m.yaml", "--workers", "0"), ("--workers", "0")),
    "an unknown option": Bad(run("good.csv", "m.yaml", "--wrokers", "3"), ("--wrokers", "--workers")),
    "output in no folder": Bad(run("good.csv", "m.yaml", "--output", "none/r.csv"), ("none/r.csv", "folder")),
    "output a folder": Bad(run("good.csv", "m.yaml", "--output", "folder"), ("folder",)),
    "output with a name too long": Bad(run("good.csv", "m.yaml", "--output", "x" * 300 + ".csv"), ("name too long",)),
    "a run with a name too long": Bad(("runs", "x" * 300), ("name too long",)),
    "output of no kind": Bad(run("good.csv", "m.yaml", "--output", "r.pdf"), ("r.pdf", ".xlsx")),
    "output is the source": Bad(run("good.csv", "m.yaml", "--output", "good.csv"), ("overwrite the source",)),
    "output is the source by a link": Bad(run("good.csv", "m.yaml", "--output", "link.csv"), ("overwrite the source",)),
    "output is the mapping": Bad(run("good.csv", "m.yaml", "--output", "m.yaml"), ("m.yaml",)),
    "output is theirs": Bad(run("good.csv", "m.yaml", "--output", "theirs.csv"), ("theirs.csv", "--overwrite")),
    "source a results file": Bad(run("results.csv"), ("results file", "bulk-sync retry ")),
    "source is not given": Bad(("run", "--mapping", "m.yaml"), ("SOURCE",)),
    "mapping is not given": Bad(("run", "good.csv"), ("--mapping", "mapping suggest good.csv")),
    "nobody to ask": Bad(("run", "good.csv", "--mapping", "m.yaml"), ("--yes", "terminal")),
    "yes from the environment": Bad(("run", "good.csv", "--mapping", "m.yaml"), ("--yes",), {"BULK_SYNC_YES": "1"}),
    "plain HTTP to elsewhere": Bad(run("good.csv", "m.yaml", "--base-url", "http://example.com/api"), ("https",)),
    "an unknown guard": Bad(run("good.csv", "m.yaml", "--allow", "everything"), ("everything", "--allow")),
    "an unknown run": Bad(("resume", "20200101"), ("20200101", "bulk-sync runs")),
    "nothing to resume": Bad(("resume",), ("no run is unfinished",)),
    "a run without a name to resume": Bad(("resume", ""), ("'' names no run",)),
    "a run without a name to undo": Bad(("undo", "", "--yes"), ("'' names no run",)),
    "a run without a name to retry": Bad(("retry", "", "--yes"), ("'' names no run",)),
    "a run without a name to show": Bad(("runs", ""), ("'' names no run",)),
    "a plan without a name": Bad(("run", "--plan", "", "--yes"), ("'' names no run",)),
    "the results of no run": Bad(("runs", "--output", "x.csv"), ("RUN is missing",)),
    "an age without a unit": Bad(("purge", "--older-than", "30"), ("'30' has no unit", "30d")),
    "nothing to undo": Bad(("undo", "--yes"), ("no run has changed anything",)),
    "an unknown rule of the sandbox": Bad(("sandbox", "--rule", "odd"), ("--rule: 'odd' is none", "token-bucket")),
    "an unknown style of headers": Bad(("sandbox", "--headers", "odd"), ("--headers: 'odd' is none", "draft-03")),
    "an answer before its request": Bad(("sandbox", "--latency", "-1"), ("--latency", "-1")),
    "an unknown profile": Bad(run("good.csv", "m.yaml", "--profile", "nobody"), ("nobody",)),
}  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bad inputs, each named after what is wrong with it."""
    folder = tmp_path_factory.mktemp("refusals")
    good = "ID,Company\nclt_1,Acme\n"
    files = {
        "good.csv": good,
        "zero.csv": "",
        "noise.xlsx": "this is a letter, not a table\n" * 3,
        "other.csv": "Client,Company\nclt_1,Acme\n",
        "twice.csv": "ID,Company,Company\nclt_1,Acme,Acme Ltd\n",
        "results.csv": "ID,Company,sync_row,sync_status\nclt_1,Acme,2,updated\n",
        "theirs.csv": "somebody's,own\n",
        "m.yaml": MAPPING,
        "broken.yaml": "version: 1\nfields: [\n",
        "unknown.yaml": MAPPING.replace("match", "macth").replace("resource", "description: x\nresource"),
        "duplicate.yaml": MAPPING + "  name: ID\n",
        "field.yaml": MAPPING.replace("name:", "emial:"),
        "many.yaml": "version: 1\nresource: clients\nmatch: ID\nfeilds: {}\nfields:\n  nmae: Company\nrate: fast\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "folder").mkdir()
    (folder / "link.csv").symlink_to(folder / "good.csv")
    (folder / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)))
    return folder


@pytest.fixture(scope="module")
def api() -> Any:
    with SandboxServer() as server:
        server.seed([{"id": "clt_1", "name": "Old"}])
        yield server


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_before_anything_is_sent(
    name: str, bench: Path, api: SandboxServer, make_program: Callable[[Path], Program]
) -> None:
    """What is wrong and where, exit code 2, an empty log at the server, no traceback, no run left behind."""
    bad = CASES[name]
    before = {path: path.read_bytes() for path in bench.iterdir() if path.is_file() and not path.name.startswith(".")}
    program = make_program(bench).target(api)
    ran = program(*bad.args, **bad.environ)
    missing = [words for words in bad.says if words not in ran.err]
    assert (ran.code, missing, ran.out) == (2, [], ""), ran.err
    assert "error" in ran.err.lower() and "Traceback" not in ran.err and "defect" not in ran.err
    assert api.log == []
    assert {path: path.read_bytes() for path in before} == before
    assert not (program.state / "runs").exists() or not any((program.state / "runs").iterdir())


def test_a_refusal_as_json_has_its_code_and_message(
    bench: Path, api: SandboxServer, make_program: Callable[[Path], Program]
) -> None:
    """``--json`` prints one object for a refusal, too, so that a script need not read stderr."""
    ran = make_program(bench).target(api)(*run("nowhere.csv"), "--json")
    told = json.loads(ran.out)
    assert (ran.code, told["exit_code"]) == (2, 2)
    assert "nowhere.csv: no such file" in ran.out


def test_no_command_at_all_is_answered_by_the_help(bench: Path, make_program: Callable[[Path], Program]) -> None:
    """As it is, and not as an error of so many lines."""
    for args in ((), ("mapping",)):
        ran = make_program(bench)(*args)
        assert (ran.code, ran.out, ran.err.startswith("Usage: "), "error" in ran.err) == (2, "", True, False), ran.err


@pytest.mark.parametrize("fresh", ["--sandbox", "--sandbox=fresh"])
def test_a_sandbox_whose_file_is_damaged(program: Program, fresh: str) -> None:
    """No defect: it is named, and what is lost with it; by the command that serves one, too."""
    program.write("m.yaml", "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n")
    program.write_csv("c.csv", [["ID", "Company"], ["clt_1", "A"]])
    folder = program.state / "sandbox"
    folder.mkdir(parents=True)
    (folder / "sandbox.sqlite3").write_text("nothing that SQLite ever wrote, and long enough to be looked at" * 9)
    ran = program("run", "c.csv", "-m", "m.yaml", fresh)
    assert (ran.code, f"the sandbox in {folder} cannot be used" in ran.err) == (3, True), ran.err
    assert "hint: delete that folder" in ran.err
    served = program("sandbox", "--folder", folder)
    assert (served.code, f"cannot be served: {folder / 'sandbox.sqlite3'}" in served.err) == (2, True), served.err
