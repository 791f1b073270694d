"""What a header says by its words: the field that it means, how surely, and why."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from bulk_sync.mapping import suggest_words as words

_CONTACT_PARTS = ("firstName", "lastName", "fullName", "salutation", "email", "phone", "jobTitle", "title")
_COMPOUNDS = {
    "billing": ("rechnungs", "invoice", "billing", "factuur"),
    "contact": ("ansprechpartner", "kontakt", "contact"),
    "": ("firmen", "kunden", "geschafts", "company", "customer", "client", "klant", "bedrijfs"),
}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ARABIC = str.maketrans("أإآةى", "اااهي")
_GENERIC = ("id", "number", "type", "title")
"""Words that stand in many headers and mean the field only alone."""
_FUZZY_LENGTH = 5
_FUZZY_CUTOFF = 84


class HeaderReading(NamedTuple):
    """What a header means. ``target`` is '' for nothing known; ``score`` is between 0 and 1, ``why`` for people."""

    target: str
    score: float
    why: str


def header_words(header: str) -> tuple[str, ...]:
    """Cut a header into words without case, accents and signs.

    >>> header_words("Tel. (mobile)"), header_words("billing_postalCode"), header_words("N° TVA")
    (('tel', 'mobile'), ('billing', 'postal', 'code'), ('no', 'tva'))
    """
    text = _CAMEL.sub(" ", header).replace("°", "o").replace("#", " no ").replace("’", "'").replace("ı", "i")
    text = re.sub(r"'s\b", "", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in text)
    return tuple(unicodedata.normalize("NFC", plain.translate(_ARABIC)).split())


def read_header(header: str) -> HeaderReading:
    """Tell what a header means, by its words alone."""
    said = header_words(header)
    whole = "".join(said)
    weak = _weak_phrases().get(whole)
    if weak:
        return HeaderReading(weak, 0.6, f'"{header}" may mean {_name(weak)}')
    known = _phrases().get(whole)
    if known:
        contact = bool(_folded("CONTACT") & set(said)) and known == "fullName"
        return HeaderReading(_placed(known, contact=contact), 1.0, f'"{header}" means {_name(known)}')
    return _by_parts(header, said) or _by_likeness(header, said) or _something_else(header, said)


def _by_parts(header: str, said: tuple[str, ...]) -> HeaderReading | None:
    """Read a header as a known phrase among words that say whose it is, or that say little."""
    split = _uncompounded(said)
    billing, contact, other = (bool(_folded(kind) & set(split)) for kind in ("BILLING", "CONTACT", "OTHER_PLACE"))
    placing = _folded("BILLING") | _folded("CONTACT") | _folded("OTHER_PLACE")
    rest = tuple(word for word in split if word not in placing)
    bare = tuple(word for word in rest if word not in _folded("NEUTRAL"))
    for phrase, score in ((rest, 0.95), (bare, 0.9)):
        target = _phrases().get("".join(phrase))
        if target is None or (target == "name" and contact):
            continue
        return _weighed(header, target, score, billing=billing, contact=contact, other=other)
    if contact and rest in ((), ("name",)):
        return HeaderReading("primaryContact.fullName", 0.9, f'"{header}" means the contact\'s name')
    return _contained(header, rest, billing=billing, contact=contact, other=other)


def _weighed(header: str, target: str, score: float, *, billing: bool, contact: bool, other: bool) -> HeaderReading:
    placed = _placed(target, contact=contact)
    why = f'"{header}" means {_name(target)}'
    if other and target.startswith("billingAddress."):
        return HeaderReading(placed, 0.3, f'"{header}" is of a delivery address, which the API has not')
    if (contact and target.startswith("billingAddress.")) or (billing and not target.startswith("billingAddress.")):
        return HeaderReading(placed, min(score, 0.6), f"{why}, but of whom is not clear")
    return HeaderReading(placed, score, why)


def _contained(
    header: str, rest: tuple[str, ...], *, billing: bool, contact: bool, other: bool
) -> HeaderReading | None:
    """Find the longest known phrase among neighbouring words; what is left over decides how much it is worth."""
    for length in range(len(rest) - 1, 0, -1):
        for start in range(len(rest) - length + 1):
            target = _phrases().get("".join(rest[start : start + length]))
            if target is None or target in _GENERIC:
                continue
            left = set(rest[:start] + rest[start + length :])
            if left & _folded("NOT_THIS"):
                words_left = " ".join(sorted(left & _folded("NOT_THIS")))
                return HeaderReading("", 0.2, f'"{header}" resembles {_name(target)}, but says "{words_left}"')
            reading = _weighed(header, target, 0.6, billing=billing, contact=contact, other=other)
            return reading._replace(why=f'"{header}" contains the words for {_name(target)}')
    return None


def _by_likeness(header: str, said: tuple[str, ...]) -> HeaderReading | None:
    """Find a known phrase that is written nearly so."""
    text = "".join(said)
    if len(text) < _FUZZY_LENGTH or _folded("NOT_THIS") & set(said):
        return None
    from rapidfuzz import fuzz, process  # 10 ms that only a suggestion pays

    found = process.extractOne(text, _phrases().keys(), scorer=fuzz.ratio, score_cutoff=_FUZZY_CUTOFF)
    if found is None or len(found[0]) < _FUZZY_LENGTH:
        return None
    phrase, likeness, _ = found
    contact = bool(_folded("CONTACT") & set(said))
    target = _placed(_phrases()[phrase], contact=contact)
    return HeaderReading(
        target, likeness / 100 * 0.82, f'"{header}" is written much like "{phrase}", {_name(_phrases()[phrase])}'
    )


def _something_else(header: str, said: tuple[str, ...]) -> HeaderReading:
    """Say that a header is no field's, where one of its words tells; else that nothing is known of it."""
    telling = [word for word in said if word in _folded("NOT_THIS")]
    return HeaderReading("", 0.2, f'"{header}" says "{telling[0]}"') if telling else HeaderReading("", 0.0, "")


