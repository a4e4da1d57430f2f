"""Create, update and patch of one resource after its JSON has been parsed."""

from __future__ import annotations

from typing import Any

import orjson

from sandbox.messages import SandboxAnswer, json_answer
from sandbox.satusehat.resources.clients import Client
from sandbox.satusehat.resources.definitions import definition
from sandbox.satusehat.resources.outcomes import (
    Issue,
    no_permission,
    not_found,
    refused,
    rule_issue,
    store_issue,
    store_refused,
)
from sandbox.satusehat.resources.patch import PatchFailed, apply_patch
from sandbox.satusehat.resources.store import Resource, Store, Stored, identifiers
from sandbox.satusehat.resources.structure import Structure
from sandbox.satusehat.validation.validator import ResourceValidator, is_error, unique_keys
from sandbox.witness import Witness, fingerprint

INNER_STORE = "https://healthcare.googleapis.com/v1/projects/sandbox/datasets/sandbox/fhirStores/sandbox/fhir"


class Writes:
    """Stores resources that pass the checks and reports them to the witness."""

    def __init__(self, store: Store, validator: ResourceValidator, witness: Witness) -> None:
        self.store = store
        self.validator = validator
        self.witness = witness

    def create(self, resource: Resource, client: Client) -> SandboxAnswer:
        """Return 201 with the stored resource, or 400 with all violations."""
        kind = resource["resourceType"]
        issues = self.validator.issues(resource, client)
        if any(map(is_error, issues)):
            return refused([one for one in issues if is_error(one)])
        resource.pop("id", None)
        duplicate = self.validator.duplicate(resource)
        if duplicate is not None:
            self.witness.refused_duplicates[kind] += 1
            return refused([duplicate])
        return resource_answer(self.keep(resource, client), 201, issues)

    def keep(self, resource: Resource, client: Client, id_: str | None = None) -> Stored:
        """Store a resource as new, without any check."""
        key = business_key(resource)
        self.witness.created(resource["resourceType"], identifiers(resource), key)
        return self.store.put(resource, client.organization_id, id_)

    def update(self, kind: str, id_: str, resource: Resource, client: Client) -> SandboxAnswer:
        """PUT: return 200 with the resource after the update."""
        stored = self.store.get(kind, id_)
        if stored is None:
            return refused([rule_issue(f"Resource not found {kind}/{id_}", 20007)])
        if resource.get("id") != id_:
            stated = f"id of specified resource: {id_}, id from payload: {resource.get('id')}"
            return store_refused(store_issue("resource_mismatch", f"resource id mismatch, {stated}"))
        if (forbidden := _may_not_edit(kind, stored, client)) is not None:
            return forbidden
        if definition(kind).patch_only:
            return no_permission()
        return self._replace(stored, resource, client)

    def patch(self, kind: str, id_: str, operations: Any, client: Client) -> SandboxAnswer:
        """PATCH: return 200 with the resource after the change; frozen elements may not be touched."""
        stored = self.store.get(kind, id_)
        if stored is None:
            return not_found(f"{kind}/{id_}")
        if (forbidden := _may_not_edit(kind, stored, client)) is not None:
            return forbidden
        try:
            resource = apply_patch(stored.resource, operations)
        except PatchFailed as failed:
            return store_refused(store_issue("merge_failed", str(failed), code="value"))
        if (problem := _patch_problem(kind, operations, resource)) is not None:
            return problem
        return self._replace(stored, resource, client)

    def _replace(self, stored: Stored, resource: Resource, client: Client) -> SandboxAnswer:
        issues = self.validator.issues(resource, client)
        if any(map(is_error, issues)):
            return refused([one for one in issues if is_error(one)])
        if (duplicate := self.validator.duplicate(resource)) is not None:
            return refused([duplicate])
        return resource_answer(self.store.put(resource, stored.owner, resource["id"]), 200, issues)


def resource_answer(stored: Stored, status: int, issues: list[Issue] | None = None) -> SandboxAnswer:
    """Return a stored resource with the headers of the platform; warnings go into a header."""
    resource = stored.resource
    meta = resource["meta"]
    headers = [("etag", f'W/"{meta["versionId"]}"'), ("last-modified", meta["lastUpdated"])]
    if status == 201:
        path = f"{resource['resourceType']}/{resource['id']}/_history/{meta['versionId']}"
        headers.append(("location", f"{INNER_STORE}/{path}"))
    headers += [("warning", f'199 sandbox "{one["details"]["text"]}"') for one in issues or []]
    return json_answer(status, resource, headers)


def business_key(resource: Resource) -> str:
    """Return the key by which the witness recognises a record: its unique identifiers, else all, else its content."""
    named = unique_keys(resource) or identifiers(resource)
    if named:
        return " ".join(sorted(named))
    return fingerprint(orjson.dumps(resource, option=orjson.OPT_SORT_KEYS))


def _may_not_edit(kind: str, stored: Stored, client: Client) -> SandboxAnswer | None:
    if kind == "Patient":
        return refused([rule_issue("Organization not allowed to edit Patient", 20016, code="forbidden")])
    return no_permission() if stored.owner != client.organization_id else None


def _patch_problem(kind: str, operations: list[dict[str, Any]], resource: Any) -> SandboxAnswer | None:
    touched = [str(one.get("path", "")) for one in operations if one.get("op") != "test"]
    below = next((path for path in touched if path.startswith("/operationalStatus/")), None)
    if kind == "Location" and below is not None:
        text = f"Use /operationalStatus instead of {below} to patch Location"
        return refused([rule_issue(text, 10171)])
    named = {path.split("/")[1] for path in touched if path}
    if named & definition(kind).frozen:
        return no_permission()
    for element, text in definition(kind).patch_requires.items():
        if element not in named:
            return refused([rule_issue(text)])
    if not isinstance(resource, dict) or not _same_resource(kind, resource, operations):
        return store_refused(store_issue("merge_failed", "the patch changes what the resource is", code="value"))
    issues = Structure(strict=False).check(resource)
    return refused(issues) if issues else None


def _same_resource(kind: str, resource: Resource, operations: list[dict[str, Any]]) -> bool:
    return resource.get("resourceType") == kind and all(one.get("path") != "/id" for one in operations)
