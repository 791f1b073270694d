"""What an e-mail address, a phone number, a URL and a tax number must look like.

Each function returns '' for a text that will do, else what is wrong with it, to stand after the value:
``not an e-mail address (two @-signs)``. Used by the payload model and by the compiled validator alike.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

# Nearly every address there is: RFC 5322's dot-atom in ASCII within RFC 5321's length, and a domain of plain
# labels. What matches needs no library (email-validator takes 50 µs an address, this 2); anything else goes
# through it as a whole, and so does a domain under a name that is kept for special use.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+(?:\.[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+)*")
_PLAIN_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9]|-(?!-)){0,61}(?<!-)\.)+(?P<top>[A-Za-z]{2,63})")
SPECIAL_TOPS = frozenset({"arpa", "invalid", "local", "localhost", "onion", "test"})
"""The top-level names kept for special use, as email-validator has them: asking it takes 45 ms of imports."""
_LOCAL_LENGTH = 64
_PLAIN_LENGTH = 200
_PHONE_CHARACTERS = re.compile(r"\+[0-9 ().\-/\u00a0]+")
_URL = re.compile(r"https?://[^\s/?#@:]+\.[^\s/?#@:.]{2,}(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE)
_TAX_NUMBER = re.compile(r"(?=.*\d)[A-Za-z0-9](?:[A-Za-z0-9 ./\-]{2,28})[A-Za-z0-9]")


def email_fault(text: str) -> str:
    """Check an e-mail address by its syntax alone; no name server is asked."""
    local, at, domain = text.rpartition("@")
    if at and len(text) <= _PLAIN_LENGTH and len(local) <= _LOCAL_LENGTH and _PLAIN_LOCAL.fullmatch(local):
        plain = _PLAIN_DOMAIN.fullmatch(domain)
        if plain and plain["top"].lower() not in SPECIAL_TOPS:
            return ""
    if "@" not in text:
        return "not an e-mail address (no @-sign)"
    if not text.startswith('"') and text.count("@") > 1:
        signs = "two" if text.count("@") == 2 else text.count("@")
        return f"not an e-mail address ({signs} @-signs)"
    fault = "more than 64 characters before the @-sign" if len(local) > _LOCAL_LENGTH else _email_library_fault(text)
    return f"not an e-mail address ({fault})" if fault else ""


@lru_cache(maxsize=8192)
def _email_library_fault(text: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(text, check_deliverability=False, allow_quoted_local=True, strict=True)
    except EmailNotValidError as error:
        words = str(error).rstrip(".")
        return words[:1].lower() + words[1:]
    return ""


def phone_fault(text: str) -> str:
    """Check that a phone number begins with + and is possible: a country code, and a length it allows.

    Whether the number is in use, or even assigned, is not asked; the ``phone`` transform demands more.
    """
    if not text.startswith("+"):
        return "not an international phone number (it must begin with + and the country code)"
    if not _PHONE_CHARACTERS.fullmatch(text):
        return "not a phone number (only digits, spaces and ( ) . - / may follow the +)"
    return "" if _is_plainly_possible(text) else _phone_library_fault(text)


class _Plan(NamedTuple):
    """What the library knows of a country code: how long its numbers are, and how one dials at home."""

    lengths: frozenset[int]
    home_prefix: re.Pattern[str] | None


def _is_plainly_possible(text: str) -> bool:
    """Whether bare digits have a country code's length and nothing that the library would strip first.

    False says nothing: the library is asked (40 µs a number, this 2).
    """
    digits = text[1:]
    if not digits.isascii() or not digits.isdigit():
        return False
    for length in (1, 2, 3):
        plan = _plan(digits[:length])
        if plan is not None:
            home = digits[length:]
            return len(home) in plan.lengths and not (plan.home_prefix and plan.home_prefix.match(home))
    return False


@lru_cache(maxsize=1200)
def _plan(code: str) -> _Plan | None:
    import phonenumbers

    region = phonenumbers.region_code_for_country_code(int(code))
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    if code.startswith("0") or metadata is None or metadata.general_desc is None:
        return None
    prefix = metadata.national_prefix_for_parsing
    return _Plan(frozenset(metadata.general_desc.possible_length), re.compile(prefix) if prefix else None)


@lru_cache(maxsize=8192)
def _phone_library_fault(text: str) -> str:
    import phonenumbers

    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            return "not a phone number (no such country code)"
        return "not a phone number (too short or too long)"
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason == phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""
    if reason == phonenumbers.ValidationResult.TOO_LONG:
        return f"not a possible phone number (too many digits for +{number.country_code})"
    if reason == phonenumbers.ValidationResult.INVALID_COUNTRY_CODE:
        return "not a phone number (no such country code)"
    return f"not a possible phone number (too few digits for +{number.country_code})"


def website_fault(text: str) -> str:
    """Check that a text looks like a web address with its scheme."""
    return "" if _URL.fullmatch(text) else "does not look like a web address (https://host.example/…)"


def tax_number_fault(text: str) -> str:
    """Check that a text looks like a tax number of any country: 4 to 30 letters and digits, one digit at least."""
    return "" if _TAX_NUMBER.fullmatch(text) else "does not look like a tax number (4 to 30 letters and digits)"
