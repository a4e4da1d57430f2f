"""Create, read, update and patch of one resource; duplicates."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.satusehat.resources.clients import Client
from sandbox.world import World
from tests.sandbox.conftest import authorise, rule_numbers, texts
from tests.sandbox.samples import sample

PATCH = {"content-type": "application/json-patch+json"}


def create(api: httpx.Client, name: str, /, **changes: Any) -> httpx.Response:
    content = sample(name, **changes)
    return api.post(f"/fhir-r4/v1/{content['resourceType']}", json=content)


def patch(api: httpx.Client, path: str, *operations: dict[str, Any]) -> httpx.Response:
    return api.patch(f"/fhir-r4/v1/{path}", json=list(operations), headers=PATCH)


@pytest.fixture
def visit(api: httpx.Client) -> dict[str, Any]:
    """Return a stored Encounter."""
    content: dict[str, Any] = create(api, "encounter_arrived").json()
    return content


def test_what_was_created_comes_back_with_an_id_and_meta(api: httpx.Client) -> None:
    answer = create(api, "encounter_arrived")
    stored = answer.json()
    assert answer.status_code == 201
    assert len(stored["id"]) == 36
    assert stored["meta"]["lastUpdated"] == "2026-03-11T01:00:00.000000+00:00"
    assert answer.headers["etag"] == f'W/"{stored["meta"]["versionId"]}"'


def test_the_location_header_shows_the_inner_store(api: httpx.Client) -> None:
    answer = create(api, "encounter_arrived")
    assert answer.headers["location"].startswith("https://healthcare.googleapis.com/")
    assert {"x-request-id", "via", "last-modified", "date"} <= set(answer.headers)


def test_what_was_created_can_be_read(api: httpx.Client, visit: dict[str, Any]) -> None:
    assert api.get(f"/fhir-r4/v1/Encounter/{visit['id']}").json() == visit


def test_an_unknown_id_is_a_404_of_the_store(api: httpx.Client) -> None:
    answer = api.get("/fhir-r4/v1/Encounter/none")
    assert answer.status_code == 404
    assert answer.json()["issue"][0]["diagnostics"] == "resource not found: Encounter/none"
    assert "text" not in answer.json()


def test_a_put_replaces_the_whole_resource(api: httpx.Client, visit: dict[str, Any]) -> None:
    answer = api.put(f"/fhir-r4/v1/Encounter/{visit['id']}", json={**visit, "status": "in-progress"})
    assert (answer.status_code, answer.json()["status"]) == (200, "in-progress")
    assert answer.json()["meta"]["versionId"] != visit["meta"]["versionId"]


def test_a_put_of_an_unknown_id_is_20007(api: httpx.Client, visit: dict[str, Any]) -> None:
    answer = api.put("/fhir-r4/v1/Encounter/none", json={**visit, "id": "none"})
    assert rule_numbers(answer) == {20007}


def test_a_put_whose_body_has_another_id_is_a_mismatch(api: httpx.Client, visit: dict[str, Any]) -> None:
    answer = api.put(f"/fhir-r4/v1/Encounter/{visit['id']}", json={**visit, "id": "B"})
    assert texts(answer) == ["resource_mismatch"]


def test_a_put_is_checked_like_a_post(api: httpx.Client, visit: dict[str, Any]) -> None:
    answer = api.put(f"/fhir-r4/v1/Encounter/{visit['id']}", json={**visit, "status": "finished"})
    assert rule_numbers(answer) == {10121, 10122, 10457}


def test_another_facility_may_not_edit(world: World, api: httpx.Client, visit: dict[str, Any]) -> None:
    world.satusehat.register(Client("other", "other-secret", "100099002"))
    authorise(api, "other", "other-secret")
    answer = api.put(f"/fhir-r4/v1/Encounter/{visit['id']}", json=visit)
    assert (answer.status_code, texts(answer)) == (403, ["You don't have permission to edit resource"])


def test_patients_may_not_be_edited(api: httpx.Client) -> None:
    operation = {"op": "replace", "path": "/active", "value": False}
    assert rule_numbers(patch(api, "Patient/P01234567890", operation)) == {20016}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("encounter_arrived", "Found duplicate resource: Encounter"),
        ("location", "Found duplicate: Location (RuleNumber: 20002)"),
        ("condition_diagnosis", "Found duplicate resource: Condition (RuleNumber: 20002)"),
        ("procedure", "Found duplicate resource: Procedure (RuleNumber: 20002)"),
        ("allergy", "Found duplicate resource: AllergyIntolerance (RuleNumber: 20002)"),
        ("composition", "Found duplicate resource: Composition (RuleNumber: 20002)"),
    ],
)
def test_an_identifier_can_be_used_once(api: httpx.Client, name: str, text: str) -> None:
    assert create(api, name).status_code == 201
    again = create(api, name)
    assert (again.status_code, texts(again)) == (400, [text])
    assert again.json()["issue"][0]["code"] == "duplicate"


def test_observations_with_an_identifier_can_be_sent_once(api: httpx.Client) -> None:
    identifier = [{"system": "http://sys-ids.kemkes.go.id/observation/100099001", "value": "V1-SYS"}]
    assert create(api, "observation_systolic", identifier=identifier).status_code == 201
    again = create(api, "observation_systolic", identifier=identifier)
    assert texts(again) == ["Found duplicate: Observation (RuleNumber: 20002)"]


def test_nothing_stops_a_double_without_an_identifier(world: World, api: httpx.Client) -> None:
    assert create(api, "observation_systolic").status_code == 201
    assert create(api, "observation_systolic").status_code == 201
    assert world.witness.summary()["duplicates_created"] == 1


def test_an_order_sent_twice_is_refused(api: httpx.Client) -> None:
    order = sample("service_request_lab")
    assert api.post("/fhir-r4/v1/ServiceRequest", json=order).status_code == 201
    assert rule_numbers(api.post("/fhir-r4/v1/ServiceRequest", json=order)) == {20002}


def test_refusing_duplicates_can_be_switched_off(world: World, api: httpx.Client) -> None:
    world.satusehat.settings.refuse_duplicates = False
    assert [create(api, "encounter_arrived").status_code for _ in range(3)] == [201, 201, 201]
    assert world.witness.summary()["duplicates_created"] == 2


def test_a_patch_changes_what_it_names(api: httpx.Client, visit: dict[str, Any]) -> None:
    operation = {"op": "replace", "path": "/status", "value": "in-progress"}
    answer = patch(api, f"Encounter/{visit['id']}", operation)
    assert (answer.status_code, answer.json()["status"]) == (200, "in-progress")


def test_a_patch_may_not_touch_the_subject(api: httpx.Client, visit: dict[str, Any]) -> None:
    operation = {"op": "replace", "path": "/subject/reference", "value": "Patient/P02478375538"}
    assert patch(api, f"Encounter/{visit['id']}", operation).status_code == 403


def test_a_failing_test_operation_is_merge_failed(api: httpx.Client, visit: dict[str, Any]) -> None:
    operation = {"op": "test", "path": "/status", "value": "finished"}
    assert texts(patch(api, f"Encounter/{visit['id']}", operation)) == ["merge_failed"]


def test_a_patch_must_leave_a_valid_resource(api: httpx.Client, visit: dict[str, Any]) -> None:
    answer = patch(api, f"Encounter/{visit['id']}", {"op": "remove", "path": "/statusHistory"})
    assert rule_numbers(answer) == {10122}


def test_a_bed_status_is_patched_as_a_whole(api: httpx.Client) -> None:
    room = create(api, "location").json()["id"]
    coding = {"system": "http://terminology.hl7.org/CodeSystem/v2-0116", "code": "O", "display": "Occupied"}
    whole = {"op": "add", "path": "/operationalStatus", "value": coding}
    part = {"op": "replace", "path": "/operationalStatus/code", "value": "U"}
    assert patch(api, f"Location/{room}", whole).json()["operationalStatus"] == coding
    assert rule_numbers(patch(api, f"Location/{room}", part)) == {10171}
