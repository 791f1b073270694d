"""A real server that nobody here wrote: nginx with limit_req, which sends no headers about its quota."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.sandbox import HeaderStyle, Quota, SandboxConfig, SandboxServer

Serve = Callable[..., SandboxServer]
Program = Any

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
RATE = 20
CONFIG = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  limit_req_zone $http_x_api_key zone=key:1m rate={rate}r/s;
  limit_req_status 429;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      limit_req zone=key burst={burst} nodelay;
      proxy_pass http://127.0.0.1:{behind};
    }}
  }}
}}
"""


@pytest.fixture
def behind(serve_api: Serve) -> SandboxServer:
    """The API behind it, without a quota or headers of its own."""
    return serve_api(config=SandboxConfig(quota=Quota(rate="none"), headers=HeaderStyle.NONE))


@pytest.fixture
def nginx(behind: SandboxServer, tmp_path: Path) -> Iterator[str]:
    """The base URL of nginx, which lets through 20 requests a second, and two at once."""
    if NGINX is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "nginx"
    folder.mkdir()
    other = behind.base_url.split(":")[2].partition("/")[0]
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, rate=RATE, burst=2, port=port, behind=other))
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.PIPE)
    try:
        ends = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > ends:
                    pytest.skip(f"nginx does not start here: {process.stderr.read() if process.stderr else ''!r}")
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/api/v1"
    finally:
        process.terminate()
        process.wait(10)
        if process.stderr:
            process.stderr.close()


def fill(program: Program, server: SandboxServer, count: int) -> None:
    program.write("m.yaml", "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n")
    program.write_csv("clients.csv", [["ID", "Company"], *([f"clt_{n}", f"New {n}"] for n in range(count))])
    server.seed({"id": f"clt_{n}", "name": "Old"} for n in range(count))


def answers(tmp_path: Path) -> list[str]:
    """The statuses that nginx gave, from its own log."""
    return [line.split('" ')[1].split()[0] for line in (tmp_path / "nginx" / "access.log").read_text().splitlines()]


def test_the_given_rate_gets_no_429(program: Program, behind: SandboxServer, nginx: str, tmp_path: Path) -> None:
    """Without headers, at the server's rate, with four workers: every row updated and nothing refused."""
    fill(program.target(behind), behind, 100)
    args = ("run", "clients.csv", "-m", "m.yaml", "--yes", "--json", "--output", "r.csv", "--rate", f"{RATE}/s")
    ran = program(*args, BULK_SYNC_BASE_URL=nginx)
    assert (ran.code, ran.summary["counts"]) == (0, {"updated": 100}), ran.err
    assert set(answers(tmp_path)) == {"200"}


def test_a_rate_that_is_too_high_is_waited_out(
    program: Program, behind: SandboxServer, nginx: str, tmp_path: Path
) -> None:
    """At three times the server's rate 429s come, use up no attempt, and still every row ends updated."""
    fill(program.target(behind), behind, 40)
    args = ("run", "clients.csv", "-m", "m.yaml", "--yes", "--json", "--output", "r.csv", "--attempts", "2")
    ran = program(*args, "--rate", f"{3 * RATE}/s", "--read", "none", BULK_SYNC_BASE_URL=nginx)
    assert (ran.code, ran.summary["counts"]) == (0, {"updated": 40}), ran.err
    assert {record["name"] for record in behind.records().values()} == {f"New {n}" for n in range(40)}
