"""Transaction bundles: all entries or none, `urn:uuid` resolved in both directions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sandbox.messages import SandboxAnswer, json_answer
from sandbox.satusehat.resources.clients import Client
from sandbox.satusehat.resources.outcomes import Issue, no_permission, refused, rule_issue
from sandbox.satusehat.resources.store import Resource, Store, Stored
from sandbox.satusehat.resources.structure import Structure
from sandbox.satusehat.validation.contents import survey
from sandbox.satusehat.validation.validator import ResourceValidator, is_error, unique_keys
from sandbox.satusehat.writes import Writes

URN = "urn:uuid:"


@dataclass(slots=True)
class BundleEntry:
    """One entry of a received bundle."""

    number: int
    full_url: str
    method: str
    url: str
    resource: Resource
    id: str
    issues: list[Issue] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return str(self.resource.get("resourceType", "Resource"))

    @property
    def at(self) -> str:
        return f"Bundle.entry[{self.number}]"


class TransactionBundle:
    """One bundle of one client."""

    def __init__(self, bundle: dict[str, Any], client: Client, writes: Writes, *, strict: bool) -> None:
        self._client = client
        self._writes = writes
        self._strict = strict
        listed = bundle.get("entry") or []
        self._entries = [_entry(number, one) for number, one in enumerate(listed)]
        self._ids = {entry.full_url: entry for entry in self._entries}

    @property
    def _store(self) -> Store:
        return self._writes.store

    @property
    def _validator(self) -> ResourceValidator:
        return self._writes.validator

    def answer(self, base_url: str) -> SandboxAnswer:
        """Return 200 transaction-response, or 400 with all errors of all entries; then nothing is stored."""
        issues = envelope_issues(self._entries) or self._structure_issues()
        if issues:
            return refused(issues)
        if any(self._foreign(entry) for entry in self._entries):
            return no_permission()
        for entry in self._entries:
            entry.issues = self._entry_issues(entry)
        self._mark_dependants()
        if failed := [issue for entry in self._entries for issue in entry.issues]:
            return refused(failed)
        responses = [_response(self._keep(entry), entry, base_url) for entry in self._entries]
        bundle = {"resourceType": "Bundle", "type": "transaction-response", "entry": responses}
        return json_answer(200, bundle)

    def _structure_issues(self) -> list[Issue]:
        return [
            _inside(entry, issue)
            for entry in self._entries
            for issue in Structure(strict=self._strict).check(entry.resource)
        ]

    def _foreign(self, entry: BundleEntry) -> bool:
        stored = self._store.get(entry.kind, entry.id) if entry.method == "PUT" else None
        return stored is not None and stored.owner != self._client.organization_id

    def _entry_issues(self, entry: BundleEntry) -> list[Issue]:
        scope = self._validator.scope_issue(entry.kind, self._client)
        if scope is not None or entry.kind == "Patient":
            text = f"Failed to get permission for client for resource type {entry.kind}"
            return [scope or rule_issue(text, 20003, code="forbidden")]
        if entry.method == "PUT" and self._store.get(entry.kind, entry.id) is None:
            return [rule_issue(f"Resource not found {entry.kind}/{entry.id}", 20007, f"{entry.at}.request.url")]
        issues = self._validator.issues(entry.resource, self._client, self._exists)
        errors = [_inside(entry, issue) for issue in issues if is_error(issue)]
        duplicate = None if errors else self._duplicate(entry)
        return [*errors, duplicate] if duplicate is not None else errors

    def _exists(self, reference: str) -> bool:
        return reference in self._ids or self._store.exists(reference)

    def _duplicate(self, entry: BundleEntry) -> Issue | None:
        keys = set(unique_keys(entry.resource))
        twin = any(
            keys.intersection(unique_keys(other.resource))
            for other in self._entries[: entry.number]
            if other.kind == entry.kind
        )
        if twin and self._validator.settings.refuse_duplicates:
            return rule_issue(f"Found duplicate resource: {entry.kind}", 20002, code="duplicate")
        return self._validator.duplicate(entry.resource)

    def _mark_dependants(self) -> None:
        """Add 20013 to entries that refer to an invalid one."""
        broken = {entry.full_url for entry in self._entries if entry.issues}
        for entry in self._entries:
            references = {text for _, text in survey(entry.resource).references}
            if not entry.issues and references & broken:
                text = f"Invalid resource {entry.kind} due to previous error"
                entry.issues = [rule_issue(text, 20013, f"{entry.at}.resource")]

    def _keep(self, entry: BundleEntry) -> Stored:
        _resolve(entry.resource, {url: f"{one.kind}/{one.id}" for url, one in self._ids.items()})
        if entry.method == "PUT":
            return self._store.put(entry.resource, self._client.organization_id, entry.id)
        entry.resource.pop("id", None)
        return self._writes.keep(entry.resource, self._client, entry.id)


def envelope_issues(entries: list[BundleEntry]) -> list[Issue]:
    """Rules 20011 and 20017 to 20021: allowed contents of a bundle, and the addresses of its entries."""
    issues, seen = [], set()
    for entry in entries:
        kind, at = entry.kind, f"{entry.at}.fullUrl"
        if kind == "Bundle":
            issues.append(rule_issue("Forbidden nested bundle", 20011, entry.at))
        elif not entry.full_url:
            issues.append(rule_issue(f"Invalid element {kind}.fullUrl, missing fullUrl element", 20021, at))
        elif not _is_urn(entry.full_url):
            text = f"Invalid element {kind}.fullUrl, format must be urn:uuid:<uuid>"
            issues.append(rule_issue(text, 20017, at))
        elif entry.full_url in seen:
            issues.append(rule_issue(f"Invalid element {kind}.fullUrl, duplicate fullUrl", 20020, at))
        elif not _is_request(entry):
            text = f"Invalid resource {kind}: request {entry.method} {entry.url}"
            issues.append(rule_issue(text, 20013, f"{entry.at}.request"))
        seen.add(entry.full_url)
    return issues


def _entry(number: int, content: Any) -> BundleEntry:
    entry = content if isinstance(content, dict) else {}
    request = entry.get("request") if isinstance(entry.get("request"), dict) else {}
    resource = entry.get("resource") if isinstance(entry.get("resource"), dict) else {}
    method, url = str((request or {}).get("method", "")), str((request or {}).get("url", ""))
    id_ = url.partition("/")[2] if method == "PUT" else str(uuid4())
    return BundleEntry(number, str(entry.get("fullUrl") or ""), method, url, resource or {}, id_)


def _is_urn(full_url: str) -> bool:
    try:
        return full_url.startswith(URN) and str(UUID(full_url[len(URN) :])) == full_url[len(URN) :].lower()
    except ValueError:
        return False


def _is_request(entry: BundleEntry) -> bool:
    if entry.method == "PUT":
        return entry.url == f"{entry.kind}/{entry.resource.get('id')}"
    return entry.method == "POST" and entry.url == entry.kind


def _inside(entry: BundleEntry, issue: Issue) -> Issue:
    """Return the issue with its expression as seen from the bundle."""
    places = [f"{entry.at}.resource.{one.partition('.')[2]}" for one in issue.get("expression", [])]
    return {**issue, "expression": places}


def _resolve(node: Any, ids: dict[str, str]) -> None:
    """Replace every `urn:uuid` reference by `Type/id`."""
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict) and child.get("reference") in ids:
            child["reference"] = ids[child["reference"]]
        if isinstance(child, dict | list):
            _resolve(child, ids)


def _response(stored: Stored, entry: BundleEntry, base_url: str) -> dict[str, Any]:
    meta = stored.resource["meta"]
    place = f"{base_url}/fhir-r4/v1/{entry.kind}/{entry.id}/_history/{meta['versionId']}"
    return {
        "response": {
            "etag": f'W/"{meta["versionId"]}"',
            "lastModified": meta["lastUpdated"],
            "location": place,
            "resourceID": entry.id,
            "resourceType": entry.kind,
            "status": "201 Created" if entry.method == "POST" else "200 OK",
        }
    }
