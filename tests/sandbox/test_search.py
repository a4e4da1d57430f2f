"""Search, paging and masks."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.population import of_kind
from sandbox.world import World
from tests.sandbox.conftest import texts
from tests.sandbox.samples import ENCOUNTER, NIK, sample

SITI = "P01234567890"


def find(api: httpx.Client, kind: str, /, **criteria: Any) -> dict[str, Any]:
    asked = {name.replace("__", "-"): value for name, value in criteria.items()}
    answer = api.get(f"/fhir-r4/v1/{kind}", params=asked)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def link(bundle: dict[str, Any], relation: str) -> str:
    return next((one["url"] for one in bundle["link"] if one["relation"] == relation), "")


def create_observations(api: httpx.Client, count: int) -> list[str]:
    content = sample("observation_systolic")
    return [api.post("/fhir-r4/v1/Observation", json=content).json()["id"] for _ in range(count)]


def test_nothing_found_is_200_with_total_0(api: httpx.Client) -> None:
    nobody = of_kind("unknown")[0].nik
    bundle = find(api, "Patient", identifier=f"{NIK}|{nobody}")
    assert (bundle["total"], bundle["entry"]) == (0, [])
    assert [one["relation"] for one in bundle["link"]] == ["search", "first", "self"]


def test_a_search_by_nik_shows_a_masked_name_and_no_birth_date(api: httpx.Client) -> None:
    resource = find(api, "Patient", identifier=f"{NIK}|3174990101900001")["entry"][0]["resource"]
    assert set(resource) == {"resourceType", "active", "id", "identifier", "meta", "name"}
    assert resource["name"][0]["text"] == "Si** Co****"
    assert resource["identifier"][1]["value"] == "################"
    assert resource["id"] == SITI


def test_a_search_by_name_and_birth_date_shows_more(api: httpx.Client) -> None:
    bundle = find(api, "Patient", name="siti contoh", birthdate="1990-01-01", gender="female")
    resource = bundle["entry"][0]["resource"]
    assert (resource["gender"], resource["name"][0]["text"]) == ("female", "Siti Contoh")
    assert resource["identifier"][1]["value"] == "################"


def test_reading_a_patient_shows_no_name(api: httpx.Client) -> None:
    assert set(api.get(f"/fhir-r4/v1/Patient/{SITI}").json()) == {
        *("resourceType", "active", "id", "identifier", "meta"),
    }


def test_a_practitioner_shows_the_name_and_no_birth_date(api: httpx.Client) -> None:
    bundle = find(api, "Practitioner", identifier=f"{NIK}|7299010101800001")
    resource = bundle["entry"][0]["resource"]
    assert (resource["id"], resource["name"][0]["text"]) == ("10099887766", "dr. Rangga Uji")
    assert "birthDate" not in resource
    assert resource["identifier"][1]["value"] == "################"


def test_one_nik_of_the_population_gives_two_patients(api: httpx.Client) -> None:
    twin = next(one for one in of_kind("patient") if one.twin_number)
    assert find(api, "Patient", identifier=f"{NIK}|{twin.nik}")["total"] == 2


@pytest.mark.parametrize(
    "criteria",
    [
        {"subject": f"Patient/{SITI}"},
        {"subject": SITI},
        {"encounter": ENCOUNTER},
        {"encounter": f"Encounter/{ENCOUNTER}", "code": "http://loinc.org|8480-6"},
        {"code": "8480-6"},
        {"date": "2026-03-10"},
        {"date": "ge2026-03-01"},
    ],
)
def test_observations_are_found_by(api: httpx.Client, criteria: dict[str, str]) -> None:
    (made,) = create_observations(api, 1)
    assert made in [one["resource"]["id"] for one in find(api, "Observation", **criteria)["entry"]]


@pytest.mark.parametrize(
    "criteria",
    [{"subject": "P02478375538"}, {"code": "8462-4"}, {"date": "lt2026-03-01"}, {"code": "http://x.example|8480-6"}],
)
def test_observations_are_not_found_by(api: httpx.Client, criteria: dict[str, str]) -> None:
    create_observations(api, 1)
    assert find(api, "Observation", **criteria)["total"] == 0


def test_visits_are_found_by_identifier_and_subject(api: httpx.Client) -> None:
    made = api.post("/fhir-r4/v1/Encounter", json=sample("encounter_arrived")).json()["id"]
    key = "http://sys-ids.kemkes.go.id/encounter/100099001|RJ-20260310-0001"
    assert [one["resource"]["id"] for one in find(api, "Encounter", identifier=key)["entry"]] == [made]
    assert find(api, "Encounter", subject=SITI)["entry"][0]["resource"]["id"] == made


def test_diagnoses_are_found_by_visit_and_clinical_status(api: httpx.Client) -> None:
    api.post("/fhir-r4/v1/Condition", json=sample("condition_diagnosis"))
    assert find(api, "Condition", encounter=ENCOUNTER, clinical__status="active")["total"] == 1
    assert find(api, "Condition", encounter=ENCOUNTER, clinical__status="resolved")["total"] == 0


def test_departments_and_rooms_are_found_by_what_they_belong_to(api: httpx.Client) -> None:
    assert find(api, "Organization", partof="100099001")["total"] == 1
    department = "Organization/3f1c8a52-6d0e-4b7a-9a41-000000001001"
    assert find(api, "Location", organization=department)["entry"][0]["resource"]["name"] == "Ruang Awal"


def test_a_composition_is_found_by_its_single_identifier(api: httpx.Client) -> None:
    api.post("/fhir-r4/v1/Composition", json=sample("composition"))
    key = "http://sys-ids.kemkes.go.id/composition/100099001|RJ-20260310-0001"
    assert find(api, "Composition", identifier=key)["total"] == 1


def test_something_is_found_by_id(api: httpx.Client) -> None:
    (made,) = create_observations(api, 1)
    assert find(api, "Observation", _id=made)["total"] == 1


def test_pages_follow_each_other_by_their_links(api: httpx.Client) -> None:
    made = create_observations(api, 25)
    url, seen, pages = f"/fhir-r4/v1/Observation?encounter={ENCOUNTER}", [], 0
    while url:
        bundle = api.get(url).json()
        seen += [one["resource"]["id"] for one in bundle["entry"]]
        url, pages = link(bundle, "next"), pages + 1
    assert (pages, seen, bundle["total"]) == (3, made, 25)


def test_the_page_size_can_be_asked_for(api: httpx.Client) -> None:
    create_observations(api, 5)
    bundle = find(api, "Observation", encounter=ENCOUNTER, _count=2)
    assert len(bundle["entry"]) == 2
    assert "_page_token" in link(bundle, "next")


@pytest.mark.parametrize("query", ["foo=1", "_count=0", "_count=x", "_page_token=%21"])
def test_a_wrong_parameter_is_an_invalid_query(api: httpx.Client, query: str) -> None:
    answer = api.get(f"/fhir-r4/v1/Observation?{query}")
    assert (answer.status_code, texts(answer)) == (400, ["invalid_query"])


def test_dispenses_ignore_encounter_and_want_subject_with_context(world: World, api: httpx.Client) -> None:
    subject = {"reference": f"Patient/{SITI}"}
    world.satusehat.seed({"resourceType": "MedicationDispense", "id": "1", "subject": subject})
    assert find(api, "MedicationDispense", encounter="other")["total"] == 1
    answer = api.get("/fhir-r4/v1/MedicationDispense?context=1")
    assert answer.json()["issue"][0]["diagnostics"] == "Missing query parameters: subject"


def test_everything_is_not_supported(api: httpx.Client) -> None:
    assert "20014" in api.get(f"/fhir-r4/v1/Patient/{SITI}/$everything").text
