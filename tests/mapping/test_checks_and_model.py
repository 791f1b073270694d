"""The compiled checks and the pydantic model of a payload refuse the same."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bulk_sync.mapping.findings import Finding
from bulk_sync.mapping.validator import cannot_clear, check_for
from bulk_sync.resources import get_resource
from bulk_sync.resources.fields import Field, Resource

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
clients = get_resource("clients")
names = st.sampled_from(
    [*clients.readable, "salutation", "jobTitle", "taxNumber", "cf_a", "cf_", "nonsense", *clients.units]
)
likely = st.sampled_from(
    ["company", "contact", "Acme", "a@b.com", "a@@b", "+971501234567", "+9715", "0501234567", "", None, "https://a.ae"]
)
unit_values = st.dictionaries(
    st.sampled_from(["city", "country", "email", "phone", "firstName", "x"]), likely, max_size=3
)


def payload_findings(resource: Resource, payload: Mapping[str, object]) -> list[tuple[str, Finding]]:
    """Check a whole payload by the functions that the mapper uses value by value."""
    found: list[tuple[str, Finding]] = []
    for name, value in payload.items():
        if name in resource.units:
            found += _unit_findings(resource, name, value)
        else:
            found += _value_findings(resource.field(name), name, value)
    return found


def _unit_findings(resource: Resource, unit: str, value: object) -> list[tuple[str, Finding]]:
    if not isinstance(value, Mapping):
        return [(unit, Finding("not_text", f"{unit} is an object with parts"))]
    found: list[tuple[str, Finding]] = []
    for part, item in value.items():
        name = f"{unit}.{part}"
        found += _value_findings(resource.field(name), name, item)
    return found


def _value_findings(field: Field | None, name: str, value: object) -> list[tuple[str, Finding]]:
    if field is None:
        return [(name, Finding("bad_choice", "unknown field"))]
    if value is None:
        return [] if field.nullable else [(name, cannot_clear(name))]
    finding = check_for(field)(value)  # type: ignore[arg-type]  # JSON by construction
    return [(name, finding)] if finding else []


@settings(max_examples=100)
@given(st.dictionaries(names, st.one_of(likely, unit_values, json_values), max_size=4))
def test_the_checks_and_the_model_agree(payload: dict[str, object]) -> None:
    """Shows that the compiled checks refuse what the pydantic model refuses, and nothing else.

    What no payload of the mapper has is left out: control characters and half surrogates.
    """
    if any(not text.isprintable() for text in _texts(payload)):
        return
    findings = payload_findings(clients, payload)
    refused = [name for name, finding in findings if finding.severity == "error"]
    try:
        clients.model.model_validate(payload)
    except ValidationError:
        assert refused
    else:
        assert not refused


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in _texts(item)]
    return []
