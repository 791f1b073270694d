"""Transforms of web and e-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bulk_sync.mapping.transforms.shapes import (
    Example,
    Transform,
    TransformInfo,
    TransformProblem,
    per_text,
    shown,
)
from bulk_sync.mapping.transforms.text import strip_margin
from bulk_sync.resources.formats import email_fault

_SCHEME = re.compile(r"^([a-z][a-z0-9+.\-]*):(?!\d)", re.IGNORECASE)
_BROKEN_SCHEME = re.compile(r"^(https?):/*(?=[^/])", re.IGNORECASE)
_LABEL = r"[^\W_](?:[\w\-]{0,61}[^\W_])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+[^\W\d_][\w\-]{{0,61}}[^\W_]")
_DISPLAY = re.compile(r"^[^<>@]*<\s*([^<>\s]+)\s*>$")


def complete_url(text: str, scheme: str) -> str:
    """Complete a web address, '' where the text is none: scheme added, scheme and host in small letters."""
    url = text if "://" in text else _BROKEN_SCHEME.sub(r"\1://", text)
    if url.startswith("//"):
        url = f"{scheme}:{url}"
    elif not _SCHEME.match(url):
        url = f"{scheme}://{url}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or not _HOST.fullmatch(host):
        return ""
    if re.search(r"[\s\\<>\"]", url):
        return ""
    tail = url.split(parts.netloc, 1)[1]
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{tail}"


def _url(option: str | None) -> Transform:
    def url(text: str) -> str | TransformProblem:
        found = complete_url(strip_margin(text), option or "https")
        if found:
            return found
        hint = "this is an e-mail address" if "@" in text else ""
        return TransformProblem("bad_url", f"{shown(text)} is not a web address", hint)

    return per_text(url)


def normal_email(text: str) -> str:
    """Bring an e-mail address to its normal form, without saying whether it is one.

    ``mailto:`` and a name before <…> go, the domain becomes lower-case; the part before the @ stays, since only
    its owner knows whether its case matters.
    """
    plain = strip_margin(text)
    if plain[:7].lower() == "mailto:":
        plain = plain[7:].partition("?")[0]
    if match := _DISPLAY.match(plain):
        plain = match[1]
    plain = strip_margin(plain.rstrip(".,;"))
    local, at, domain = plain.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _email(option: Mapping[str, Any] | None) -> Transform:
    lower = (option or {}).get("local") == "lower"

    def email(text: str) -> str | TransformProblem:
        found = normal_email(text)
        fault = email_fault(found)
        if not fault:
            return found.lower() if lower else found
        several = re.search(r"@[^\s,;]+[\s,;]+[^\s,;]+@", text)
        hint = "it seems to hold several: {split: {on: ;, part: 1}} keeps the first" if several else ""
        return TransformProblem("bad_email", f"{shown(text)} is {fault}", hint)

    return per_text(email)


INFOS = (
    TransformInfo(
        name="url",
        summary="Complete a web address: scheme added, host in small letters",
        option="the scheme to add: https (when none is named) or http",
        schema={"type": "string", "enum": ["https", "http"]},
        build=_url,
        examples=(
            Example(None, "www.Acme.ae/About", "https://www.acme.ae/About"),
            Example(None, "HTTP://acme.ae", "http://acme.ae"),
            Example("http", "acme.ae:8080", "http://acme.ae:8080"),
            Example(None, "not a site", "bad_url", problem=True),
            Example(None, "info@acme.ae", "bad_url", problem=True),
        ),
    ),
    TransformInfo(
        name="email",
        summary="Bring an e-mail address to its normal form: no name, no mailto:, domain in small letters",
        option="local: lower makes the part before the @ small too",
        schema={
            "type": "object",
            "properties": {"local": {"type": "string", "enum": ["keep", "lower"]}},
            "additionalProperties": False,
        },
        build=_email,
        examples=(
            Example(None, "Jan Berg <Jan.Berg@ACME.ae>", "Jan.Berg@acme.ae"),
            Example({"local": "lower"}, "mailto:INFO@Acme.ae", "info@acme.ae"),
            Example(None, "ahmed@@acme", "bad_email", problem=True),
        ),
    ),
)
CODES = {
    "bad_url": "a text is not a web address, nor the beginning of one",
    "bad_email": "not an e-mail address",
}
