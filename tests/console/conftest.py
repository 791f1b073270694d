"""A folder with a source, an API, and the program in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bulk_sync.sandbox import Fault, FaultKind, Faults, SandboxConfig, SandboxServer, Scripted
from tests.tools.program import FREE, Launcher, Program

MAPPING = """version: 1
resource: clients
match: Client ID
fields:
  name: Company
  email: E-mail
"""
SOURCE = """Client ID,Company,E-mail
clt_1,Acme Trading,info@acme.example
clt_2,Bravo Tools,
clt_3,Charlie,no address
clt_4,Delta Marine,hello@delta.example
clt_5,Echo,echo@x.example
"""
_CHANGING = (
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}"), "RUN"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://HERE"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"), "MOMENT"),
    (re.compile(r"about \d\d:\d\d:\d\d"), "about NOON"),
    (re.compile(r"(?<=in )\d+ s|(?<=took        )\d+ s|(?<=: )\d+ s(?=, done)"), "N s"),
    (re.compile(r'(?<="seconds": )\d+\.\d+|(?<="requests_per_minute": )\d+\.\d+'), "0.1"),
    (re.compile(r"(?<=HERE/api/v1 )[0-9a-f]{12}"), "KEYHASH"),
)


@dataclass(kw_only=True)
class Desk(Program):
    """The program and the API that it sends to."""

    server: SandboxServer

    def steady(self, text: str) -> str:
        """Return a text without what differs from run to run."""
        text = text.replace(str(self.folder), "FOLDER")
        for pattern, name in _CHANGING:
            text = pattern.sub(name, text)
        return text


@pytest.fixture
def desk(tmp_path: Path, launcher: Launcher) -> Iterator[Desk]:
    """Five rows: two to change, one that is so already but for its address, one invalid, one the API refuses."""
    refused = Scripted(
        fault=Fault(kind=FaultKind.STATUS, status=400, message="A client named Delta Marine exists"),
        ids=frozenset({"clt_4"}),
        methods=frozenset({"PATCH"}),
    )
    config = SandboxConfig(quota=FREE, faults=Faults(script=(refused,)))
    with SandboxServer(None, config=config) as server:
        names = {1: "Old 1", 2: "Bravo Tools", 3: "Old 3", 4: "Old 4", 5: "Old 5"}
        server.seed([{"id": f"clt_{number}", "name": name} for number, name in names.items()])
        (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")
        (tmp_path / "c.csv").write_text(SOURCE, encoding="utf-8")
        yield Desk(launcher, tmp_path, {"TZ": "UTC"}, server=server).target(server)
