"""What an e-mail address, a phone number, a URL and a tax number must look like.

Each function returns '' for a text that will do, else what is wrong with it, to stand after the value:
``not an e-mail address (two @-signs)``. Used by the payload model and by the compiled validator alike.
"""

from __future__ import annotations

import re
from functools import lru_cache

# RFC 5322's dot-atom in ASCII within RFC 5321's length, nearly every address there is. What matches needs no
# more than a good domain, which repeats; anything else goes through email-validator as a whole.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+(?:\.[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+)*")
_LOCAL_LENGTH = 64
_PLAIN_ADDRESS_LENGTH = 200
_PHONE_CHARACTERS = re.compile(r"\+[0-9 ().\-/\u00a0]+")
_URL = re.compile(r"https?://[^\s/?#@:]+\.[^\s/?#@:.]{2,}(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE)
_TAX_NUMBER = re.compile(r"(?=.*\d)[A-Za-z0-9](?:[A-Za-z0-9 ./\-]{2,28})[A-Za-z0-9]")


def email_fault(text: str) -> str:
    """Check an e-mail address by its syntax alone; no name server is asked."""
    local, at, domain = text.rpartition("@")
    plain = len(local) <= _LOCAL_LENGTH and len(text) <= _PLAIN_ADDRESS_LENGTH and _PLAIN_LOCAL.fullmatch(local)
    if at and plain and not _email_library_fault(f"a@{domain}"):
        return ""
    if "@" not in text:
        return "not an e-mail address (no @-sign)"
    if not text.startswith('"') and text.count("@") > 1:
        signs = "two" if text.count("@") == 2 else text.count("@")
        return f"not an e-mail address ({signs} @-signs)"
    fault = _email_library_fault(text)
    return f"not an e-mail address ({fault})" if fault else ""


@lru_cache(maxsize=8192)
def _email_library_fault(text: str) -> str:
    # Imported where it is used: 45 ms that a mapping without e-mails need not pay.
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(text, check_deliverability=False)
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
    return _phone_library_fault(text)


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
