"""The JSON Schema of mapping files, made from the models, so that an editor completes and underlines.

Shipped as ``clients.schema.json`` beside this module; a mapping names it in its first line:
``# yaml-language-server: $schema=…``. Write it again with ``bulk-sync mapping schema``.
"""

from __future__ import annotations

import json
from typing import Any

from bulk_sync.mapping.model import MappingFile
from bulk_sync.mapping.transforms import transform_schema
from bulk_sync.resources import get_resource

_SCALAR = {"type": ["string", "number", "boolean"], "description": "The column with the value."}
_FIELD_EXAMPLES: dict[str, list[Any]] = {
    "type": [{"column": "Kind", "map": {"Firm": "company", "Person": "contact"}}, {"value": "company"}],
    "name": ["Company", {"column": "Company", "transform": ["squeeze"]}],
    "firstName": [{"column": "First name", "transform": ["title"]}],
    "lastName": ["Surname", {"template": "{Last|title} {Suffix}"}],
    "salutation": [{"column": "Title", "transform": [{"blank_if": ["-", "n/a"]}]}],
    "phone": [{"first_of": ["Mobile", "Phone"], "transform": [{"phone": "AE"}]}],
    "email": ["E-mail", {"column": "E-mail", "transform": ["lower"]}],
    "jobTitle": [{"column": "Position", "transform": [{"truncate": 80}]}],
    "website": [{"column": "Website", "transform": ["url"]}],
    "taxNumber": [{"column": "TRN", "transform": ["digits"]}],
    "country": [{"column": "Country", "transform": ["country"]}],
    "postalCode": ["PO Box", {"column": "ZIP", "transform": [{"pad": 5}]}],
}
"""Field, or part of a unit → how it may be mapped; for others the name of a column."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a mapping of clients, draft 2020-12."""
    schema = MappingFile.model_json_schema()
    definitions = schema["$defs"]
    definitions["Transform"] = transform_schema()
    definitions["Target"] = {"anyOf": [_SCALAR, {"$ref": "#/$defs/FieldMapping"}]}
    definitions["Key"] = {"anyOf": [_SCALAR, {"$ref": "#/$defs/MatchKey"}]}
    transform = definitions["FieldMapping"]["properties"]["transform"]
    one = {"$ref": "#/$defs/Transform"}
    transform.update({"anyOf": [one, {"type": "array", "items": one}]})
    transform.pop("type")
    transform.pop("items")
    properties = schema["properties"]
    described = get_resource("clients")
    properties["fields"] = {
        "type": "object",
        "description": properties["fields"]["description"],
        "properties": {
            field.name: {
                "description": field.description,
                "examples": _FIELD_EXAMPLES.get(field.part, ["Column"]),
                "anyOf": [{"$ref": "#/$defs/Target"}, {"type": "null"}],
            }
            for field in described.fields.values()
        },
        "patternProperties": {f"^{described.custom_prefix}.": {"$ref": "#/$defs/Target"}},
        "additionalProperties": {"$ref": "#/$defs/Target"},
        "examples": properties["fields"]["examples"],
        "minProperties": 1,
    }
    properties["match"] = {
        "description": properties["match"]["description"],
        "examples": properties["match"]["examples"],
        "anyOf": [{"$ref": "#/$defs/Key"}, {"type": "array", "items": {"$ref": "#/$defs/Key"}, "minItems": 1}],
    }
    definitions["FieldMapping"]["properties"]["otherwise"]["default"] = "error"
    definitions["MappingTest"]["anyOf"] = [{"required": ["expect"]}, {"required": ["problem"]}]
    for part in (schema, *definitions.values()):
        _drop_empty_defaults(part)
    del schema["required"]
    schema["anyOf"] = [{"required": ["match", "fields"]}, {"required": ["extends"]}]
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **schema, "title": "bulk_sync mapping: clients"}


def _drop_empty_defaults(part: dict[str, Any]) -> None:
    """Take away defaults that nobody may write: null, empty, or the models' own shape of a block."""
    for prop in part.get("properties", {}).values():
        if isinstance(prop, dict) and (
            prop.get("default", 0) in (None, "", []) or isinstance(prop.get("default"), dict)
        ):
            del prop["default"]


def schema_text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
