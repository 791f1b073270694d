"""The JSON Schema of mapping files, made from the models, so that an editor completes and underlines.

Shipped as ``clients.schema.json`` beside this module; a mapping names it in its first line:
``# yaml-language-server: $schema=…``. Write it again with ``bulk-sync mapping schema``.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from bulk_sync.mapping.model import MappingFile
from bulk_sync.mapping.transforms import transform_schema
from bulk_sync.resources import get_resource

SCHEMA_FILE = "clients.schema.json"
_SCALAR = {"type": ["string", "number", "boolean"], "description": "The column with the value."}


def json_schema(resource: str = "clients") -> dict[str, Any]:
    """Return the JSON Schema of a mapping for a resource, draft 2020-12."""
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
    described = get_resource(resource)
    properties["fields"] = {
        "type": "object",
        "description": properties["fields"]["description"],
        "properties": {
            field.name: {"description": field.description, "anyOf": [{"$ref": "#/$defs/Target"}, {"type": "null"}]}
            for field in described.fields.values()
        },
        "patternProperties": {f"^{described.custom_prefix}.": {"$ref": "#/$defs/Target"}},
        "additionalProperties": {"$ref": "#/$defs/Target"},
        "minProperties": 1,
    }
    properties["match"] = {
        "description": properties["match"]["description"],
        "anyOf": [{"$ref": "#/$defs/Key"}, {"type": "array", "items": {"$ref": "#/$defs/Key"}, "minItems": 1}],
    }
    del schema["required"]
    schema["anyOf"] = [{"required": ["match", "fields"]}, {"required": ["extends"]}]
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **schema, "title": f"bulk_sync mapping: {resource}"}


def schema_text(resource: str = "clients") -> str:
    """Return the schema as the text of its file."""
    return json.dumps(json_schema(resource), indent=2, ensure_ascii=False) + "\n"


def shipped_schema() -> str:
    """Return the text of the schema that is shipped in the package."""
    return files("bulk_sync.mapping").joinpath(SCHEMA_FILE).read_text(encoding="utf-8")
