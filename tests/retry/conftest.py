"""A run and its retries over real HTTP against the stand-in, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from bulk_sync.errors import Question
from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, SandboxServer, Scripted
from bulk_sync.sending.ports import Observer
from bulk_sync.workflow import resuming, retrying, running
from bulk_sync.workflow.closing import Ended
from bulk_sync.workflow.desk import Desk, Forecast
from bulk_sync.workflow.view import PlanView

MAPPING = """
version: 1
resource: clients
match: Client ID
fields:
  name: Company
  email: {column: E-mail, transform: [lower]}
  website: Web
ignore: [Code, Since, Amount]
"""
HEADER = ["Client ID", "Company", "E-mail", "Web", "Code", "Amount"]


@dataclass
class Listener:
    """A person who says yes, or no, and remembers what was shown."""

    interactive: bool = False
    answer: bool = True
    views: list[PlanView] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def say(self, text: str) -> None: ...
    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def ask(self, question: Question) -> str | None:
        return None

    def confirm(self, view: PlanView) -> bool:
        self.views.append(view)
        return self.answer

    def show(self, view: PlanView) -> None:
        self.views.append(view)

    def phase(self, name: str, total: int | None = None) -> None: ...
    def step(self, done: int) -> None: ...
    def observer(self, forecast: Forecast, quota: Callable[[], str]) -> Observer:
        return Observer()

    def end_phase(self) -> None: ...


@dataclass
class Office:
    """A folder, a state, and the API that its runs go to."""

    folder: Path
    server: SandboxServer
    talk: Listener = field(default_factory=Listener)
    told: int = 0

    def desk(self, **flags: object) -> Desk:
        environ = {"HEFFL_API_KEY": self.server.key, "BULK_SYNC_STATE_DIR": str(self.folder / "state")}
        given = {"base_url": self.server.base_url, "rate": "none", "yes": True, **flags}
        return Desk(talk=self.talk, flags=given, environ=environ, folder=self.folder)

    def do(self, work: Callable[[Desk], Awaitable[Ended]], **flags: object) -> Ended:
        async def whole() -> Ended:
            return await work(self.desk(**flags))

        return asyncio.run(whole())

    def run(self, source: str = "clients.xlsx", **flags: object) -> Ended:
        return self.do(lambda desk: running.run(desk, Path(source), Path("mapping.yaml")), **flags)

    def retry(self, name: str, run: str | None = None, **flags: object) -> Ended:
        return self.do(lambda desk: retrying.retry(desk, name, run), **flags)

    def resume(self, run: str | None = None, **flags: object) -> Ended:
        return self.do(lambda desk: resuming.resume(desk, run), **flags)

    def write(self, rows: list[list[object]]) -> None:
        """Write the source: a workbook whose codes are text with zeros in front."""
        book = Workbook()
        assert isinstance(book.active, Worksheet)
        lines: list[list[Any]] = [list(HEADER), *rows]
        for line in lines:
            book.active.append(line)
        book.save(self.folder / "clients.xlsx")

    def sheet(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of the sheet Results."""
        lines = load_workbook(self.folder / name)["Results"].iter_rows(values_only=True)
        header = [str(value) for value in next(lines)]
        return [dict(zip(header, line, strict=True)) for line in lines]

    def edit(self, name: str, change: Callable[[Worksheet, dict[str, int]], None]) -> None:
        """Open a results workbook as a person does, change it, save it."""
        book = load_workbook(self.folder / name)
        sheet = book["Results"]
        change(sheet, {str(cell.value): number for number, cell in enumerate(sheet[1], 1)})
        book.save(self.folder / name)

    def patched(self) -> list[str]:
        """Return the clients that were sent since this was last asked."""
        found = [each.client_id for each in self.server.log if each.method == "PATCH"]
        new, self.told = found[self.told :], len(found)
        return new


def refusing(*clients: str) -> Faults:
    """Let the API refuse the first change of each of these clients."""
    if not clients:
        return Faults()
    fault = Fault(kind=FaultKind.STATUS, status=400, message="this address is taken")
    first = Scripted(fault=fault, ids=frozenset(clients), methods=frozenset({"PATCH"}), attempts=frozenset({1}))
    return Faults(script=(first,))


@pytest.fixture
def open_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    with ExitStack() as stack:

        def make(*refused: str, clients: int = 6) -> Office:
            config = SandboxConfig(quota=Quota(rate="none"), faults=refusing(*refused))
            server = stack.enter_context(SandboxServer(None, config=config))
            server.seed([{"id": f"clt_{n}", "name": f"Old {n}"} for n in range(1, clients + 1)])
            (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
            return Office(tmp_path, server)

        yield make


@pytest.fixture
def office(open_office: Callable[..., Office]) -> Office:
    """Six rows: three the API refuses at first, one with an address that is none, two that pass."""
    office = open_office("clt_2", "clt_3", "clt_4")
    office.write(
        [
            [f"clt_{n}", f"Company {n}", "no address" if n == 5 else f"Info{n}@x.example", "", f"00{n}", n * 1.5]
            for n in range(1, 7)
        ]
    )
    return office
