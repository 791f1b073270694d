"""The commands on the key, and the stand-in API."""

from __future__ import annotations

from typing import Any

import click

from bulk_sync.cli import options

_HEADERS = ("none", "draft-03", "draft-03-epoch", "draft-07", "draft-10", "x")
"""As the sandbox has them, which --help does not wait for."""


@click.group("key", short_help="Whose key, what quota is left.")
def key_group() -> None:
    """Test the API key, or keep it in the key ring."""


@key_group.command("test", short_help="One cheap request: is the key good, and what quota is left?")
@options.target
@options.common
def test_command(**given: Any) -> int:
    """Ask the API for one client and say where the key came from and what quota is left."""
    from bulk_sync.cli.key_work import test_key

    return test_key(options.given(given))


@key_group.command("set", short_help="Keep a key in the key ring.")
@options.common
def set_command(**given: Any) -> int:
    """Read a key from the terminal, or from standard input, and keep it in the key ring."""
    from bulk_sync.cli.key_work import set_key

    return set_key(options.given(given))


@key_group.command("forget", short_help="Take the key out of the key ring.")
@options.common
def forget_command(**given: Any) -> int:
    """Take the key out of the key ring."""
    from bulk_sync.cli.key_work import forget_key

    return forget_key(options.given(given))


@click.command("sandbox", short_help="Serve the stand-in API on loopback.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="[a free one]")
@click.option("--rate", default="60/min", show_default=True, help="Quota, such as 60/min, 60/2s, none.")
@click.option("--faults", default="", metavar="SHARE|LIST", help="0.2 for a mixture, or reset=0.05,lost=0.1.")
@click.option("--seed", default=0, help="Seed of the faults.")
@click.option("--latency", type=click.FloatRange(0), default=0.0, help="Seconds that every answer takes.")
@click.option(
    "--rule", default="fixed-window", show_default=True, help="fixed-window, sliding-log, token-bucket, gcra."
)
@click.option("--headers", default="draft-03", show_default=True, help=f"{', '.join(_HEADERS)}.")
@click.option("--folder", metavar="DIR", help="Keep the clients here.  [in memory]")
def sandbox_command(**given: Any) -> int:
    """Serve the stand-in API until Ctrl-C, and print what to set to use it."""
    from bulk_sync.cli.sandbox_work import serve_sandbox

    return serve_sandbox(given)
