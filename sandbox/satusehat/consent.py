"""Consents of patients: whether the facility may read what others have sent; the newest of each patient counts.

Answers to wrong requests are not documented; they are those of the resources' server.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import orjson

from sandbox.clock import Clock
from sandbox.messages import SandboxAnswer, SandboxRequest, json_answer
from sandbox.satusehat.resources.clients import Client
from sandbox.satusehat.resources.outcomes import not_found, refused, rule_issue
from sandbox.satusehat.resources.store import Resource, Store, Stored
from sandbox.satusehat.tokens import IssuedTokens

PREFIX, KIND = "/consent/v1", "Consent"
ACTIONS = ("OPTIN", "OPTOUT")


class Consents:
    """Answers requests below /consent/v1."""

    def __init__(self, tokens: IssuedTokens, store: Store, clock: Clock) -> None:
        self._tokens = tokens
        self._store = store
        self._clock = clock

    def answer(self, request: SandboxRequest) -> SandboxAnswer:
        client = self._tokens.bearer(request)
        if isinstance(client, SandboxAnswer):
            return client
        if request.path != f"{PREFIX}/{KIND}":
            return SandboxAnswer(404)
        if request.method == "GET":
            return self._read(parse_qs(request.query).get("patient_id", [""])[0], client)
        return self._give(request.body, client) if request.method == "POST" else SandboxAnswer(405)

    def _read(self, patient: str, client: Client) -> SandboxAnswer:
        stored = self._of(patient, client)
        return not_found(f"{KIND}?patient_id={patient}") if stored is None else json_answer(200, stored.resource)

    def _give(self, body: bytes, client: Client) -> SandboxAnswer:
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError:
            return refused([rule_issue("Unparsable JSON", 20005)])
        wrong = self._wrong(asked if isinstance(asked, dict) else {})
        if wrong:
            return refused([rule_issue(wrong)])
        stored = self._of(asked["patient_id"], client)
        resource = _consent(asked, client, self._clock.moment().isoformat())
        id_ = None if stored is None else stored.resource["id"]
        return json_answer(200, self._store.put(resource, client.organization_id, id_).resource)

    def _wrong(self, asked: dict[str, Any]) -> str:
        if not self._store.exists(f"Patient/{asked.get('patient_id')}"):
            return f"Reference not found: Patient/{asked.get('patient_id')}"
        if asked.get("action") not in ACTIONS:
            return "Code not found: action"
        return "" if str(asked.get("agent") or "").strip() else "Element not found: agent"

    def _of(self, patient: str, client: Client) -> Stored | None:
        consents = (one for one in self._store.of_type(KIND) if one.owner == client.organization_id)
        return next((one for one in consents if one.resource["patient"]["reference"] == f"Patient/{patient}"), None)


def _consent(asked: dict[str, Any], client: Client, at: str) -> Resource:
    agent = {"role": {"coding": [{"code": "AGNT"}]}, "reference": {"display": asked["agent"]}}
    return {
        "resourceType": KIND,
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{asked['patient_id']}"},
        "dateTime": at,
        "organization": [{"reference": f"Organization/{client.organization_id}"}],
        "policyRule": {"coding": [{"code": asked["action"]}]},
        "provision": {"actor": [agent], "period": {"start": at}},
    }
