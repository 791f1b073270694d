"""The README's lines for the night are run as they stand, against the stand-in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

House = Any
ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
MAPPING = "version: 1\nresource: clients\nmatch: Client ID\nfields: {name: Company}\n"


def block(language: str, word: str) -> str:
    """Return the README's block of a language that has a word in it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    [found] = [text for text in blocks if word in text]
    return str(found)


def cron_line() -> str:
    [line] = [line for line in block("cron", "15 2").splitlines() if not line.startswith("#")]
    return re.sub(r"^\S+ \S+ \S+ \S+ \S+\s+", "", line)


def systemd_line() -> str:
    text = block("ini", "ExecStart")
    [command] = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    [variable] = re.findall(r'^Environment="(\w+=.*)"$', text, re.MULTILINE)
    name, _, value = variable.partition("=")
    # What systemd does before it starts a service: %d is the folder with its credentials.
    return f"cd /srv/crm && {name}='{value.replace('%d', '/etc/crm')}' {command}"


def airflow_line() -> str:
    tasks: list[dict[str, Any]] = []
    module = types.SimpleNamespace(BashOperator=lambda **given: tasks.append(given))
    text = block("py", "airflow").replace("from airflow.providers.standard.operators.bash import BashOperator", "")
    exec(text, {"BashOperator": module.BashOperator})  # noqa: S102 - our own README
    [task] = tasks
    variables = " ".join(f"{name}='{value}'" for name, value in task["env"].items())
    return str(task["bash_command"]).replace("bulk-sync", f"{variables} bulk-sync")


def actions_line() -> str:
    steps = YAML(typ="safe").load(block("yaml", "actions/checkout"))["jobs"]["sync"]["steps"]
    [line] = [step["run"] for step in steps if "bulk-sync" in step.get("run", "")]
    return f"cd /srv/crm && HEFFL_API_KEY=$(cat /etc/crm/heffl-key) {line}"


@pytest.mark.skipif(os.name == "nt", reason="cron, systemd and their shell")
@pytest.mark.parametrize("line", [cron_line, systemd_line, airflow_line, actions_line])
def test_the_line_does_the_job(house: House, line: Any) -> None:
    """The line as it stands in the README, but for its folders: exit code 0, one object, one client updated."""
    (house.folder / "clients.yaml").write_text(MAPPING, encoding="utf-8")
    house.server.seed([{"id": "clt_1", "name": "Old"}, {"id": "clt_2", "name": "Same"}, {"id": "clt_3", "name": "So"}])
    house.export([["Client ID", "Company"], ["clt_1", "Company 1"], ["clt_2", "Same"], ["clt_3", "So"], ["clt_3", ""]])
    programs = house.folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    program = programs / "bulk-sync"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bulk_sync "$@"\n', encoding="utf-8")
    program.chmod(0o700)
    for name in ("key", "heffl-key"):
        (house.folder / name).write_text(house.server.key + "\n", encoding="utf-8")
    command = line().replace("/srv/crm", str(house.folder)).replace("/etc/crm", str(house.folder))
    environ = house.program.environment(PATH=f"{programs}{os.pathsep}{os.environ['PATH']}", PYTHONPATH=str(ROOT))
    for name in ("BULK_SYNC_NOTIFY", "BULK_SYNC_HEARTBEAT", "HEFFL_API_KEY"):
        del environ[name]
    done = subprocess.run(
        ["sh", "-c", command], cwd=house.folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    told = done.stdout or (house.folder / "nights.jsonl").read_text(encoding="utf-8")
    assert (done.returncode, told.count("\n"), '"updated": 1' in told) == (0, 1, True), done.stdout + done.stderr
    assert house.server.records()["clt_1"]["name"] == "Company 1"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_the_units_are_units(tmp_path: Path) -> None:
    """systemd itself finds nothing wrong with service and timer."""
    text = block("ini", "ExecStart").replace("/srv/crm/.venv/bin/bulk-sync", "/bin/true").replace("/srv/crm", "/")
    for part in text.split("# /etc/systemd/system/")[1:]:
        name, _, unit = part.partition("\n")
        (tmp_path / name).write_text(unit, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "crm-sync.service"), str(tmp_path / "crm-sync.timer")],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "crm-sync" in line]
    assert ours == [], done.stderr
