"""What may be sent: values and payloads checked before the API sees them.

The definition is the resource's pydantic model; this is the same compiled to one small function a field, since
a model for each of a million rows costs ten times as much. A property test shows that both agree.
Validation never changes a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bulk_sync.mapping.cells import is_clean, text_finding
from bulk_sync.mapping.findings import Finding
from bulk_sync.mapping.transforms.options import did_you_mean
from bulk_sync.records import Json
from bulk_sync.resources.fields import Field
from bulk_sync.resources.formats import email_fault, phone_fault, tax_number_fault, website_fault

Check = Callable[[Json], Finding | None]


def check_for(field: Field) -> Check:
    """Return the check of a field's values. None and "" (clearing) are not its business."""
    return _CHECKS[field.kind](field)


def _any(_field: Field) -> Check:
    def check(value: Json) -> Finding | None:
        return text_finding(value) if isinstance(value, str) else None

    return check


def _text(_field: Field) -> Check:
    def check(value: Json) -> Finding | None:
        if type(value) is str and is_clean(value):
            return None
        return text_finding(value) if isinstance(value, str) else _not_text()

    return check


def _choice(field: Field) -> Check:
    def check(value: Json) -> Finding | None:
        if value in field.choices:
            return None
        hint = did_you_mean(str(value), field.choices) or "use `map` to turn the sheet's words into these"
        return Finding("bad_choice", f"not one of {', '.join(field.choices)}", hint, str(value))

    return check


def _formed(code: str, fault: Callable[[str], str], hint: str, *, warns: bool = False) -> Callable[[Field], Check]:
    def check(value: Json) -> Finding | None:
        if not isinstance(value, str):
            return _not_text()
        message = fault(value)
        if not message:
            return None
        return text_finding(value) or Finding(code, message, hint, value, "warning" if warns else "error")

    return lambda _field: check


def _not_text() -> Finding:
    return Finding("not_text", "not a text")


_CHECKS: Mapping[str, Callable[[Field], Check]] = {
    "any": _any,
    "text": _text,
    "choice": _choice,
    "email": _formed("bad_email", email_fault, "correct the address in the source"),
    "phone": _formed("bad_phone", phone_fault, "the transform {phone: AE} completes and checks numbers of a country"),
    "website": _formed("website_form", website_fault, "the transform url completes addresses", warns=True),
    "tax_number": _formed("tax_number_form", tax_number_fault, "check it against the original", warns=True),
}

CLEAN_SUFFICES = frozenset({"text", "any"})
"""The kinds of field whose checks find nothing in a clean text."""

NAMED_BY: Mapping[str, str] = {"company": "name", "contact": "firstName"}
"""The type of a client → the field that names it."""

_UNNAMED = {
    "company": Finding(
        "company_without_name",
        "the row makes the client a company and gives it no name",
        "fill in the name, unless the client already has one",
        severity="warning",
    ),
    "contact": Finding(
        "contact_without_first_name",
        "the row makes the client a contact and gives it no first name",
        "fill in the first name, unless the client already has one",
        severity="warning",
    ),
}


def type_finding(payload: Mapping[str, Json]) -> tuple[str, Finding] | None:
    """Find a payload that sets a type without the name that goes with it; the finding comes with that field."""
    kind = str(payload.get("type"))
    field = NAMED_BY.get(kind)
    return None if field is None or field in payload else (field, _UNNAMED[kind])


def cannot_clear(name: str, text: str = "") -> Finding:
    """Say that a field cannot be cleared."""
    return Finding(
        "cannot_clear",
        f"{name} cannot be cleared: the API does not let it be null",
        "delete the word from the cell, or set `clear_as: empty` on the field to send an empty text",
        text,
    )
