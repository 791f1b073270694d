"""The API key: where it comes from, and that it goes nowhere else."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from bulk_sync.errors import Refused
from bulk_sync.settings import Settings

KEYRING_SERVICE = "bulk-sync"
_MARK_AS_CP1252 = "\xef\xbb\xbf"
COMMAND_SECONDS = 60.0
"""How long a key command may take: a vault may ask its user for a fingerprint."""


def find_key(settings: Settings, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the key, stripped of what is not part of it, and where it came from: environment, command or key ring.

    Raises :class:`Refused` naming the three ways where there is none. The key is in no message.
    """
    if key := bare_key(environ.get("HEFFL_API_KEY", "")):
        return key, "HEFFL_API_KEY"
    if settings.key_command and (key := _from_command(settings.key_command)):
        return key, "the key command"
    if key := bare_key(_from_keyring(settings.profile)):
        return key, "the key ring"
    raise Refused(
        "no API key: HEFFL_API_KEY is not set, there is no key command, and no key ring has one",
        hint="export HEFFL_API_KEY=…, or BULK_SYNC_KEY_COMMAND='…', or: bulk-sync key set; "
        "or try it first with --sandbox",
    )


def bare_key(text: str) -> str:
    """Return a key without the white space around it, and without the mark that a file of Windows begins with."""
    return text.strip().removeprefix("\ufeff").removeprefix(_MARK_AS_CP1252).strip()


def key_hash(key: str) -> str:
    """Return what stands for a key in names and files: 12 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _from_command(command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command, run without a shell
            shlex.split(command), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # Neither the command's output nor its arguments: either may hold the secret.
        raise Refused(f"the key command failed ({type(error).__name__})", hint="run it by hand to see why") from None
    return bare_key(done.stdout)


def _from_keyring(profile: str) -> str:
    try:
        keyring: Any = import_module("keyring")  # an extra: its types are there only where it is installed
        import_module("keyring.errors")
    except ImportError:
        return ""
    try:
        return keyring.get_password(KEYRING_SERVICE, profile or "default") or ""
    except keyring.errors.KeyringError:
        return ""
