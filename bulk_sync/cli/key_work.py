"""The key: tested by one cheap request, kept in the key ring, taken out of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from bulk_sync.cli.carrying_out import make_desk
from bulk_sync.errors import ExitCode, Refused
from bulk_sync.results.summary_json import answer_json
from bulk_sync.settings import Settings
from bulk_sync.workflow.key import KEYRING_SERVICE, bare_key
from bulk_sync.workflow.key_check import check_key


def test_key(flags: Mapping[str, object]) -> int:
    """Say whether the API takes the key and what quota is left."""
    desk, settings = make_desk(flags)
    report = asyncio.run(check_key(desk, settings))
    if settings.json_summary:
        quota = {"limit": report.limit, "remaining": report.remaining, "reset_in": report.reset_in}
        known = {} if report.remaining is None else quota
        told = {"lines": list(report.lines())}
        click.echo(answer_json(told, target=report.base_url, account=report.account, quota={**known, "rate": None}))
        return ExitCode.OK
    for line in report.lines():
        click.echo(line)
    return ExitCode.OK


def set_key(flags: Mapping[str, object]) -> int:
    """Read a key without showing it and keep it in the key ring."""
    desk, settings = make_desk(flags)
    keyring = _keyring()
    name = settings.profile or "default"
    key = bare_key(click.prompt("API key", hide_input=True, err=True) if sys.stdin.isatty() else _piped_line())
    if not key:
        raise Refused("no key was given")
    try:
        keyring.set_password(KEYRING_SERVICE, name, key)
    except keyring.errors.KeyringError as error:
        raise Refused(f"the key ring did not take the key: {error}", hint="use HEFFL_API_KEY instead") from None
    _tell(settings, f"kept for profile {name}; try it: bulk-sync key test{desk.again}", profile=name)
    return ExitCode.OK


def _piped_line() -> str:
    try:
        return sys.stdin.buffer.readline().decode()
    except UnicodeDecodeError:
        raise Refused("the key that was piped in is no text in UTF-8", hint="save its file as UTF-8") from None


def forget_key(flags: Mapping[str, object]) -> int:
    """Take the key out of the key ring."""
    _, settings = make_desk(flags)
    keyring = _keyring()
    name = settings.profile or "default"
    try:
        keyring.delete_password(KEYRING_SERVICE, name)
    except keyring.errors.KeyringError as error:
        raise Refused(f"the key ring has no key for profile {name}: {error}") from None
    _tell(settings, f"forgotten for profile {name}", profile=name)
    return ExitCode.OK


def _tell(settings: Settings, text: str, *, profile: str) -> None:
    if settings.json_summary:
        click.echo(answer_json({"profile": profile}))
    click.echo(text, err=True)


def _keyring() -> Any:  # an extra: its types are there only where it is installed
    try:
        keyring = import_module("keyring")
        import_module("keyring.errors")
    except ImportError:
        raise Refused(
            "the key ring needs the extra keyring", hint="pip install 'bulk-sync[keyring]', or set HEFFL_API_KEY"
        ) from None
    return keyring
