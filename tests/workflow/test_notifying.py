"""What is told of a night: each reason once, and nothing that goes wrong with the telling fails the run."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.errors import BulkSyncError, Halted, SourceError
from bulk_sync.workflow import running
from bulk_sync.workflow.closing import Ended
from bulk_sync.workflow.notifying import tell_ended, tell_failed
from tests.workflow.office import Office

COMMAND = "the night's command"


class House:
    """An office whose nights are told."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.told: list[tuple[str, str]] = []
        office.mapping(match="Client ID", fields={"name": "Company"})
        office.source(["Client ID", "Company"], [["clt_1", "New"]])

    def deliver(self, address: str, title: str, text: str) -> str:
        del address
        self.told.append((title, text))
        return ""

    def failed(self, error: Exception) -> list[tuple[str, str]]:
        """Return what is told of a command that ended in this error."""
        desk = self.office.desk(notify="json://x")
        self.told.clear()
        tell_failed(desk, desk.settings(), error, job=COMMAND, deliver=self.deliver)
        return list(self.told)

    def night(self, **flags: object) -> Ended:
        """Run the job, and tell of its end."""
        desk = self.office.desk(notify="json://x", **flags)
        ended = asyncio.run(running.run(desk, Path("clients.csv"), Path("mapping.yaml")))
        tell_ended(desk, desk.settings(), ended, job=COMMAND, deliver=self.deliver)
        return ended


@pytest.fixture
def house(open_office: Callable[..., Any]) -> House:
    return House(open_office(records=[{"id": "clt_1", "name": "Old"}]))


def test_a_row_with_two_causes_is_one_row(house: House) -> None:
    """The title counts rows, and not what is wrong with them."""
    house.office.mapping(match="Client ID", fields={"email": "E-mail", "phone": "Phone"})
    house.office.source(["Client ID", "E-mail", "Phone"], [["clt_1", "nobody", "none"]])
    house.night()
    [(title, text)] = house.told
    assert (title, text.count("- 1 invalid: ")) == ("bulk-sync: 1 row did not go through", 2)


def test_a_reason_is_told_once_and_another_one_anew(house: House) -> None:
    """Two refusals of one kind are two reasons; an age that grows is none of its own."""
    assert house.failed(SourceError("export.csv: no such file", hint="where is it?")) == [
        ("bulk-sync: nothing was sent (exit code 2)", "export.csv: no such file\nwhere is it?")
    ]
    assert house.failed(SourceError("export.csv: no such file", hint="where is it?")) == []
    assert len(house.failed(SourceError("export.csv: 25.1 hours old"))) == 1
    assert house.failed(SourceError("export.csv: 49.1 hours old")) == []
    assert len(house.failed(SourceError("export.csv: no such file", hint="where is it?"))) == 1


def test_a_reason_that_comes_back_is_told_again(house: House) -> None:
    """A run in between, of whatever mapping, says that it had gone."""
    assert len(house.failed(SourceError("export.csv: no such file"))) == 1
    house.night()
    assert len(house.failed(SourceError("export.csv: no such file"))) == 1


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (Halted("journal damaged; what was sent has no results"), "bulk-sync: stopped (exit code 3)"),
        (ValueError("Secret Name"), "bulk-sync: stopped (exit code 70)"),
    ],
)
def test_what_may_have_sent_is_not_said_to_have_sent_nothing(house: House, error: Exception, title: str) -> None:
    """A defect is told, too, without its words."""
    [(told, text)] = house.failed(error)
    assert told == title
    assert isinstance(error, BulkSyncError) or ("ValueError" in text and "Secret" not in text)


@contextmanager
def answering(words: bytes) -> Iterator[int]:
    """A server that answers so, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            taken, _ = server.accept()
            with taken:
                taken.recv(4096)
                taken.sendall(words)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join(5)


@pytest.mark.parametrize(
    "address", ["http://[token", "http://127.0.0.1:token/", "http://127.0.0.1:9/to ken", "http://", "file:///token"]
)
def test_a_heartbeat_without_an_address(house: House, address: str) -> None:
    """The run counts; it is warned of, without the address."""
    assert house.night(heartbeat=address).summary.exit_code == 0
    assert house.office.talk.warnings[-1] == "the heartbeat's address is no http or https URL: it was not fetched"


def test_a_heartbeat_that_speaks_no_http(house: House) -> None:
    """The run counts; it is warned of."""
    with answering(b"SSH-2.0-garbage\r\n\r\n") as port:
        assert house.night(heartbeat=f"http://127.0.0.1:{port}/token").summary.exit_code == 0
    assert house.office.talk.warnings[-1] == (
        "the heartbeat at 127.0.0.1 could not be fetched: it does not answer in HTTP"
    )
