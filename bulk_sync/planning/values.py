"""When two values are the same value, and where an answer shows a field.

One definition for everybody who compares: the differ (is there anything to send?), sending (did the API store
what was sent?), undo (does the record still have what the run left there?).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeGuard

from bulk_sync.records import Json

_OWN_EQUALS = frozenset({str, type(None)})
"""Types whose values equal none of another type, as True does 1."""

CUSTOM_PREFIX = "cf_"
CUSTOM_FIELDS = "customFields"
"""Where v1 answers keep custom fields; whether with the prefix is undocumented, so both are read."""


def is_custom(field: str) -> bool:
    """Whether a payload's top-level name is a custom field."""
    return field.startswith(CUSTOM_PREFIX)


def is_object(value: Json) -> TypeGuard[Mapping[str, Json]]:
    """Whether a value is a JSON object."""
    return isinstance(value, (dict, Mapping))  # the plain type first: the abstract class takes ten times as long


def is_list(value: Json) -> TypeGuard[Sequence[Json]]:
    """Whether a value is a JSON array (a text is a sequence too, but no array)."""
    return isinstance(value, list | tuple)


def is_empty(value: Json) -> bool:
    """Whether a value is nothing: null and ``""``. An absent field is told as None."""
    return value is None or value == ""


def emptied(payload: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the fields of a payload that are sent empty."""
    # Truth first: the call is then for few values, and a list is made in half of a generator's time.
    return tuple([field for field, value in payload.items() if not value and is_empty(value)])


def same_value(sent: Json, shown: Json, *, loose: bool = False) -> bool:
    """Whether what was (or would be) sent and what the record shows are one value.

    null, ``""`` and absent are one; numbers by value; text exactly, or, when ``loose``, without regard to
    white space and letter case; lists by position and objects by name, both deep. A boolean is no number, and
    the text ``"1"`` is not the number 1.

    >>> same_value(None, ""), same_value(85, 85.0), same_value(True, 1), same_value("1", 1)
    (True, True, False, False)
    >>> same_value("+971 50 1", "+971501"), same_value("+971 50 1", "+971501", loose=True)
    (False, True)
    >>> same_value({"city": "Dubai", "landmark": None}, {"city": "Dubai"})
    True
    """
    if isinstance(sent, str) and isinstance(shown, str):
        return sent == shown or (loose and loose_text(sent) == loose_text(shown))
    if type(sent) is type(shown) is int:
        return sent == shown
    if is_object(sent) and is_object(shown):
        return _same_objects(sent, shown, loose=loose)
    if is_empty(sent) or is_empty(shown):
        return is_empty(sent) and is_empty(shown)
    if is_list(sent) and is_list(shown):
        return len(sent) == len(shown) and all(
            same_value(ours, theirs, loose=loose) for ours, theirs in zip(sent, shown, strict=True)
        )
    return isinstance(sent, bool) == isinstance(shown, bool) and sent == shown


def _same_objects(sent: Mapping[str, Json], shown: Mapping[str, Json], *, loose: bool) -> bool:
    if sent == shown and _OWN_EQUALS.issuperset(map(type, sent.values())):
        return True  # as most addresses are, in a fifth of the time
    for name, ours in sent.items():
        theirs = shown.get(name)
        # Most are the same text, which saves a call.
        if not ((type(ours) is str and ours == theirs) or same_value(ours, theirs, loose=loose)):
            return False
    others = shown.keys() - sent.keys()
    return not others or all(is_empty(shown[name]) for name in others)


def field_agrees(field: str, sent: Json, shown: Json, *, loose: bool = False) -> bool:
    """Whether a record that shows ``shown`` in ``field`` already has what ``sent`` says.

    As :func:`same_value`, but for a unit such as billingAddress only the parts that are sent count: a part left
    out says nothing about it. A custom field whose value is an object is compared whole.

    >>> field_agrees("billingAddress", {"city": "Dubai"}, {"city": "Dubai", "country": "AE"})
    True
    """
    if isinstance(sent, str) or is_custom(field) or not (is_object(sent) and is_object(shown)):
        return same_value(sent, shown, loose=loose)
    return all(same_value(part, shown.get(name), loose=loose) for name, part in sent.items())


def loose_text(text: str) -> str:
    """Return a text without its white space and letter case, as ``compare: loose`` sees it."""
    return "".join(text.split()).casefold()


def readable_in(answer: Mapping[str, Json], readable: Collection[str]) -> Collection[str]:
    """Return which plain fields the answer to a change shows even where their keys are absent.

    None, where it is an excerpt: some servers answer with the id alone, or with what they have changed. A whole
    client has its name.

    >>> readable_in({"id": "clt_1"}, {"email"}), readable_in({"id": "clt_1", "name": "Acme"}, {"email"})
    ((), {'email'})
    """
    return readable if "name" in answer else ()


def shown_value(record: Mapping[str, Json], field: str, *, readable: Collection[str]) -> tuple[bool, Json]:
    """Return whether an answer shows a field, and its value (None where it is null or absent).

    ``record`` is a client as the API answered it, ``field`` a payload's top-level name, ``readable`` the
    plain fields that answers show: such a field is shown even where its key is absent, for the API leaves out
    what is null. A field that is there is shown, readable or not (v2 answers show more than v1's). A custom
    field is shown by an answer that has ``customFields``, null included, or any ``cf_…`` at the top level
    (v2); an answer with neither shows none.

    >>> shown_value({"customFields": {"tier": "Gold"}}, "cf_tier", readable=())
    (True, 'Gold')
    >>> shown_value({"id": "clt_1"}, "cf_tier", readable=()), shown_value({}, "email", readable={"email"})
    ((False, None), (True, None))
    """
    if field in record:
        return True, record[field]
    if not is_custom(field):
        return field in readable, None
    if CUSTOM_FIELDS not in record:
        return any(is_custom(name) for name in record), None
    nested = record[CUSTOM_FIELDS]
    if not is_object(nested):
        return True, None
    if field in nested:
        return True, nested[field]
    return True, nested.get(field.removeprefix(CUSTOM_PREFIX))
