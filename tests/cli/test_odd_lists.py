"""Answers to GET /clients that are no list of clients, as a person meets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

Program = Any
MAPPING = "version: 1\nresource: clients\nmatch: {column: E-mail, by: email}\nfields:\n  name: Company\n"


@pytest.fixture
def answering(program: Program) -> Iterator[Callable[[int, dict[str, str], bytes], None]]:
    """Serve one answer for everything; the program sends there."""
    with ExitStack() as stack:

        def serve(status: int, headers: dict[str, str], body: bytes) -> None:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    self.send_response(status)
                    for name, value in {**headers, "Content-Length": str(len(body))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)

                def do_PATCH(self) -> None:
                    self.rfile.read(int(self.headers["Content-Length"]))
                    self.do_GET()

                def log_message(self, *_: object) -> None:
                    """Say nothing."""

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            stack.callback(server.server_close)
            thread = Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            base = f"http://127.0.0.1:{server.server_port}/api/v1"
            program.environ |= {"BULK_SYNC_BASE_URL": base, "HEFFL_API_KEY": "key_1", "BULK_SYNC_RATE": "none"}
            program.write("m.yaml", MAPPING)
            program.write_csv("clients.csv", [["E-mail", "Company"], ["a@example.com", "A"]])

        yield serve


def test_a_redirect_is_named_with_what_helps(program: Program, answering: Callable[..., None]) -> None:
    """Where it points, port included, and no advice to read the clients one by one, which would be redirected too."""
    answering(301, {"Location": "https://api.example.com:8443/api/v1/clients?limit=100"}, b"")
    ran = program("run", "clients.csv", "-m", "m.yaml", "--yes")
    assert ran.code == 3, ran.err
    assert "redirected to https://api.example.com:8443/api/v1/clients; redirects are not followed" in ran.err
    assert "is --base-url the API's own address?" in ran.err and "--read each" not in ran.err
    tested = program("key", "test")
    assert "redirected to https://api.example.com:8443" in tested.err and "own address" in tested.err


def test_no_list_at_all_is_no_reason_to_read_clients(program: Program, answering: Callable[..., None]) -> None:
    """A base URL without its end: read one by one, every client would be called missing."""
    answering(404, {}, b'{"code": "NOT_FOUND", "message": "no such route"}')
    ran = program("run", "clients.csv", "-m", "m.yaml", "--yes")
    assert (ran.code, "cannot be listed: HTTP 404, no such route" in ran.err) == (3, True), ran.err
    assert "is --base-url the API's own address?" in ran.err and "--read each" not in ran.err


@pytest.mark.parametrize("rows", [5, 12])
def test_where_nothing_is_found_no_client_is_called_missing(
    program: Program, answering: Callable[..., None], rows: int
) -> None:
    """Read one by one at such an address, all are answered 404: so is the list, and that tells; again on resume."""
    answering(404, {}, b"<html>nothing here</html>")
    program.write("m.yaml", MAPPING.replace("{column: E-mail, by: email}", "ID"))
    program.write_csv("clients.csv", [["ID", "Company"], *([f"clt_{n}", f"N{n}"] for n in range(rows))])
    for command in (("run", "clients.csv", "-m", "m.yaml", "--yes", "--read", "each"), ("resume", "--yes")):
        ran = program(*command, "--json")
        assert (ran.code, ran.summary["counts"]) == (3, {"not_sent": rows}), ran.err
        assert "neither the first clients nor the list of clients are found: HTTP 404" in ran.err
        assert "is --base-url the API's own address?" in ran.err
    assert "own address" in program("key", "test").err


def test_where_nothing_is_found_blind_changes_stop_early(program: Program, answering: Callable[..., None]) -> None:
    """Nothing was read, the first changes are answered with 404, and so is the list: the others are not sent."""
    answering(404, {}, b"<html>nothing here</html>")
    program.write("m.yaml", MAPPING.replace("{column: E-mail, by: email}", "ID"))
    program.write_csv("clients.csv", [["ID", "Company"], *([f"clt_{n}", f"N{n}"] for n in range(12))])
    ran = program("run", "clients.csv", "-m", "m.yaml", "--yes", "--read", "none", "--json")
    assert (ran.code, ran.summary["counts"]) == (3, {"failed": 5, "not_sent": 7}), ran.err
    told = "neither the first rows' clients nor the list of clients are found: HTTP 404, nothing here"
    assert told in ran.err
    again = program("resume", "--yes", "--json")
    assert (again.code, again.summary["counts"], told in again.err) == (3, {"failed": 10, "not_sent": 2}, True), (
        again.err
    )


@pytest.mark.parametrize(
    ("read", "status", "rows"), [("each", "invalid", 4), ("none", "failed", 4), ("none", "failed", 5)]
)
def test_a_few_rows_that_are_not_found_are_believed(
    program: Program, answering: Callable[..., None], read: str, status: str, rows: int
) -> None:
    """So few clients may well be missing, or nothing is left to stop: each is called so, the list is not asked for."""
    answering(404, {}, b'{"error": "client not found"}')
    program.write("m.yaml", MAPPING.replace("{column: E-mail, by: email}", "ID"))
    program.write_csv("clients.csv", [["ID", "Company"], *([f"clt_{n}", f"N{n}"] for n in range(rows))])
    ran = program("run", "clients.csv", "-m", "m.yaml", "--yes", "--read", read, "--json")
    assert (ran.code, ran.summary["counts"], ran.summary["requests"]["total"]) == (1, {status: rows}, rows), ran.err


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html><title>Portal</title>Please sign in</html>", "Portal Please sign in"),
        (b'{"status": "up"}', '{"status": "up"}'),
        (b"", "it is empty"),
    ],
)
def test_a_page_that_is_none_is_called_so(
    program: Program, answering: Callable[..., None], body: bytes, said: str
) -> None:
    """Some portal's page in place of the list: a few tries, and not half an hour of them."""
    answering(200, {}, body)
    ran = program("run", "clients.csv", "-m", "m.yaml", "--yes")
    assert ran.code == 3, ran.err
    assert f"answers GET /clients with HTTP 200, but with no page of clients: {said}" in ran.err
    assert "is --base-url the API's own address" in ran.err and "1 not_sent" in ran.err
    assert "it needs more of them" not in ran.err, "more requests would not help"
    tested = program("key", "test")
    assert (tested.code, "not a page of clients" in tested.err, "NoneType" in tested.err) == (3, True, False)
    assert "own address" in tested.err and "--read each" not in tested.err


def test_every_request_is_said_when_asked_for(program: Program, answering: Callable[..., None]) -> None:
    """Those that read before anything is sent, too."""
    answering(200, {}, b'{"items": [{"id": "clt_1", "name": "A", "email": "a@example.com"}], "hasMore": false}')
    ran = program("plan", "clients.csv", "-m", "m.yaml", "--verbose")
    assert (ran.code, "← page: 200, done" in ran.err) == (0, True), ran.err


def test_a_client_in_an_envelope_is_read(program: Program, answering: Callable[..., None]) -> None:
    """As the answer to a change may stand in ``data``, so may that to a question."""
    answering(200, {}, b'{"data": {"id": "clt_1", "name": "A"}}')
    program.write("m.yaml", MAPPING.replace("{column: E-mail, by: email}", "ID"))
    program.write_csv("clients.csv", [["ID", "Company"], ["clt_1", "A"]])
    ran = program("plan", "clients.csv", "-m", "m.yaml", "--read", "each", "--json")
    assert (ran.code, ran.summary["counts"]) == (0, {"unchanged": 1}), ran.err
