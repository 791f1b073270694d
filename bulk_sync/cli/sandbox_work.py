"""The stand-in API from the command line."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import click

from bulk_sync.errors import ExitCode, Refused
from bulk_sync.sandbox.config import HeaderStyle, Quota, Rule, SandboxConfig
from bulk_sync.sandbox.profiles import parse_faults
from bulk_sync.sandbox.serving import serve

_Choice = TypeVar("_Choice", bound=StrEnum)


def serve_sandbox(given: Mapping[str, Any]) -> int:
    """Serve until Ctrl-C, printing what to set to use it."""
    try:
        config = SandboxConfig(
            quota=Quota(rate=given["rate"], rule=_one_of(Rule, "--rule", given["rule"])),
            headers=_one_of(HeaderStyle, "--headers", given["headers"]),
            faults=parse_faults(given["faults"], seed=given["seed"]),
            latency=given["latency"],
            samples=True,
        )
    except ValueError as error:
        raise Refused(str(error)) from None
    folder = given["folder"]
    lines = serve(Path(folder) if folder else None, config, port=given["port"])
    try:
        first = next(lines)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Refused(f"the sandbox cannot be served: {where}{error.strerror or error}") from error
    for line in chain((first,), lines):
        click.echo(line)
    return ExitCode.OK


def _one_of(choices: type[_Choice], option: str, name: str) -> _Choice:
    """Return the choice of that name. Raises ValueError that lists them."""
    try:
        return choices(name)
    except ValueError:
        raise ValueError(f"{option}: {name!r} is none: expected one of {', '.join(choices)}") from None
