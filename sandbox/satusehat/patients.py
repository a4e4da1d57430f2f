"""POST /Patient: checked against the civil registry; the answer is not in FHIR form."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from sandbox.messages import SandboxAnswer, json_answer
from sandbox.population import SyntheticPerson
from sandbox.satusehat.resources.clients import Client
from sandbox.satusehat.resources.outcomes import refused, rule_issue
from sandbox.satusehat.resources.settings import SatuSehatSettings
from sandbox.satusehat.resources.store import Resource, Store
from sandbox.satusehat.validation.validator import is_error
from sandbox.satusehat.writes import Writes

NIK = "https://fhir.kemkes.go.id/id/nik"
MOTHER_NIK = "https://fhir.kemkes.go.id/id/nik-ibu"
IHS = "https://fhir.kemkes.go.id/id/ihs-number"
OTHERS = ("https://fhir.kemkes.go.id/id/paspor", "https://fhir.kemkes.go.id/id/kk")
UNKNOWN = {"success": False, "message": "Citizen Not Exists"}


class Patients:
    """Creates patients; the civil registry is the population."""

    def __init__(self, writes: Writes, settings: SatuSehatSettings) -> None:
        self._writes = writes
        self._settings = settings
        self._citizens: dict[str, SyntheticPerson] = {}
        self._numbers = count(1)

    @property
    def _store(self) -> Store:
        return self._writes.store

    def know(self, people: Iterable[SyntheticPerson]) -> None:
        """Register the citizens of the population; the unknown are left out."""
        self._citizens = {one.nik: one for one in people if one.kind != "unknown"}
        self._numbers = count(1)

    def create(self, resource: Resource, client: Client) -> SandboxAnswer:
        """Return 201 with the new IHS number, 200 "Citizen Not Exists", or 400."""
        errors = [one for one in self._writes.validator.issues(resource, client) if is_error(one)]
        if errors:
            return refused(errors)
        mother_nik, nik = _value(resource, MOTHER_NIK), _value(resource, NIK)
        if mother_nik and not nik:
            return self._newborn(resource, mother_nik, client)
        if not nik and any(_value(resource, system) for system in OTHERS):
            return self._keep(resource, client)  # nobody is registered by these
        if nik not in self._citizens and self._settings.unknown_nik == "refuse":
            return json_answer(200, UNKNOWN)
        if any(True for _ in self._store.having("Patient", f"{NIK}|{nik}")):
            self._writes.witness.refused_duplicates["Patient"] += 1
            return refused([rule_issue("Found duplicate resource: Patient", 20002, code="duplicate")])
        return self._keep(resource, client)

    def _newborn(self, resource: Resource, mother_nik: str, client: Client) -> SandboxAnswer:
        mother = self._citizens.get(mother_nik)
        if mother is None:
            return json_answer(200, UNKNOWN)
        if mother.gender != "female":
            return refused([rule_issue("Patient with nik-ibu is not female", code="exception")])
        return self._keep(resource, client)

    def _keep(self, resource: Resource, client: Client) -> SandboxAnswer:
        number = f"P{2_020_000_000 + next(self._numbers):011d}"
        stated: list[dict[str, Any]] = resource["identifier"]
        resource["identifier"] = [{"use": "official", "system": IHS, "value": number}, *stated]
        resource.setdefault("active", True)
        self._writes.keep(resource, client, number)
        message = "New Patient has been created successfully"
        return json_answer(201, {"success": True, "message": message, "data": {"Patient ID:": number}})


def _value(resource: Resource, system: str) -> str:
    values = [one.get("value", "") for one in resource["identifier"] if one.get("system") == system]
    return str(values[0]) if values else ""
