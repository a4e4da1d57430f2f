"""Order of checks: each step, and that an earlier one comes first."""

from __future__ import annotations

import httpx
import pytest

from sandbox.satusehat.resources.clients import Client
from sandbox.world import World
from tests.sandbox.conftest import authorise, rule_numbers, texts
from tests.sandbox.samples import ENCOUNTER, sample

ENCOUNTERS = "/fhir-r4/v1/Encounter"


def as_client(world: World, api: httpx.Client, client: Client) -> httpx.Client:
    world.satusehat.register(client)
    authorise(api, client.id, client.secret)
    return api


def test_the_token_goes_before_the_path(outside: httpx.Client) -> None:
    assert outside.get("/fhir-r4/v1/nothing/here").status_code == 401


@pytest.mark.parametrize("path", ["/fhir-r4/v1/encounter", "/fhir-r4/v1/Encounter/1/2/3", "/elsewhere"])
def test_an_unknown_path_is_an_empty_404(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.content) == (404, b"")


def test_nothing_can_be_deleted(api: httpx.Client) -> None:
    assert api.delete(f"{ENCOUNTERS}/{ENCOUNTER}").status_code == 405


@pytest.mark.parametrize(
    ("body", "number"),
    [(b"", 20005), (b"\xff\xfe", 20005), (b"{", 20006), (b'{"a": NaN}', 20006), (b"[]", 20008), (b'"x"', 20008)],
)
def test_a_body_that_is_no_json_object_is_refused(api: httpx.Client, body: bytes, number: int) -> None:
    answer = api.post(ENCOUNTERS, content=body)
    assert answer.status_code == 400
    assert rule_numbers(answer) == {number}


def test_a_list_where_an_object_belongs_is_20008(api: httpx.Client) -> None:
    procedure = sample("procedure")
    answer = api.post("/fhir-r4/v1/Procedure", json={**procedure, "category": [procedure["category"]]})
    assert rule_numbers(answer) == {20008}
    assert "expected a CodeableConcept object" in answer.json()["issue"][0]["diagnostics"]


def test_an_object_where_a_list_belongs_is_20008(api: httpx.Client) -> None:
    encounter = sample("encounter_arrived")
    answer = api.post(ENCOUNTERS, json={**encounter, "identifier": encounter["identifier"][0]})
    assert rule_numbers(answer) == {20008}
    assert answer.json()["issue"][0]["expression"] == ["Encounter.identifier"]


def test_a_number_sent_as_text_is_20008(api: httpx.Client) -> None:
    value = {"value": "118", "unit": "mm[Hg]", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    answer = api.post("/fhir-r4/v1/Observation", json=sample("observation_systolic", valueQuantity=value))
    assert rule_numbers(answer) == {20008}


def test_a_body_of_another_type_is_a_mismatch(api: httpx.Client) -> None:
    answer = api.post("/fhir-r4/v1/Condition", json=sample("encounter_arrived"))
    assert (answer.status_code, texts(answer)) == (400, ["resource_mismatch"])


def test_a_patch_must_name_its_content_type(api: httpx.Client) -> None:
    answer = api.patch(f"{ENCOUNTERS}/{ENCOUNTER}", json=[])
    assert (answer.status_code, texts(answer)) == (400, ["invalid_headers"])


def test_a_type_outside_the_registration_is_20003(world: World, api: httpx.Client) -> None:
    few = Client("few", "few-secret", "100099001", types=frozenset({"Patient"}))
    answer = as_client(world, api, few).post(ENCOUNTERS, json={"resourceType": "Encounter"})
    assert rule_numbers(answer) == {20003}


def test_json_faults_go_before_the_registration(world: World, api: httpx.Client) -> None:
    few = Client("few", "few-secret", "100099001", types=frozenset({"Patient"}))
    assert rule_numbers(as_client(world, api, few).post(ENCOUNTERS, content=b"{")) == {20006}


def test_a_laboratory_may_not_send_visits(world: World, api: httpx.Client) -> None:
    laboratory = Client("lab", "lab-secret", "100099001", access_class="laboratory")
    answer = as_client(world, api, laboratory).post(ENCOUNTERS, json={"resourceType": "Encounter"})
    assert rule_numbers(answer) == {20004}


def test_nobody_may_write_practitioners(api: httpx.Client) -> None:
    answer = api.post("/fhir-r4/v1/Practitioner", json={"resourceType": "Practitioner"})
    assert rule_numbers(answer) == {20003}


def test_all_element_rules_come_in_one_outcome(api: httpx.Client) -> None:
    answer = api.post(ENCOUNTERS, json={"resourceType": "Encounter", "status": "arrived"})
    assert answer.json()["text"] == {"status": "generated"}
    assert rule_numbers(answer) >= {10001, 10117, 10118, 10119, 10120, 10121, 10122, 10123, 10124}


def test_element_rules_go_before_duplicates(api: httpx.Client) -> None:
    assert api.post(ENCOUNTERS, json=sample("encounter_arrived")).status_code == 201
    answer = api.post(ENCOUNTERS, json=sample("encounter_arrived", serviceProvider=None))
    assert rule_numbers(answer) == {10124}


def test_a_type_that_nobody_described_is_stored_after_structural_checks(api: httpx.Client) -> None:
    good = {"resourceType": "Teleportation", "subject": {"reference": "Patient/P01234567890"}}
    assert api.post("/fhir-r4/v1/Teleportation", json=good).status_code == 201
    bad = {"resourceType": "Teleportation", "subject": {"reference": "Patient/P0"}, "note": []}
    assert rule_numbers(api.post("/fhir-r4/v1/Teleportation", json=bad)) == {20007}
