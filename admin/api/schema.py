"""GET /schema: OpenAPI of the API, with the record schemas of the catalog in force."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency

from admin.access import Right
from admin.api.parsing import RECORD_LIMIT, RECORDS_LIMIT, REQUEST_LIMIT
from engine.hub import Hub
from engine.spec import Spec

RESULT = {
    "type": "object",
    "required": ["results", "accepted", "changed", "unchanged", "refused"],
    "properties": {
        "results": {
            "type": "array",
            "description": "One for each record, in order.",
            "items": {
                "type": "object",
                "required": ["index", "status"],
                "properties": {
                    "index": {"type": "integer"},
                    "key": {"type": ["string", "null"]},
                    "id": {"type": "integer", "description": "Number of the delivery."},
                    "status": {"enum": ["accepted", "changed", "unchanged", "refused"]},
                    "problems": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
                        },
                    },
                },
            },
        },
        **{name: {"type": "integer"} for name in ("accepted", "changed", "unchanged", "refused")},
    },
}
ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("code", "message", "where")},
        }
    },
}


@get("/schema", opt={"right": Right.OPEN}, include_in_schema=False)
async def schema(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> dict[str, Any]:
    """The whole description; the record types are those of the catalog at this moment."""
    document: dict[str, Any] = request.app.openapi_schema.to_schema()
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= {"HandInResult": RESULT, "Error": ERROR}
    components["securitySchemes"] = {"apiKey": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"apiKey": []}]
    for spec in hub.catalog.specs.values():
        schemas[spec.name] = {**spec.record_schema, "description": spec.description or spec.label}
        document["paths"][f"/api/v1/records/{spec.name}"] = {"post": _operation(spec)}
    return document


def _operation(spec: Spec) -> dict[str, Any]:
    one = {"$ref": f"#/components/schemas/{spec.name}"}
    either = {"oneOf": [one, {"type": "array", "items": one, "maxItems": RECORDS_LIMIT}]}
    result = {"application/json": {"schema": {"$ref": "#/components/schemas/HandInResult"}}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "operationId": f"hand_in_{spec.name}",
        "summary": f"Hand in {spec.label}",
        "description": f"{spec.description} One record, an array, or NDJSON: at most {RECORDS_LIMIT} records, "
        f"{RECORD_LIMIT} bytes each and {REQUEST_LIMIT} bytes together. The good records of a batch are stored, "
        "the bad ones named.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": either, "example": spec.example},
                "application/x-ndjson": {"schema": one},
            },
        },
        "responses": {
            "200": {"description": "A batch, or an unchanged record.", "content": result},
            "202": {"description": "A new or changed record is stored.", "content": result},
            "422": {"description": "Nothing was stored; the results say why.", "content": result},
            **{
                status: {"description": text, "content": error}
                for status, text in {
                    "400": "The body is no JSON.",
                    "401": "No valid API key.",
                    "404": "No such record type.",
                    "408": "The body arrived too slowly.",
                    "413": "Beyond a limit, which the message names.",
                    "503": "The database does not answer; try again.",
                }.items()
            },
        },
    }