def _placed(target: str, *, contact: bool) -> str:
    return f"primaryContact.{target}" if contact and target in _CONTACT_PARTS else target


def _name(target: str) -> str:
    own = {"id": "the record's id", "number": "the client's number", "fullName": "a person's whole name"}
    return own.get(target, target)


def _uncompounded(said: tuple[str, ...]) -> tuple[str, ...]:
    """Cut words such as Rechnungsort and Firmentelefon in two, where both halves are known."""
    parts: list[str] = []
    for word in said:
        for kind, beginnings in _COMPOUNDS.items():
            begin = next((b for b in beginnings if word.startswith(b) and word[len(b) :] in _phrases()), None)
            if begin:
                parts += [*([kind] if kind else []), word[len(begin) :]]
                break
        else:
            parts.append(word)
    return tuple(parts)


def second_choice(header: str) -> bool:
    """Whether a header comes second where another fits the same field as well."""
    return bool(_folded("SECOND_CHOICE") & set(header_words(header)))


def is_po_box(header: str) -> bool:
    """Whether a header means a box at the post office."""
    return "".join(header_words(header)) in _folded("PO_BOX")


@cache
def _phrases() -> dict[str, str]:
    return _index(words.TARGETS)


@cache
def _weak_phrases() -> dict[str, str]:
    return _index(words.WEAK)


def _index(table: Mapping[str, str]) -> dict[str, str]:
    """Index every phrase, its words written together → its target; the first target that claims it has it."""
    known: dict[str, str] = {}
    for target, phrases in table.items():
        for phrase in phrases.split("|"):
            known.setdefault("".join(header_words(phrase)), target)
    return known


@cache
def _folded(kind: str) -> frozenset[str]:
    plain: frozenset[str] = getattr(words, kind)
    return frozenset("".join(header_words(word)) for word in plain)
