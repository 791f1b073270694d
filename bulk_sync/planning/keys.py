"""From a row's keys to the record it is for: normal forms, an index built page by page, and what can go wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from bulk_sync.errors import Problem
from bulk_sync.planning import codes
from bulk_sync.planning.values import is_custom, shown_value
from bulk_sync.records import Json

HINTS = 50
"""Rows without a match that get the nearest keys named: looking for them means reading every key."""

_NEAR = 3

SHOWN_CANDIDATES = 5

_EXTENSION = re.compile(r"(?:;\s*ext\s*=|\bext(?:ension)?\b\.?|[x#])\s*(\d+)\s*$", re.IGNORECASE)


def normal_key(by: str, value: Json) -> str:
    """Return the normal form of a key, '' where there is none.

    ``by`` is id, number, email, phone, name or a custom field. Ids and custom fields keep their letter case
    (other systems' ids depend on it); numbers of phones are compared by digits, with or without + or 00.

    >>> normal_key("email", " Mailto:Ali@Example.COM "), normal_key("phone", "+971 (0)50-123 ext. 7")
    ('ali@example.com', '97150123x7')
    >>> normal_key("name", "AL  Noor"), normal_key("number", "con001"), normal_key("cf_erp", 17.0)
    ('al noor', 'CON001', '17')
    """
    text = _plain_text(value)
    if not text:
        return ""
    return _FORMS.get(by, _same)(text)


def _plain_text(value: Json) -> str:
    """Spell a value as one line of text: numbers without a needless fraction, white space single."""
    if value is None or isinstance(value, list | tuple | Mapping):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(unicodedata.normalize("NFC", str(value)).split())


def _same(text: str) -> str:
    return text


def _email(text: str) -> str:
    return text.casefold().removeprefix("mailto:")


def _phone(text: str) -> str:
    text = text.casefold().removeprefix("tel:").replace("(0)", "")
    extension = ""
    if found := _EXTENSION.search(text):
        text, extension = text[: found.start()], "x" + found.group(1)
    digits = "".join(str(unicodedata.decimal(sign)) for sign in text if sign.isdecimal())
    return digits.removeprefix("00") + extension if digits else ""


def _name(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


_FORMS: Mapping[str, Callable[[str], str]] = {
    "number": str.upper,
    "email": _email,
    "phone": _phone,
    "name": _name,
}


def record_key(record: Mapping[str, Json], by: str) -> str:
    """Return the normal form of a record's own key; a person without ``name`` is known by first and last name."""
    if is_custom(by):
        return normal_key(by, shown_value(record, by, readable=())[1])
    key = normal_key(by, record.get(by))
    if not key and by == "name":
        parts = (_plain_text(record.get("firstName")), _plain_text(record.get("lastName")))
        return normal_key(by, " ".join(parts))
    return key


class Match(NamedTuple):
    """What a row's keys lead to.

    ``record_id`` is '' unless found; ``candidates`` are the ids where there are several. ``code`` (one of
    ``PLANNING_CODES``), ``message`` and ``hint`` say what is wrong; ``key`` is the entry of ``match`` at fault, from 0.
    """

    outcome: Literal["found", "none", "several", "disagree", "blank"]
    record_id: str = ""
    candidates: tuple[str, ...] = ()
    code: str = ""
    message: str = ""
    hint: str = ""
    key: int = 0

    def problem(self, *, row: int, value: str) -> Problem:
        """Return the finding as a problem of its row; not for one that is found."""
        return Problem(code=self.code, message=self.message, hint=self.hint, row=row, value=value)


class KeyIndex:
    """Which clients have which keys.

    ``kinds`` are the ``by`` of the mapping's ``match``, in order. Built incrementally from pages; keeps the
    keys, the ids and a label of each record, not the records. Answers are final only after the whole listing
    (or, for a single ``id``, once the id was seen). Not ``whole``: there are clients that it will not be shown.
    """

    def __init__(self, kinds: Sequence[str], *, whole: bool = True) -> None:
        if not kinds:
            raise ValueError("at least one kind of key")
        self._kinds = tuple(kinds)
        self._nobody = ": no client has it" if whole else ""
        self._owners: tuple[dict[str, tuple[str, ...]], ...] = tuple({} for _ in kinds)
        self._labels: dict[str, str] = {}
        self._hints_left = HINTS

    def __len__(self) -> int:
        """Return the number of records seen."""
        return len(self._labels)

    def __contains__(self, record_id: object) -> bool:
        """Whether a record was seen."""
        return record_id in self._labels

    def add(self, records: Iterable[Mapping[str, Json]]) -> None:
        """Take in records; one that was seen before (a listing may repeat some) is not taken twice."""
        for record in records:
            record_id = str(record["id"])
            if record_id in self._labels:
                continue
            self._labels[record_id] = str(record.get("name") or record.get("number") or "")
            for kind, owners in zip(self._kinds, self._owners, strict=True):
                if key := record_key(record, kind):
                    owners[key] = (*owners.get(key, ()), record_id)

    def candidates(self, key: str, *, kind: int = 0) -> tuple[str, ...]:
        """Return the ids of the records with a key (as text, in any form); ``kind`` counts from 0."""
        return self._owners[kind].get(normal_key(self._kinds[kind], key), ())

    def find(self, keys: Sequence[str]) -> Match:
        """Return the record that a row's keys lead to: the first finds, the others must agree.

        A blank other key agrees with anything; a blank first key finds nothing.
        """
        kind, text = self._kinds[0], keys[0]
        if not normal_key(kind, text):
            return Match("blank", code=codes.KEY_BLANK, message=f"no {kind} to find the client by{_quoted(text)}")
        found = self.candidates(text)
        if not found:
            return self._none(text)
        if len(found) > 1:
            return self._several(text, found)
        return self._agreed(keys, found[0])

    def _none(self, text: str) -> Match:
        hint = ""
        if self._hints_left > 0:
            self._hints_left -= 1
            near = nearest_keys(normal_key(self._kinds[0], text), self._owners[0].keys())
            names = [self._named(self._owners[0][key][0], key) for key in near]
            hint = f"nearest: {', '.join(names)}" if names else ""
        message = f"no client has the {self._kinds[0]} {text.strip()!r}"
        return Match("none", code=codes.NO_MATCH, message=message, hint=hint)

    def _several(self, text: str, found: tuple[str, ...]) -> Match:
        return Match(
            "several",
            candidates=found,
            code=codes.SEVERAL_MATCHES,
            message=f"{len(found)} clients have the {self._kinds[0]} {text.strip()!r}: {self._listed(found)}",
            hint="match by id, or make the key unique in the CRM",
        )

    def _agreed(self, keys: Sequence[str], record_id: str) -> Match:
        for place in range(1, len(self._kinds)):
            kind, text = self._kinds[place], keys[place]
            if not normal_key(kind, text):
                continue
            owners = self.candidates(text, kind=place)
            if record_id not in owners:
                who = f": it is that of {self._listed(owners)}" if owners else self._nobody
                first = f"{self._kinds[0]} {keys[0].strip()!r} finds {self._named(record_id)}"
                return Match(
                    "disagree",
                    candidates=(record_id, *owners),
                    code=codes.KEYS_DISAGREE,
                    message=f"{first}, whose {kind} is not {text.strip()!r}{who}",
                    hint="correct the row, or leave the key out of match",
                    key=place,
                )
        return Match("found", record_id=record_id)

    def _listed(self, ids: tuple[str, ...]) -> str:
        named = ", ".join(self._named(record_id) for record_id in ids[:SHOWN_CANDIDATES])
        return f"{named} and {len(ids) - SHOWN_CANDIDATES} more" if len(ids) > SHOWN_CANDIDATES else named

    def _named(self, record_id: str, key: str = "") -> str:
        label = self._labels[record_id]
        parts = [part for part in (key if key != record_id else "", label) if part]
        return f"{record_id} ({', '.join(parts)})" if parts else record_id


def agrees(record: Mapping[str, Json], kinds: Sequence[str], keys: Sequence[str]) -> Match:
    """Check all keys of a row against a record that was read by its id (``--read each``).

    The first key is the id it was read by, so only the others can disagree.
    """
    index = KeyIndex(kinds, whole=False)
    index.add([record])
    return index.find(keys)


def _quoted(text: str) -> str:
    return f" in {text.strip()!r}" if text.strip() else ""


def nearest_keys(key: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the keys most like one that nobody has, best first; none where nothing is like it."""
    # Imported here: only a run with an unknown key needs it.
    from rapidfuzz import fuzz, process

    found = process.extract(key, known, scorer=fuzz.ratio, limit=_NEAR, score_cutoff=75)
    return tuple(name for name, _, _ in found)
