"""The key, the base URL and the path: what they may be, and what they show."""

from __future__ import annotations

import pickle
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_sync.errors import Refused
from bulk_sync.heffl.target import ApiKey, check_base_url, is_loopback, record_segment


@pytest.mark.parametrize(
    ("given_url", "checked"),
    [
        ("https://api.heffl.com/api/v1", "https://api.heffl.com/api/v1"),
        (" https://api.heffl.com/api/v1/ ", "https://api.heffl.com/api/v1"),
        ("http://127.0.0.1:8000/api/v1", "http://127.0.0.1:8000/api/v1"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://LocalHost:1/x", "http://LocalHost:1/x"),
    ],
)
def test_https_or_loopback_is_taken(given_url: str, checked: str) -> None:
    """Without spaces around it and without a slash at its end."""
    assert check_base_url(given_url) == checked


@pytest.mark.parametrize(
    "url",
    [
        "http://api.heffl.com/api/v1",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "ftp://api.heffl.com/",
        "file:///etc/passwd",
        "api.heffl.com/api/v1",
        "https://",
        "https://user:password@api.heffl.com/",
        "https://api.heffl.com/?x=1",
        "https://api.heffl.com/#x",
        "https://api.heffl.com:port/",
        "https://api.heffl.com/\r\nX: y",
        "https://api.heffl.com/a b",
        "https://exämple.com/",
        "http://[::1",
        "",
    ],
)
def test_what_the_key_must_not_be_sent_to_is_refused(url: str) -> None:
    """Unencrypted, not a URL, or with parts that do not belong into a base URL."""
    with pytest.raises(Refused):
        check_base_url(url)


def test_a_password_in_the_url_is_not_repeated() -> None:
    """The message does not show it."""
    with pytest.raises(Refused) as refused:
        check_base_url("https://user:hunter2@api.heffl.com/")
    assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_loopback_hosts(host: str) -> None:
    """By their text, without a look-up."""
    assert is_loopback(host) and not is_loopback(f"{host}.example")


def test_spaces_around_a_key_go() -> None:
    """A command's output ends in a line break."""
    assert ApiKey("  heffl_user_x\r\n").reveal() == "heffl_user_x"


@pytest.mark.parametrize("text", ["", "  ", "a b", "a\nb", "a\r\nx-other: 1", "a\tb", "a\x00b", "kéy", "a\u200bb"])
def test_what_cannot_be_a_header_is_no_key(text: str) -> None:
    """Refused, and not shown."""
    with pytest.raises(Refused) as refused:
        ApiKey(text)
    assert text.strip() == "" or text not in refused.value.message


def test_a_key_shows_itself_to_nobody() -> None:
    """Neither printed, formatted, in a container, nor pickled."""
    key = ApiKey("heffl_user_secret")
    assert "secret" not in f"{key} {key!r} {[key]} {vars(type(key))}"
    with pytest.raises(TypeError):
        pickle.dumps(key)


@pytest.mark.parametrize("record_id", ["", ".", ".."])
def test_ids_that_no_escaping_helps_are_refused(record_id: str) -> None:
    """They would name another path."""
    with pytest.raises(ValueError, match="cannot stand for a record"):
        record_segment(record_id)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text not in {".", ".."}))
def test_an_id_is_one_segment_and_comes_back_whole(record_id: str) -> None:
    """Law: nothing in an id has a meaning in the path, and nothing of it is lost."""
    segment = record_segment(record_id)
    assert not set(segment) & set("/?#\\%".replace("%", "")) and segment.isascii() and segment.isprintable()
    assert unquote(segment) == record_id
