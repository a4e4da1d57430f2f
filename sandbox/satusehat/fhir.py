"""/fhir-r4/v1: the order of checks, from the token to the store.

Gateway and path come first, then JSON, registration, element rules, references and duplicates.
"""

from __future__ import annotations

import re
from uuid import uuid4

from sandbox.messages import SandboxAnswer, SandboxRequest
from sandbox.satusehat.patients import Patients
from sandbox.satusehat.payload import parse, parse_resource, wrong_patch_type
from sandbox.satusehat.resources.clients import Client
from sandbox.satusehat.resources.masks import masked
from sandbox.satusehat.resources.outcomes import not_found, refused, rule_issue
from sandbox.satusehat.resources.settings import SatuSehatSettings
from sandbox.satusehat.resources.store import Stored
from sandbox.satusehat.search import search
from sandbox.satusehat.tokens import IssuedTokens
from sandbox.satusehat.transaction import TransactionBundle
from sandbox.satusehat.writes import Writes, resource_answer

PREFIX = "/fhir-r4/v1"
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_METHODS = {0: ("POST",), 1: ("GET", "POST"), 2: ("GET", "PUT", "PATCH"), 3: ("GET",)}


class Fhir:
    """Answers every request below /fhir-r4/v1."""

    def __init__(self, tokens: IssuedTokens, writes: Writes, patients: Patients, settings: SatuSehatSettings) -> None:
        self._tokens = tokens
        self._writes = writes
        self._patients = patients
        self._settings = settings

    def answer(self, request: SandboxRequest) -> SandboxAnswer:
        answer = self._checked(request)
        answer.headers += [("x-request-id", str(uuid4())), ("via", "1.1 google")]
        return answer

    def _checked(self, request: SandboxRequest) -> SandboxAnswer:
        client = self._tokens.bearer(request)
        if isinstance(client, SandboxAnswer):
            return client
        segments = parts(request.path)
        if segments is None:
            return SandboxAnswer(404)
        if request.method not in _METHODS[len(segments)]:
            return SandboxAnswer(405, headers=[("allow", ", ".join(_METHODS[len(segments)]))])
        if not segments:
            return self._transaction(request, client)
        if request.method == "GET":
            return self._scope(segments[0], client) or self._read(segments, request)
        return self._write(segments, request, client)

    def _read(self, segments: list[str], request: SandboxRequest) -> SandboxAnswer:
        kind = segments[0]
        if len(segments) == 1:
            return search(self._writes.store, kind, request, self._settings.page_size)
        if len(segments) == 3:
            text = f"Everything search is not supported for resource {kind}"
            return refused([rule_issue(text, 20014)])
        stored = self._writes.store.get(kind, segments[1])
        if stored is None:
            return not_found(f"{kind}/{segments[1]}")
        return resource_answer(Stored(masked(stored.resource, view="read"), stored.owner, 0), 200)

    def _scope(self, kind: str, client: Client) -> SandboxAnswer | None:
        """Refuse types outside the client's registration; reading has no other limit."""
        if client.types is None or kind in client.types:
            return None
        text = f"Failed to get permission for client for resource type {kind}"
        return refused([rule_issue(text, 20003, code="forbidden")])

    def _write(self, segments: list[str], request: SandboxRequest, client: Client) -> SandboxAnswer:
        kind = segments[0]
        if request.method == "PATCH":
            return self._patch(segments, request, client)
        resource = parse_resource(request.body, kind, strict=self._settings.strict)
        if isinstance(resource, SandboxAnswer):
            return resource
        if (issue := self._writes.validator.scope_issue(kind, client)) is not None:
            return refused([issue])
        if request.method == "PUT":
            return self._writes.update(kind, segments[1], resource, client)
        if kind == "Patient":
            return self._patients.create(resource, client)
        return self._writes.create(resource, client)

    def _patch(self, segments: list[str], request: SandboxRequest, client: Client) -> SandboxAnswer:
        kind, id_ = segments
        if (wrong := wrong_patch_type(request)) is not None:
            return wrong
        operations = parse(request.body)
        if isinstance(operations, SandboxAnswer):
            return operations
        if (issue := self._writes.validator.scope_issue(kind, client)) is not None:
            return refused([issue])
        return self._writes.patch(kind, id_, operations, client)

    def _transaction(self, request: SandboxRequest, client: Client) -> SandboxAnswer:
        bundle = parse_resource(request.body, "Bundle", strict=False)
        if isinstance(bundle, SandboxAnswer):
            return bundle
        if bundle.get("type") != "transaction" or not isinstance(bundle.get("entry", []), list):
            return refused([rule_issue("Failed to unmarshal request payload", 20008, "Bundle.type")])
        transaction = TransactionBundle(bundle, client, self._writes, strict=self._settings.strict)
        return transaction.answer(request.base_url)


def parts(path: str) -> list[str] | None:
    """Return the segments below the base path; None for a path that the gateway does not know."""
    segments = path.removeprefix(PREFIX).strip("/").split("/")
    if segments == [""]:
        return []
    if len(segments) > 3 or not _TYPE.fullmatch(segments[0]) or "" in segments:
        return None
    return segments if len(segments) < 3 or segments[2] == "$everything" else None
