"""The clients resource: its table, its model and the API's description say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from bulk_sync.resources import RESOURCES, get_resource
from bulk_sync.resources.clients import BillingAddress, ClientPatch, PrimaryContact

clients = get_resource("clients")


def test_the_table_and_the_model_have_the_same_fields() -> None:
    """Shows that no field is in one and not in the other, the units' parts included."""
    flat = {name for name in clients.fields if "." not in name}
    assert flat | set(clients.units) == set(ClientPatch.model_fields)
    assert set(clients.units["billingAddress"]) == set(BillingAddress.model_fields)
    assert set(clients.units["primaryContact"]) == set(PrimaryContact.model_fields)


def test_null_is_allowed_where_the_table_says_so() -> None:
    """Shows that table and model agree on what may be null: email, website, taxNumber, custom fields."""
    for name in (*ClientPatch.model_fields, "cf_a"):
        field = clients.field(name)
        try:
            ClientPatch.model_validate({name: None})
        except ValidationError:
            assert field is None or not field.nullable
        else:
            assert field is not None
            assert field.nullable
    assert {name for name, field in clients.fields.items() if field.nullable} == {"email", "website", "taxNumber"}


def test_the_table_has_every_field_of_the_api() -> None:
    """Shows that the API's description of a PATCH body and the table name the same fields."""
    path = Path(__file__).parents[2].parent / "shared" / "heffl-v1.openapi.yaml"
    if not path.is_file():
        pytest.skip("the API's description is not beside the repository")
    schemas = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["components"]["schemas"]
    described = set()
    for name in schemas["ClientFields"]["properties"]:
        unit = name[0].upper() + name[1:]
        parts = schemas[unit]["properties"] if unit in schemas and "properties" in schemas[unit] else None
        described |= {f"{name}.{part}" for part in parts} if parts else {name}
    assert described == set(clients.fields)


@pytest.mark.parametrize(
    "payload",
    [
        {"nmae": "x"},
        {"cf_": 1},
        {"type": "firm"},
        {"name": 5},
        {"name": None},
        {"email": "a@@b"},
        {"phone": "0501234567"},
        {"billingAddress": {"town": "x"}},
        {"billingAddress": None},
        {"primaryContact": {"email": "x"}},
    ],
)
def test_what_the_model_refuses(payload: dict[str, object]) -> None:
    """Shows bodies that are never sent."""
    with pytest.raises(ValidationError):
        ClientPatch.model_validate(payload)


def test_what_is_not_given_is_not_sent() -> None:
    """Shows that a body holds only what was given, custom fields at the top level."""
    body = {"email": None, "billingAddress": {"city": "Muscat"}, "cf_tags": ["a", 1]}
    assert ClientPatch.model_validate(body).model_dump(exclude_unset=True) == body


def test_fields_by_name() -> None:
    """Shows the look-up of plain, nested, custom and unknown fields, and what answers show."""
    city = clients.field("billingAddress.city")
    assert city is not None
    assert (city.top, city.part, city.shown, city.nullable) == ("billingAddress", "city", False, False)
    custom = clients.field("cf_tier")
    assert custom is not None
    assert (custom.top, custom.kind, custom.nullable) == ("cf_tier", "any", True)
    assert (clients.field("cf_"), clients.field("town")) == (None, None)
    assert clients.readable == {"type", "name", "firstName", "lastName", "phone", "email", "website"}
    assert list(RESOURCES) == ["clients"]
