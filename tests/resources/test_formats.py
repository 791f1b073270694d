"""What an address, a number, a URL and a tax number must look like, held against public vectors."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import phonenumbers
import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_sync.resources.formats import SPECIAL_TOPS, email_fault, phone_fault, tax_number_fault, website_fault


@pytest.fixture(scope="module")
def lists() -> Path:
    """The folder of public vectors; skip where it is missing."""
    folder = Path(__file__).parents[2].parent / "shared" / "cases" / "lists"
    if not folder.is_dir():
        pytest.skip("the public cases are not beside the repository")
    return folder


def email_vectors(lists: Path) -> dict[str, bool]:
    """Return the addresses of the vectors, and whether each is valid by syntax."""
    vectors = json.loads((lists / "email_validator" / "vectors.json").read_text(encoding="utf-8"))
    expected: dict[str, bool] = {}
    del vectors["test_email_invalid_character_smtputf8_off"]  # of a setting that is not ours
    for name, rows in vectors.items():
        for row in rows:
            address, verdict = (*row, "")[:2] if isinstance(row, list) else (row, "")
            if name == "test_email_unsafe_character":
                address = f"{address}@example.tld"
            passes = verdict in ("ISEMAIL_VALID", "ISEMAIL_RFC5321_QUOTEDSTRING", "ISEMAIL_DNSWARN_NO_RECORD")
            expected[address] = name.startswith("test_email_valid") or passes
    return expected


def test_email_vectors(lists: Path) -> None:
    """Shows that more than 98 % of the vectors agree, and lists the rest."""
    expected = email_vectors(lists)
    differ = {
        unicodedata.normalize("NFC", address)
        for address, valid in expected.items()
        if (email_fault(address) == "") is not valid
    }
    # A display name is no part of an address; the transform `email` takes it off, at the user's word.
    assert differ == {
        "MyName <me@example.org>",
        "My Name <me@example.org>",
        '"My.\\"Na\\\\me\\".Is" <"me \\" \\\\ me"@example.org>',
        '"ṩ" <ṩ@nfc.tld>',
        '"test\\©"@iana.org',  # the list predates addresses in UTF-8
    }
    assert len(differ) < 0.02 * len(expected)


def test_phone_vectors(lists: Path) -> None:
    """Shows that every valid number of 245 regions passes, as E.164 and as written internationally."""
    rows = json.loads((lists / "phones" / "libphonenumber_examples.json").read_text(encoding="utf-8"))["rows"]
    for row in rows:
        if row["valid"]:
            assert phone_fault(row["e164"]) == ""
            assert phone_fault(row["international"]) == ""
            assert phone_fault(row["national"]).startswith("not an international phone number")


@settings(max_examples=200)
@given(
    st.sampled_from(["1", "7", "39", "44", "49", "52", "54", "55", "86", "971", "968", "800", ""]),
    st.text("0123456789", max_size=13),
)
def test_the_short_way_for_phones_agrees_with_the_library(code: str, rest: str) -> None:
    """Shows that a number passes exactly where phonenumbers calls it possible, and not only within its country."""
    text = f"+{code}{rest}"
    try:
        reason = phonenumbers.is_possible_number_with_reason(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        reason = None
    assert (phone_fault(text) == "") is (reason == phonenumbers.ValidationResult.IS_POSSIBLE)


label = st.text("aZ0-é_", min_size=0, max_size=6)


@settings(max_examples=200)
@given(
    st.text("aB1._-+'\"() é", max_size=8),
    st.lists(label, max_size=3),
    st.sampled_from(["com", "test", "1x", "x", "c-m", "local"]),
)
def test_the_short_way_for_addresses_agrees_with_the_library(local: str, labels: list[str], top: str) -> None:
    """Shows that an address passes exactly where email-validator lets it."""
    address = f"{local}@{'.'.join([*labels, top])}"
    try:
        validate_email(address, check_deliverability=False, allow_quoted_local=True, strict=True)
    except EmailNotValidError:
        assert email_fault(address)
    else:
        assert email_fault(address) == ""


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("ahmed@@acme.com", "not an e-mail address (two @-signs)"),
        ("a@b@c@d.com", "not an e-mail address (3 @-signs)"),
        ("ahmed.acme.com", "not an e-mail address (no @-sign)"),
        ("@acme.com", "not an e-mail address (there must be something before the @-sign)"),
        ("a..b@acme.com", "not an e-mail address (an email address cannot have two periods in a row)"),
        ("a@acme", "not an e-mail address (the part after the @-sign is not valid. It should have a period)"),
        ("a@example.com", ""),
    ],
)
def test_what_is_wrong_with_an_address(address: str, fault: str) -> None:
    """Shows the words that follow a bad address."""
    assert email_fault(address) == fault


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("0501234567", "not an international phone number (it must begin with + and the country code)"),
        ("+971501234567", ""),
        ("+971 50 123 4567", ""),
        ("+971 50 call me", "not a phone number (only digits, spaces and ( ) . - / may follow the +)"),
        ("+9715", "not a phone number (too short or too long)"),
        ("+971501", "not a possible phone number (too few digits for +971)"),
        ("+9715012345678901", "not a possible phone number (too many digits for +971)"),
        ("+999123456789", "not a phone number (no such country code)"),
        ("+", "not a phone number (only digits, spaces and ( ) . - / may follow the +)"),
    ],
)
def test_what_is_wrong_with_a_number(number: str, fault: str) -> None:
    """Shows the words that follow a bad number."""
    assert phone_fault(number) == fault


@pytest.mark.parametrize(
    "good", ["https://acme.ae", "http://www.acme.co.uk/a?b#c", "https://a-b.example:8080/", "https://münchen.de"]
)
def test_web_addresses(good: str) -> None:
    """Shows addresses that look right."""
    assert website_fault(good) == ""


@pytest.mark.parametrize(
    "bad", ["acme.ae", "https://", "ftp://acme.ae", "https://acme", "https://a b.ae", "https://u:p@acme.ae"]
)
def test_web_addresses_that_do_not_look_right(bad: str) -> None:
    """Shows addresses that are warned about, one with a password in it among them."""
    assert website_fault(bad)


def test_tax_numbers() -> None:
    """Shows numbers of any country, and what is none."""
    assert [tax_number_fault(text) for text in ("100234567890003", "DE123456789", "12-3456789", "IE 6388047V")] == [
        ""
    ] * 4
    assert all(tax_number_fault(text) for text in ("", "none", "n/a", "1", "12", "x" * 40, "1234!"))


def test_the_special_names_are_those_of_the_library() -> None:
    """The short list that spares its import says what email-validator says."""
    assert {name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES} == SPECIAL_TOPS
