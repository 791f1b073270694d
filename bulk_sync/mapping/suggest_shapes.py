"""What the values of a column look like: e-mails, phones, URLs, ids, countries, dates, numbers, names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from bulk_sync.mapping.transforms.country import find_country
from bulk_sync.mapping.transforms.text import strip_margin

_MANY = 0.7
_NOTHING = frozenset(["-", "--", "n/a", "na", "#n/a", "none", "null", "nil", "n.a.", "tbd", "?", "k.a.", "unknown"])
_SALUTATIONS = frozenset(
    ["mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau", "m", "mme", "mlle", "sr", "sra", "sig", "dhr", "mevr"]
)
_TYPES = frozenset(
    ["company", "contact", "business", "individual", "person", "organization", "organisation", "b2b", "b2c"]
)
_STATUSES = frozenset(
    ["active", "inactive", "open", "closed", "new", "won", "lost", "pending", "draft", "done", "enabled", "disabled"]
)
_LEGAL = re.compile(
    r"\b(?:llc|ltd|limited|inc|corp|gmbh|ag|kg|sarl|sas|s\.?a|s\.?r\.?l|spa|bv|nv|fze|fzco|fz|wll|plc|pvt|co|group|trading"
    r"|holding|services|solutions|consulting|industries|general|company|est|a\.?ş|ооо|зао|sp\. z o\.o|شركة|مؤسسة)\b",
    re.IGNORECASE,
)
_BOOLEANS = frozenset(
    ["yes", "no", "true", "false", "y", "n", "ja", "nein", "oui", "non", "si", "sí", "x", "evet", "hayır"]
)
_DATE = re.compile(r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[ T]\d{1,2}:\d{2}.*)?")
_TIME = re.compile(r".*\d[ T]\d{1,2}:\d{2}.*")
_PHONE = re.compile(r"\+?[\d\s().\-/\u00a0]{6,24}")


class Shape(NamedTuple):
    """What a column's values look like: how many there are, and what share of them has each form."""

    seen: int
    shares: Mapping[str, float]

    def share(self, form: str) -> float:
        """Return the share of the values that have a form."""
        return self.shares.get(form, 0.0)

    def mostly(self, form: str) -> bool:
        """Whether seven in ten values have a form."""
        return self.share(form) >= _MANY


def _is_phone(text: str) -> bool:
    digits = sum(char.isdigit() for char in text)
    return bool(_PHONE.fullmatch(text)) and 7 <= digits <= 15 and not _DATE.fullmatch(text)


def _is_person(text: str) -> bool:
    parts = text.replace(",", " ").split()
    named = all(part[:1].isalpha() and not any(c.isdigit() or c in "&/@" for c in part) for part in parts)
    return 2 <= len(parts) <= 4 and named and parts[0][:1].isupper() and not _LEGAL.search(text)


def _is_upper(text: str) -> bool:
    return len(text) > 3 and text.isupper()


_FORMS: Mapping[str, Callable[[str], object]] = {
    "id": re.compile(r"clt_\w+").fullmatch,
    "email": re.compile(r"(?:mailto:)?[^@\s]+@[^@\s]+\.\w{2,}", re.IGNORECASE).fullmatch,
    "url": re.compile(r"https?://\S+|www\.\S+|(?:[a-z0-9\-]+\.)+[a-z]{2,}(?:/\S*)?", re.IGNORECASE).fullmatch,
    "scheme": re.compile(r"https?://\S+", re.IGNORECASE).fullmatch,
    "phone": _is_phone,
    "plus": lambda text: text.startswith("+"),
    "e164": re.compile(r"\+\d{7,15}").fullmatch,
    "dialled": re.compile(r"(?:\+|00|0|\().*").fullmatch,
    "date": _DATE.fullmatch,
    "timed": lambda text: _DATE.fullmatch(text) and _TIME.fullmatch(text),
    "number": re.compile(r"-?(?!0\d)[\d.,]+").fullmatch,
    "boolean": lambda text: text.casefold() in _BOOLEANS,
    "status": lambda text: text.casefold() in _STATUSES,
    "country": lambda text: len(text) <= 50 and find_country(text) is not None,
    "salutation": lambda text: text.casefold().split(".")[0].split(" ")[0] in _SALUTATIONS,
    "type": lambda text: text.casefold() in _TYPES,
    "exact_type": lambda text: text in ("company", "contact"),
    "company": _LEGAL.search,
    "person": _is_person,
    "upper": _is_upper,
    "display": lambda text: "<" in text or text[:7].lower() == "mailto:",
    "spaced": lambda text: "  " in text or "\n" in text or "\t" in text,
    "long": lambda text: len(text) > 60 or text.count(" ") > 7,
    "tax_number": re.compile(r"(?=(?:.*\d){3})[A-Za-z0-9 ./\-]{5,}").fullmatch,
    "code": re.compile(r"[A-Za-z0-9 ./\-]*\d[A-Za-z0-9 ./\-]*").fullmatch,
}


def is_nothing(text: str) -> bool:
    """Whether a text is a word for nothing, such as ``-`` or ``n/a``."""
    return text.casefold() in _NOTHING


def shape_of(values: Sequence[str]) -> Shape:
    """Measure what the values look like; blanks and words for nothing do not count."""
    texts = [text for value in values if (text := strip_margin(value)) and not is_nothing(text)]
    found: Counter[str] = Counter()
    for text in texts:
        found.update(form for form, test in _FORMS.items() if test(text))
    return Shape(len(texts), {form: number / len(texts) for form, number in found.items()})
