"""What an e-mail address, a phone number, a URL and a tax number must look like.

Each function returns '' for a text that will do, else what is wrong with it, to stand after the value:
``not an e-mail address (two @-signs)``. Used by the payload model and by the compiled validator alike.
"""

from __future__ import annotations

import re
from functools import lru_cache

SPECIAL_TOPS = frozenset({"arpa", "invalid", "local", "localhost", "onion", "test"})
"""The top-level names kept for special use, as email-validator has them: asking it takes 45 ms of imports."""
# Nearly every address there is: RFC 5322's dot-atom in ASCII within RFC 5321's length, and a domain of plain
# labels. What matches needs no library (email-validator takes 50 µs an address, this half of one); anything else
# goes through it as a whole, and so does a domain under a name that is kept for special use. The possessive
# quantifiers give nothing back, since what follows each run is no part of it: that saves half of the time. Groups have
# none: before Python 3.11.5 a possessive group keeps a round that it has only half matched.
_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]++"
_LABEL = r"(?![A-Za-z0-9\-]{63})[A-Za-z0-9]++(?:-[A-Za-z0-9]++)*\."
_PLAIN_ADDRESS = re.compile(
    rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL})+(?!(?i:{'|'.join(sorted(SPECIAL_TOPS))})\Z)[A-Za-z]{{2,63}}"
)
_LOCAL_LENGTH = 64
_PLAIN_LENGTH = 200
_PHONE_CHARACTERS = re.compile(r"\+[0-9 ().\-/\u00a0]+")
_URL = re.compile(r"https?://[^\s/?#@:]+\.[^\s/?#@:.]{2,}(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE)
_TAX_NUMBER = re.compile(r"(?=.*\d)[A-Za-z0-9](?:[A-Za-z0-9 ./\-]{2,28})[A-Za-z0-9]")


def email_fault(text: str) -> str:
    """Check an e-mail address by its syntax alone; no name server is asked."""
    if len(text) <= _PLAIN_LENGTH and _PLAIN_ADDRESS.fullmatch(text):
        return ""
    local, at, _ = text.rpartition("@")
    if not at:
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
    plain = _plain_numbers(text[:4])
    if plain is not None and plain.fullmatch(text):
        return ""
    if not text.startswith("+"):
        return "not an international phone number (it must begin with + and the country code)"
    if not _PHONE_CHARACTERS.fullmatch(text):
        return "not a phone number (only digits, spaces and ( ) . - / may follow the +)"
    return _phone_library_fault(text)


@lru_cache(maxsize=1200)
def _plain_numbers(beginning: str) -> re.Pattern[str] | None:
    """Return what bare digits are possible numbers, of those that begin with + and these three digits.

    Such digits have a length that the country code allows, and nothing that the library would strip first. What
    does not match may be possible, too: the library is asked (40 µs a number, this a quarter of one).
    """
    digits = beginning[1:]
    if beginning[:1] != "+" or not digits.isascii() or not digits.isdigit():
        return None
    for length in range(1, len(digits) + 1):
        if (numbers := _numbers_at_home(digits[:length])) is not None:
            return re.compile(rf"\+{digits[:length]}{numbers}")
    return None


@lru_cache(maxsize=300)
def _numbers_at_home(code: str) -> str | None:
    """Return the pattern of a country's numbers after its code; None where no country has that code."""
    import phonenumbers

    region = phonenumbers.region_code_for_country_code(int(code))
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    if code.startswith("0") or metadata is None or metadata.general_desc is None:
        return None
    prefix = metadata.national_prefix_for_parsing
    lengths = "|".join(f"[0-9]{{{length}}}" for length in sorted(metadata.general_desc.possible_length))
    return f"(?!{prefix})(?:{lengths})" if prefix else f"(?:{lengths})"


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
