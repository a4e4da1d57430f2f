"""The ministry's part of the store: people, and one facility with a room per client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sandbox.population import SyntheticPerson
from sandbox.satusehat.patients import IHS, MOTHER_NIK, NIK
from sandbox.satusehat.resources.clients import Client
from sandbox.satusehat.resources.store import Resource, Store

HIS_NUMBER = "https://fhir.kemkes.go.id/id/nakes-his-number"
PROFILE = "https://fhir.kemkes.go.id/r4/StructureDefinition/"
DEMO_DEPARTMENT = "3f1c8a52-6d0e-4b7a-9a41-000000001001"
DEMO_ROOM = "3f1c8a52-6d0e-4b7a-9a41-000000002001"


def seed_people(store: Store, people: Iterable[SyntheticPerson]) -> None:
    """Store everyone who has a number at the ministry; a twin gets a second record with the same NIK."""
    for person in people:
        if person.number:
            store.put(person_resource(person), "", person.number)
        if person.twin_number:
            store.put(person_resource(person, person.twin_number), "", person.twin_number)


def person_resource(person: SyntheticPerson, number: str = "") -> Resource:
    """Return a Patient or Practitioner as the ministry holds it, unmasked."""
    number = number or person.number
    practitioner = person.kind == "practitioner"
    kind = "Practitioner" if practitioner else "Patient"
    numbers = [(HIS_NUMBER if practitioner else IHS, number), (NIK, person.nik)]
    if person.mother_nik:
        numbers.append((MOTHER_NIK, person.mother_nik))
    return {
        "resourceType": kind,
        "id": number,
        "active": True,
        "identifier": [{"system": system, "use": "official", "value": value} for system, value in numbers],
        "name": [{"text": person.name, "use": "official"}],
        "gender": person.gender,
        "birthDate": person.birth_date,
        "meta": {"profile": [f"{PROFILE}{kind}"]},
    }


def seed_facility(store: Store, client: Client) -> None:
    """Store the facility of a client, one department and one room in it; the demo client's ids are fixed."""
    org = client.organization_id
    if store.get("Organization", org) is not None:
        return
    demo = org == "100099001"
    department = DEMO_DEPARTMENT if demo else str(uuid5(NAMESPACE_URL, f"{org}/department"))
    room = DEMO_ROOM if demo else str(uuid5(NAMESPACE_URL, f"{org}/room"))
    name = "Klinik Contoh" if demo else f"Klinik {org}"
    store.put(_organization(org, name, org, "prov"), "", org)
    part = _organization("POLI-AWAL", "Poli Awal", org, "dept")
    store.put({**part, "partOf": {"reference": f"Organization/{org}"}}, org, department)
    store.put(_room(org, department), org, room)


def _organization(value: str, name: str, org: str, kind: str) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/organization-type"
    return {
        "resourceType": "Organization",
        "active": True,
        "identifier": [{"system": f"http://sys-ids.kemkes.go.id/organization/{org}", "value": value}],
        "type": [{"coding": [{"system": system, "code": kind}]}],
        "name": name,
    }


def _room(org: str, department: str) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/location-physical-type"
    return {
        "resourceType": "Location",
        "identifier": [{"system": f"http://sys-ids.kemkes.go.id/location/{org}", "value": "RUANG-AWAL"}],
        "status": "active",
        "name": "Ruang Awal",
        "mode": "instance",
        "physicalType": {"coding": [{"system": system, "code": "ro", "display": "Room"}]},
        "managingOrganization": {"reference": f"Organization/{department}"},
    }
