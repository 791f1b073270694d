"""Errors are read in every form that the API is known or guessed to use."""

from __future__ import annotations

import pytest

from bulk_sync.records import Json, Reply
from bulk_sync.sending.answers import read_error, redirect_target


@pytest.mark.parametrize(
    ("body", "text", "code", "message"),
    [
        ({"code": "BAD_REQUEST", "message": "Invalid email"}, "", "BAD_REQUEST", "Invalid email"),
        (
            {"code": "BAD_REQUEST", "message": "no", "issues": [{"path": ["email"], "message": "Invalid"}]},
            "",
            "BAD_REQUEST",
            "no; email: Invalid",
        ),
        (
            {
                "error": {
                    "code": "VALIDATION_ERROR",
                    "message": "no",
                    "details": {"issues": [{"field": "f", "message": "m"}]},
                }
            },
            "",
            "VALIDATION_ERROR",
            "no; f: m",
        ),
        ({"errors": ["one", {"field": "two"}]}, "", "http_400", "one; two"),
        ({"errors": {"email": ["bad", "worse"]}}, "", "http_400", "email: bad; worse"),
        ({"error": "just a text"}, "", "http_400", "just a text"),
        ({}, "{}", "http_400", "{}"),
        (None, "<html><b>Bad</b>\n gateway</html>", "http_400", "Bad gateway"),
        (
            None,
            "<!DOCTYPE html><!-- <b>old</b> --><style>b {color: red}</style><b>Q &amp; A</b><script>x = 1 < 2;",
            "http_400",
            "Q & A",
        ),
        (None, "<p>Blocked</p><style>body { margin: 0", "http_400", "Blocked"),
        (None, "<p>Blocked</p><a href='https://", "http_400", "Blocked"),
        (None, "a < b &amp; c", "http_400", "a < b & c"),
        (
            {"message": ["phone must be valid", "no name"], "error": "Bad Request"},
            "",
            "http_400",
            "phone must be valid; no name",
        ),
        ({"error": {"message": {"en": "No"}}}, "", "http_400", "en: No"),
        (None, "", "http_400", "no reason given"),
        ({"code": 7, "message": "a\x00b\x1b[31m"}, "", "7", "a b [31m"),
        ({"message": "x" * 600}, "", "http_400", "x" * 499 + "…"),
    ],
)
def test_an_error_is_read(body: Json, text: str, code: str, message: str) -> None:
    """Code and message in one line, whatever the body's form."""
    assert read_error(Reply(400, {}, body, text)) == (code, message)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://evil.example/login?token=secret#x", "https://evil.example/login"),
        ("https://user:pass@evil.example/a", "https://evil.example/a"),
        ("https://api.example:8443/v1?x=1", "https://api.example:8443/v1"),
        ("https://api.example:99999/v1", "an address that is none"),
        ("/elsewhere?x=1", "/elsewhere"),
        ("", "nowhere"),
        ("http://[broken", "an address that is none"),
    ],
)
def test_a_redirect_is_named_without_its_secrets(location: str, shown: str) -> None:
    """Origin and path are said; user, password, query and fragment are not."""
    assert redirect_target(Reply(302, {"location": location})) == shown
