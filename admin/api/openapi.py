"""GET /schema: OpenAPI of the API, with the record schemas of the catalog in force; /schema/docs shows it to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Template

from admin.api.records import CHECK
from admin.api.response_schemas import ERRORS, RESPONSES, SCHEMAS, answers, component
from admin.http.access import Right
from admin.http.bodies import MAX_RECORDS, MAX_REQUEST_BYTES, MAX_REQUEST_VALUES
from engine.catalog.catalog import Catalog
from engine.hub import Hub
from engine.json_text import MAX_RECORD_BYTES, MAX_RECORD_VALUES
from engine.specs.mapping import MappingSpec

SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key of the facility: antar_..."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


CHECK_PARAMETER = {
    "name": CHECK,
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "Store nothing; say of each record whether it would be refused, what it would wait for, and whether "
    "its payload would pass the check before sending.",
}


class RecordType(NamedTuple):
    """A type of records that can be handed in: one that is delivered, or the items of a mapping."""

    name: str
    label: str
    about: str
    schema: Mapping[str, Any]
    example: Mapping[str, Any]


def record_types(catalog: Catalog) -> list[RecordType]:
    """Return all types of a catalog, in English."""
    delivered = [
        RecordType(spec.name, spec.label.en, spec.description or spec.label.en, spec.record_schema, spec.example)
        for spec in catalog.specs.values()
    ]
    return delivered + [
        RecordType(name, mapping.many.en, _about_items(mapping), mapping.record_schema, mapping.example)
        for name, mapping in catalog.items.items()
    ]


def _about_items(mapping: MappingSpec) -> str:
    return f"{mapping.many.en}: each gets a code ({mapping.code.en}) that a person confirms; none is delivered itself"


@get(["/schema", "/schema/openapi.json"], opt={"right": Right.OPEN})
async def schema(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> dict[str, Any]:
    """Return the whole document; its record types are those of the catalog in force."""
    return complete(request.app.openapi_schema.to_schema(), hub.catalog)


@get("/schema/docs", opt={"right": Right.OPEN})
async def documentation() -> Template:
    """Show the document as a page."""
    return Template("api/documentation.html")


def complete(document: dict[str, Any], catalog: Catalog) -> dict[str, Any]:
    """Return Litestar's document with our answers, and with the record types of a catalog."""
    paths = {path: item for path, item in document["paths"].items() if path.startswith("/api/")}
    for path, item in paths.items():
        for operation in item.values():
            operation["responses"] = _responses(*RESPONSES[operation["operationId"]])
            operation["tags"] = [path.split("/")[3]]  # /api/v1/TAG/...
    bodies = document["components"]["schemas"]  # of the requests, as Litestar reads them from the handlers
    ours = {component(name): shape for name, shape in SCHEMAS.items()}
    types = record_types(catalog)
    records = {one.name: {**one.schema, "description": one.about} for one in types}
    return {
        **document,
        "paths": paths | {f"/api/v1/records/{one.name}": _operation(one) for one in types},
        "components": {"schemas": bodies | ours | records, "securitySchemes": SECURITY_SCHEMES},
        "security": [{name: []} for name in SECURITY_SCHEMES],
    }


def _responses(status: str, schema: str, errors: tuple[str, ...]) -> dict[str, Any]:
    responses = answers(status, "Done.", schema)
    for error in errors:
        responses |= answers(error, ERRORS[error], "Error")
    return responses


def _operation(one: RecordType) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{one.name}"}
    either = {"oneOf": [reference, {"type": "array", "items": reference, "maxItems": MAX_RECORDS}]}
    operation = {
        "operationId": f"hand_in_{one.name}",
        "tags": ["records"],
        "summary": f"Hand in {one.label}",
        "description": f"{one.about}. One record, an array, or NDJSON: at most {MAX_RECORDS} records, "
        f"{MAX_RECORD_BYTES} bytes and {MAX_RECORD_VALUES} JSON values (objects, arrays and what they hold) each, "
        f"{MAX_REQUEST_BYTES} bytes and {MAX_REQUEST_VALUES} JSON values together. The good records of a batch "
        "are stored, the bad ones named.",
        "parameters": [CHECK_PARAMETER],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": either, "example": one.example},
                "application/x-ndjson": {"schema": reference},
            },
        },
        "responses": {
            **_responses("200", "HandInResult", ("400", "401", "404", "408", "413", "503")),
            **answers("200", "A batch, or an unchanged record; with check, any.", "HandInResult", "CheckResult"),
            **answers("202", "A new or changed record is stored.", "HandInResult"),
            **answers("422", "Nothing was stored; the results say why.", "HandInResult"),
        },
    }
    return {"post": operation}
