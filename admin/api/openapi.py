"""GET /schema: OpenAPI of the API, with the record schemas of the catalog in force."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency

from admin.api.response_schemas import ERRORS, RESPONSES, SCHEMAS, answers, component
from admin.http.access import Right
from admin.http.bodies import MAX_RECORDS, MAX_REQUEST_BYTES, MAX_REQUEST_VALUES
from engine.hub import Hub
from engine.json_text import MAX_RECORD_BYTES, MAX_RECORD_VALUES
from engine.specs.record_type import Spec

SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key of the facility: antar_..."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


@get(["/schema", "/schema/openapi.json"], opt={"right": Right.OPEN})
async def schema(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> dict[str, Any]:
    """Return the whole document; its record types are those of the catalog in force."""
    document: dict[str, Any] = request.app.openapi_schema.to_schema()
    paths = {path: item for path, item in document["paths"].items() if path.startswith("/api/")}
    for item in paths.values():
        for operation in item.values():
            operation["responses"] = _responses(*RESPONSES[operation["operationId"]])
    bodies = document["components"]["schemas"]  # of the requests, as Litestar reads them from the handlers
    ours = {component(name): shape for name, shape in SCHEMAS.items()}
    records = {spec.name: {**spec.record_schema, "description": _about(spec)} for spec in hub.catalog.specs.values()}
    return {
        **document,
        "paths": paths | {f"/api/v1/records/{spec.name}": _operation(spec) for spec in hub.catalog.specs.values()},
        "components": {"schemas": bodies | ours | records, "securitySchemes": SECURITY_SCHEMES},
        "security": [{name: []} for name in SECURITY_SCHEMES],
    }


def _about(spec: Spec) -> str:
    return spec.description or spec.label.en


def _responses(status: str, schema: str, errors: tuple[str, ...]) -> dict[str, Any]:
    responses = answers(status, "Done.", schema)
    for error in errors:
        responses |= answers(error, ERRORS[error], "Error")
    return responses


def _operation(spec: Spec) -> dict[str, Any]:
    one = {"$ref": f"#/components/schemas/{spec.name}"}
    either = {"oneOf": [one, {"type": "array", "items": one, "maxItems": MAX_RECORDS}]}
    operation = {
        "operationId": f"hand_in_{spec.name}",
        "summary": f"Hand in {spec.label.en}",
        "description": f"{_about(spec)}. One record, an array, or NDJSON: at most {MAX_RECORDS} records, "
        f"{MAX_RECORD_BYTES} bytes and {MAX_RECORD_VALUES} JSON values (objects, arrays and what they hold) each, "
        f"{MAX_REQUEST_BYTES} bytes and {MAX_REQUEST_VALUES} JSON values together. The good records of a batch "
        "are stored, the bad ones named.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": either, "example": spec.example},
                "application/x-ndjson": {"schema": one},
            },
        },
        "responses": {
            **_responses("200", "HandInResult", ("400", "401", "404", "408", "413", "503")),
            **answers("200", "A batch, or an unchanged record.", "HandInResult"),
            **answers("202", "A new or changed record is stored.", "HandInResult"),
            **answers("422", "Nothing was stored; the results say why.", "HandInResult"),
        },
    }
    return {"post": operation}
