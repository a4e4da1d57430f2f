"""Parsing of a request body into a resource."""

from __future__ import annotations

from typing import Any

import orjson

from sandbox.messages import SandboxAnswer, SandboxRequest
from sandbox.satusehat.resources.outcomes import refused, rule_issue, store_issue, store_refused
from sandbox.satusehat.resources.structure import Structure

PATCH_TYPE = "application/json-patch+json"


def parse(body: bytes) -> Any | SandboxAnswer:
    """Return the JSON of a body, or 20005 (unreadable) or 20006 (no JSON)."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return refused([rule_issue("Failed to read request payload", 20005, code="structure")])
    if not body.strip():
        return refused([rule_issue("Failed to read request payload", 20005, code="structure")])
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return refused([rule_issue("Invalid JSON Payload Format", 20006, code="structure")])


def parse_resource(body: bytes, kind: str, *, strict: bool) -> dict[str, Any] | SandboxAnswer:
    """Return a resource of the type that the path names, its JSON types checked; else the refusal."""
    content = parse(body)
    if isinstance(content, SandboxAnswer):
        return content
    if not isinstance(content, dict):
        return refused([rule_issue("Failed to unmarshal request payload", 20008, code="structure")])
    if (wrong := wrong_type(content, kind)) is not None:
        return wrong
    issues = Structure(strict=strict).check(content)
    return refused(issues) if issues else content


def wrong_type(content: dict[str, Any], kind: str) -> SandboxAnswer | None:
    """Return the store's refusal of a resource whose type is not the path's."""
    stated = content.get("resourceType")
    if stated == kind:
        return None
    diagnostics = f"resource type mismatch, type of specified resource: {kind}, type from payload: {stated}"
    return store_refused(store_issue("resource_mismatch", diagnostics))


def wrong_patch_type(request: SandboxRequest) -> SandboxAnswer | None:
    """Refuse a PATCH whose content type is not application/json-patch+json."""
    stated = request.headers.get("content-type", "").partition(";")[0].strip()
    if stated == PATCH_TYPE:
        return None
    diagnostics = f"invalid Content-Type {stated!r}, expected {PATCH_TYPE!r}"
    return store_refused(store_issue("invalid_headers", diagnostics, code="value"))
