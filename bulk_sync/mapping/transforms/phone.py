"""The ``phone`` transform: a valid number, in E.164, or a problem that says why not."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from bulk_sync.mapping.transforms.shapes import (
    Example,
    Transform,
    TransformInfo,
    TransformMistake,
    TransformProblem,
    per_text,
    shown,
)
from bulk_sync.mapping.transforms.text import ascii_digits

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_CACHED = 65_536
_LABEL = re.compile(r"^(?:tel|phone|mobile|mob|cell|ph|whatsapp)\s*[.:]*\s*(?=[+(\d])", re.IGNORECASE)
_EXTENSION = re.compile(
    r"(?:;ext=|,|\b(?:extension|extn|ext|x|durchwahl|dw|доб)(?![^\W\d_])\.?:?|#)\s*\d{1,7}$", re.IGNORECASE
)
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u061c]")
_NUMBER = re.compile(r"[+\d][\d\s().\-/‐-―−~]*")
_SEVERAL = re.compile(r"\d{5,}\s*(?:[,;&|]|/|\bor\b|\band\b)\s*[+(\d][\d ()\-]{5,}", re.IGNORECASE)


def _phone(option: str | None) -> Transform:
    import phonenumbers  # 60 ms that a mapping without phones need not pay

    if option is not None and option not in phonenumbers.SUPPORTED_REGIONS:
        raise TransformMistake(
            f"phone: {option!r} is not a region with phone numbers",
            hint="GB is the United Kingdom" if option == "UK" else "two capital letters such as AE, GB, DE",
            path=("phone",),
        )
    return per_text(lru_cache(maxsize=_CACHED)(lambda text: to_e164(text, option)))


def to_e164(text: str, region: str | None) -> str | TransformProblem:
    """Write a phone number in E.164. Without a region it must begin with + or 00."""
    plain = _LABEL.sub("", _INVISIBLE.sub("", ascii_digits(text)).replace("＋", "+")).strip()
    fault = _form_fault(plain)
    if fault:
        return TransformProblem("bad_phone", f"{shown(text)} is not a phone number ({fault[0]})", fault[1])
    for candidate, where in _readings(plain, region):
        written = _valid(candidate, where)
        if written and (other := _with_its_code(candidate, written)):
            return TransformProblem(
                "bad_phone",
                f"{shown(text)} may be {other} or {written}",
                "write + before the country code, or the 0 that begins a number within the country",
            )
        if written:
            return written
    return TransformProblem("bad_phone", f"{shown(text)} {_why(plain, region)}", _hint(plain, region))


def _form_fault(text: str) -> tuple[str, str] | None:
    """Say what in a text's form makes it more, or less, than one number."""
    if _SEVERAL.search(text):
        return "it seems to hold several", "keep one, with {split: {on: /, part: 1}} for the first"
    if _EXTENSION.search(text):
        return "an extension cannot be kept in E.164", "take it off, or send it to a field of its own"
    if any(char.isalpha() for char in text):
        return "it has letters", ""
    # A national number's leading ( is common; the libraries' own reader would drop what it does not know.
    if not _NUMBER.fullmatch(text.removeprefix("(")):
        return "it has other signs than digits, spaces and ( ) . - /", ""
    return None


def _readings(text: str, region: str | None) -> list[tuple[str, str | None]]:
    """Give the ways to read a text, the likeliest first: as it is, then 00 as the sign for +."""
    readings: list[tuple[str, str | None]] = []
    if region or text.startswith("+"):
        readings.append((text, region))
    if text.startswith("00"):
        readings.append(("+" + text[2:], None))
    return readings


def _valid(text: str, region: str | None) -> str:
    """Return a valid number in E.164, '' for any other text."""
    import phonenumbers

    number = _parsed(text, region)
    valid = number is not None and phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if number and valid else ""


def _with_its_code(text: str, written: str) -> str:
    """Return the other number that a text means if it begins with the country's code, to which one was added; or ''.

    4915112345678 is a German mobile phone whose + is missing, and also a number of an area that begins with 49.
    """
    digits = "".join(filter(str.isdigit, text))
    added = written.removesuffix(digits).removeprefix("+")
    doubled = added and added != written[1:] and digits.startswith(added)
    return _valid(f"+{digits}", None) if doubled else ""


def _parsed(text: str, region: str | None) -> PhoneNumber | None:
    import phonenumbers

    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _why(text: str, region: str | None) -> str:
    import phonenumbers

    if not region and not text.startswith(("+", "00")):
        return "has no country code"
    readings = _readings(text, region)
    number = _parsed(*readings[0]) if readings else None
    if number is None:
        return "is not a phone number"
    reason = phonenumbers.is_possible_number_with_reason(number)
    words = {
        phonenumbers.ValidationResult.TOO_SHORT: "has too few digits",
        phonenumbers.ValidationResult.TOO_LONG: "has too many digits",
        phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its area code",
    }
    calling_code = number.country_code or 0
    place = phonenumbers.region_code_for_country_code(calling_code)
    country = place if place not in {"ZZ", "001"} else f"+{calling_code}"
    return words.get(reason, "is not a number in use") + f" for {country}"


def _hint(text: str, region: str | None) -> str:
    if region and not text.startswith(("+", "00")):
        return f"numbers of other countries than {region} need + and the country code"
    return "" if region else "name the country of such numbers: {phone: AE}"


INFOS = (
    TransformInfo(
        name="phone",
        summary="Write a phone number in E.164; it must be valid",
        option="region (two letters) of numbers without a country code; without it + or 00 is needed",
        schema={"type": "string", "minLength": 2, "maxLength": 2},
        build=_phone,
        examples=(
            Example("AE", "050 123 4567", "+971501234567"),
            Example("AE", "00971 50 123 4567", "+971501234567"),
            Example("AE", "971501234567", "+971501234567"),
            Example("AE", "+44 20 7946 0958", "+442079460958"),
            Example(None, "+971 (50) 123-4567", "+971501234567"),
            Example("AE", "٠٥٠١٢٣٤٥٦٧", "+971501234567"),
            Example("AE", "050 123", "bad_phone", problem=True),
            Example("AE", "04 123 4567 ext 12", "bad_phone", problem=True),
            Example(None, "050 123 4567", "bad_phone", problem=True),
        ),
    ),
)
CODES = {
    "bad_phone": "not a possible phone number that begins with +, nor a valid one that the phone transform can complete"
}
