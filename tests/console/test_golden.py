"""What the program says, word for word. ``GOLDEN=write pytest tests/console`` writes the files anew: read the diff."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema

from bulk_sync.console.events import EVENTS
from bulk_sync.results.summary_json import SUMMARY_SCHEMA

Desk = Any
GOLDEN = Path(__file__).parent / "golden"


def same(name: str, text: str) -> None:
    """Compare a text with its golden file."""
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def said(desk: Desk, *args: str) -> str:
    """Return all that a command says: exit code, stdout, stderr."""
    done = desk(*args)
    return str(desk.steady(f"exit code {done.code}\n--- stdout\n{done.out}--- stderr\n{done.err}"))


def test_a_job_from_plan_to_undo(desk: Desk) -> None:
    """plan, run, the list of runs, one in full, retry and undo: every word of each."""
    same("plan.txt", said(desk, "plan", "c.csv", "-m", "m.yaml", "--output", "p.xlsx"))
    same("run.txt", said(desk, "run", "c.csv", "-m", "m.yaml", "--yes", "--output", "r.xlsx"))
    [run] = [line.split()[0] for line in desk("runs").out.splitlines() if " run " in line]
    same("one-run.txt", said(desk, "runs", run))
    same("retry.txt", said(desk, "retry", "r.xlsx", "--yes", "--output", "s.xlsx"))
    same("undo.txt", said(desk, "undo", run, "--yes", "--output", "u.xlsx"))
    table = desk.steady(desk("runs").out)
    same("runs.txt", "\n".join(" ".join(line.split()) for line in table.splitlines()) + "\n")


def test_the_object_for_programs(desk: Desk) -> None:
    """``--json`` prints one object that its schema takes; so do a refusal and a usage error."""
    done = desk("run", "c.csv", "-m", "m.yaml", "--yes", "--json", "--quiet", "--output", "r.xlsx")
    same("run.json", json.dumps(json.loads(desk.steady(done.out)), indent=1) + "\n")
    absent = desk("run", "absent.csv", "-m", "m.yaml", "--yes", "--json")
    usage = desk("run", "--bogus", "--json")
    bad_setting = desk("run", "c.csv", "-m", "m.yaml", "--workers", "many", "--json")
    for ended, code in ((done, 1), (absent, 2), (usage, 2), (bad_setting, 2)):
        found = json.loads(ended.out)
        jsonschema.validate(found, SUMMARY_SCHEMA)
        assert (found["exit_code"], ended.code) == (code, code)
    assert done.err.startswith("run 2")
    assert json.loads(usage.out)["error"]["message"].startswith("No such option '--bogus'.")


def test_errors_have_one_voice(desk: Desk) -> None:
    """What, where, what was expected, then a hint: usage, settings, mapping and source alike."""
    (desk.folder / "bad.yaml").write_text("version: 1\nresource: clients\nmatch: Client ID\nfields: {nmae: X}\n")
    texts = [
        said(desk, "run", "c.csv"),
        said(desk, "run", "c.csv", "-m", "m.yaml", "--workers", "many"),
        said(desk, "run", "c.csv", "-m", "bad.yaml", "--yes"),
        said(desk, "run", "absent.csv", "-m", "m.yaml", "--yes"),
        said(desk, "run", "c.csv", "-m", "m.yaml"),
        said(desk, "resume"),
    ]
    same("errors.txt", "\n".join(texts))


def test_the_json_log_has_no_values(desk: Desk) -> None:
    """Each line has a known name; of names, addresses, ids and the API's words none is in it, unless verbose."""
    (desk.folder / "c.csv").write_text(
        "Client ID,Company,E-mail\nclt_1,Zubaida Traders,zubaida@x.example\nclt_4,Yusra Marine,\nclt_3,Xenia,xenia\n"
        "clt_5,Zubaida Traders,\nclt_2,Zubaida Traders,\nclt_9,Wadia,\n"
    )
    values = ("Zubaida", "zubaida", "Yusra", "xenia", "Xenia", "Wadia", "clt_", "Delta Marine", "Old", "Bravo")
    for options in (("--output", "r.xlsx"), ("--max-requests", "2"), ("--max-changed", "1"), ("--read", "none")):
        done = desk("run", "c.csv", "-m", "m.yaml", "--yes", "--log-format", "json", *options)
        lines = [json.loads(line) for line in done.err.splitlines()]
        assert {line["event"] for line in lines} <= set(EVENTS)
        assert [value for value in values if value in done.err] == [], done.err
        assert "ended" in {line["event"] for line in lines}
    loud = desk("run", "c.csv", "-m", "m.yaml", "--yes", "--log-format", "json", "--verbose", "--read", "none")
    assert any(json.loads(line)["event"] == "request" for line in loud.err.splitlines())


def test_quiet_says_only_what_is_wrong(desk: Desk) -> None:
    """A good run says nothing on either stream; a bad one its end."""
    (desk.folder / "c.csv").write_text("Client ID,Company,E-mail\nclt_1,Acme,\n")
    good = desk("run", "c.csv", "-m", "m.yaml", "--yes", "--quiet")
    assert (good.code, good.out, good.err) == (0, "", "")


def test_completion_imports_nothing_heavy() -> None:
    """Completing a command's name answers like ``--help``, without what only the work needs."""
    program = (
        "import sys\nfrom bulk_sync.cli import run_arguments\n"
        "try:\n    run_arguments([])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'pandas', 'pydantic', 'rich', 'openpyxl', 'httpx2', 'asyncio'} & set(sys.modules)))\n"
    )
    environ = {"_BULK_SYNC_COMPLETE": "zsh_complete", "COMP_WORDS": "bulk-sync re", "COMP_CWORD": "1"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert ("resume" in lines, "retry" in lines, "run" in lines, lines[-1]) == (True, True, False, "[]")
