"""The stand-in against the OpenAPI document: requests made up from it, and every answer held to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator, FormatChecker
from ruamel.yaml import YAML
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from bulk_sync.sandbox import Quota, SandboxConfig, SandboxServer

Serve = Callable[..., SandboxServer]
Client = Callable[..., httpx2.Client]
DOCUMENT = Path(__file__).parents[2].parent / "shared" / "heffl-v1.openapi.yaml"

if not DOCUMENT.exists():
    pytest.skip("the OpenAPI document is not here", allow_module_level=True)

schema = schemathesis.openapi.from_path(DOCUMENT)
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    positive_data_acceptance,
    negative_data_rejection,
    unsupported_method,
    ignored_auth,
]

# Of a listing the document cannot say what is good: only the server's own cursors are, and unknown parameters are
# ignored. Limits and cursors have tests of their own.
BODY_CHECKS = [positive_data_acceptance, negative_data_rejection]


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(config=SandboxConfig(quota=Quota(rate="100000/s"))) as server:
        server.seed([{"id": "clt_abc123"}, {"id": "0"}])
        yield server


@schema.parametrize()
@settings(max_examples=25, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
def test_it_keeps_to_the_document(case: schemathesis.Case[Any], server: SandboxServer) -> None:
    # Valid and invalid requests drawn from the document: documented statuses, bodies and headers, valid data taken.
    listing = case.operation.label == "GET /clients"
    checks = [each for each in CHECKS if not (listing and each in BODY_CHECKS)]
    case.call_and_validate(base_url=server.base_url, headers={"x-api-key": server.key}, checks=checks)


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(DOCUMENT)
    return loaded


def documented_schema(loaded: dict[str, Any], path: str, method: str, status: int) -> dict[str, Any]:
    response = loaded["paths"][path][method.lower()]["responses"][str(status)]
    if "$ref" in response:
        response = loaded["components"]["responses"][response["$ref"].rpartition("/")[2]]
    found = response["content"]["application/json"]["schema"]
    return {"$ref": found["$ref"]} if isinstance(found, dict) else {}


@pytest.mark.parametrize(
    ("request_line", "body", "status"),
    [
        ("GET /clients", None, 200),
        ("GET /clients?limit=0", None, 400),
        ("GET /clients/clt_1", None, 200),
        ("GET /clients/none", None, 404),
        ("POST /clients", {"type": "contact", "firstName": "Jane", "cf_x": [1]}, 200),
        ("POST /clients", {"type": "contact"}, 400),
        ("PATCH /clients/clt_1", {"email": None, "website": None, "taxNumber": None, "cf_x": None}, 200),
        ("PATCH /clients/clt_1", {"email": "x"}, 400),
        ("PATCH /clients/none", {"name": "x"}, 404),
        ("DELETE /clients/clt_1", None, 200),
        ("DELETE /clients/none", None, 404),
        ("GET /clients", None, 401),
        ("PATCH /clients/clt_1", {"name": "x"}, 429),
    ],
)
def test_each_answer_fits_its_schema(
    serve_api: Serve, client_of: Client, request_line: str, body: object, status: int
) -> None:
    # One request for each documented response, validated by a library that is not the generator's.
    method, path = request_line.split()
    server = serve_api(SandboxConfig(quota=Quota(rate="1/h")))
    server.seed([{"id": "clt_1"}])
    if status == 429:
        client_of(server).get("/clients")
    reply = client_of(server, key="wrong" if status == 401 else None).request(method, path, json=body)
    loaded = document()
    name = "/clients/{id}" if path.startswith("/clients/") else "/clients"
    wanted = {**documented_schema(loaded, name, method, status), "components": loaded["components"]}
    assert reply.status_code == status
    Draft202012Validator(wanted, format_checker=FormatChecker()).validate(reply.json())
