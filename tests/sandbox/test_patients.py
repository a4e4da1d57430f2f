"""POST /Patient and its unusual answers."""

from __future__ import annotations

from typing import Any

import httpx

from sandbox.population import SyntheticPerson, of_kind
from sandbox.world import World
from tests.sandbox.conftest import rule_numbers, texts
from tests.sandbox.samples import NIK, sample


def post(api: httpx.Client, **changes: Any) -> httpx.Response:
    return api.post("/fhir-r4/v1/Patient", json=sample("patient_newborn", **changes))


def with_nik(person: SyntheticPerson) -> dict[str, Any]:
    """Return the changes that make the example about this person."""
    identifier = [{"use": "official", "system": NIK, "value": person.nik}]
    name = [{"use": "official", "text": person.name}]
    return {"identifier": identifier, "name": name, "birthDate": person.birth_date, "gender": person.gender}


def test_a_citizen_becomes_a_patient_and_is_then_found(api: httpx.Client) -> None:
    citizen = of_kind("citizen")[0]
    answer = post(api, **with_nik(citizen))
    number = answer.json()["data"]["Patient ID:"]
    assert (answer.status_code, answer.json()["success"]) == (201, True)
    bundle = api.get("/fhir-r4/v1/Patient", params={"identifier": f"{NIK}|{citizen.nik}"}).json()
    assert [one["resource"]["id"] for one in bundle["entry"]] == [number]


def test_an_unknown_nik_is_200_without_success(api: httpx.Client) -> None:
    answer = post(api, **with_nik(of_kind("unknown")[0]))
    assert (answer.status_code, answer.json()) == (200, {"success": False, "message": "Citizen Not Exists"})


def test_unknown_niks_can_be_let_in(world: World, api: httpx.Client) -> None:
    world.satusehat.settings.unknown_nik = "create"
    assert post(api, **with_nik(of_kind("unknown")[0])).json()["success"] is True


def test_a_patient_cannot_be_created_twice(api: httpx.Client) -> None:
    assert rule_numbers(post(api, **with_nik(of_kind("patient")[0]))) == {20002}


def test_a_newborn_is_found_by_the_mothers_nik(api: httpx.Client) -> None:
    number = post(api).json()["data"]["Patient ID:"]
    mother = "https://fhir.kemkes.go.id/id/nik-ibu|3174994101950002"
    bundle = api.get("/fhir-r4/v1/Patient", params={"identifier": mother}).json()
    assert [one["resource"]["id"] for one in bundle["entry"]] == [number]


def test_a_father_is_no_mother(api: httpx.Client) -> None:
    identifier = [{"system": "https://fhir.kemkes.go.id/id/nik-ibu", "value": "3174990202700003"}]
    answer = post(api, identifier=identifier)
    assert (answer.status_code, texts(answer)) == (400, ["Patient with nik-ibu is not female"])


def test_a_new_patient_can_be_referred_to(api: httpx.Client) -> None:
    number = post(api, **with_nik(of_kind("citizen")[1])).json()["data"]["Patient ID:"]
    visit = sample("encounter_arrived", subject={"reference": f"Patient/{number}"})
    assert api.post("/fhir-r4/v1/Encounter", json=visit).status_code == 201


def test_a_foreigner_becomes_a_patient_by_passport(api: httpx.Client) -> None:
    passport = {"system": "https://fhir.kemkes.go.id/id/paspor", "value": "X1234567"}
    number = post(api, identifier=[passport]).json()["data"]["Patient ID:"]
    found = api.get("/fhir-r4/v1/Patient", params={"identifier": f"{passport['system']}|X1234567"}).json()
    assert [one["resource"]["id"] for one in found["entry"]] == [number]
