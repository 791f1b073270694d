"""Where requests go: the real API with a key, or the sandbox of this state directory."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from bulk_sync.errors import DiskFault, Refused
from bulk_sync.journal import RunHeader
from bulk_sync.records import Json
from bulk_sync.sending.rate import Rate, parse_rate
from bulk_sync.settings import Settings
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.key import find_key, key_hash

if TYPE_CHECKING:
    from bulk_sync.sandbox import SandboxServer

SANDBOX_ACCOUNT = "sandbox"

KNOWN_AS = "accounts"
"""Fact of a run: the names of its account under which it was sent, or its parent was."""


@dataclass(frozen=True, slots=True)
class Target:
    """An account at an address. The key is in no representation of it."""

    base_url: str
    account: str
    key: str = field(repr=False)
    sandbox: SandboxServer | None = None
    key_from: str = ""

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "SANDBOX" if self.sandbox else self.base_url

    @property
    def key_hash(self) -> str:
        """What stands for the key in the shared quota."""
        return key_hash(self.key)

    @property
    def origin(self) -> str:
        """Scheme, host and port; the sandbox's port changes from process to process and is left out."""
        if self.sandbox:
            return SANDBOX_ACCOUNT
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    def seed(self, records: Iterable[Mapping[str, Json]]) -> None:
        """Give the sandbox a client for each of ``records`` that it lacks; the real API is left alone."""
        if self.sandbox:
            self.sandbox.seed(records)


def given_rate(settings: Settings) -> Rate | None:
    """Return the rate that was asked for, None for the default; Refused where it is none."""
    if settings.rate is None:
        return None
    try:
        return parse_rate(settings.rate)
    except ValueError as error:
        raise Refused(f"--rate: {error}") from None


def account_name(settings: Settings, key: str) -> str:
    """Return the profile's name, else base URL and a hash of the key."""
    return settings.profile or f"{settings.base_url} {key_hash(key)}"


def names_of(header: RunHeader) -> tuple[str, ...]:
    """Return the names of the account that a run is of: another key, or a profile, gives it another name later on."""
    return tuple(sorted({header.account, *cast("list[str]", header.facts.get(KNOWN_AS, []))}))


def accounts_of(header: RunHeader, target: Target) -> tuple[str, ...]:
    """Return those names, and the one that the target has by now."""
    return tuple(sorted({*names_of(header), target.account}))


@contextmanager
def open_target(desk: Desk, settings: Settings, *, sandbox: bool) -> Iterator[Target]:
    """Open the account that requests go to; the sandbox runs while inside.

    Raises :class:`Refused` for a missing key or a base URL that the key must not be sent to.
    """
    if sandbox:
        with _sandbox(desk, settings) as server:
            yield Target(server.base_url, SANDBOX_ACCOUNT, server.key, server)
        return
    from bulk_sync.heffl.target import check_base_url

    base_url = check_base_url(settings.base_url)
    key, key_from = find_key(settings, desk.environ)
    yield Target(base_url, account_name(settings, key), key, key_from=key_from)


@contextmanager
def _sandbox(desk: Desk, settings: Settings) -> Iterator[SandboxServer]:
    from bulk_sync.sandbox import SandboxServer, demo_config

    folder = desk.state.folder / "sandbox"
    with ExitStack() as stack:
        try:
            server = stack.enter_context(SandboxServer(folder, config=demo_config()))
            if settings.sandbox == "fresh":
                server.empty()
        except OSError as error:
            what = f"{error.filename or folder}: {error.strerror or error}"
            if error.errno == errno.ENOSPC:
                raise DiskFault(what) from error
            hint = "delete that folder, or name another one by --state-dir: it holds the sandbox's clients alone"
            raise DiskFault(f"the sandbox in {folder} cannot be used: {what}", hint=hint) from error
        if settings.sandbox == "fresh":
            desk.state.forget_account(SANDBOX_ACCOUNT)
        yield server
