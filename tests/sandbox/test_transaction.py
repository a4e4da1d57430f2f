"""Transaction bundles: all or nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.world import World
from tests.sandbox.conftest import rule_numbers
from tests.sandbox.samples import sample

BASE = "/fhir-r4/v1"


def post(api: httpx.Client, bundle: dict[str, Any]) -> httpx.Response:
    return api.post(BASE, json=bundle)


def test_ids_come_back_in_request_order(api: httpx.Client) -> None:
    answer = post(api, sample("bundle"))
    responses = [entry["response"] for entry in answer.json()["entry"]]
    assert (answer.status_code, answer.json()["type"]) == (200, "transaction-response")
    assert [one["resourceType"] for one in responses] == ["Encounter", "Condition"]
    assert all(one["status"] == "201 Created" and one["resourceID"] in one["location"] for one in responses)


def test_references_are_resolved_both_ways(api: httpx.Client) -> None:
    visit, diagnosis = (one["response"]["resourceID"] for one in post(api, sample("bundle")).json()["entry"])
    stored = api.get(f"{BASE}/Encounter/{visit}").json()
    assert stored["diagnosis"][0]["condition"]["reference"] == f"Condition/{diagnosis}"
    stored = api.get(f"{BASE}/Condition/{diagnosis}").json()
    assert stored["encounter"]["reference"] == f"Encounter/{visit}"


def test_one_wrong_entry_stores_nothing_and_its_dependants_say_so(world: World, api: httpx.Client) -> None:
    bundle = sample("bundle")
    del bundle["entry"][1]["resource"]["code"]
    answer = post(api, bundle)
    assert rule_numbers(answer) == {10003, 20013}
    assert answer.json()["issue"][1]["expression"] == ["Bundle.entry[1].resource.code"]
    assert not world.witness.creations


def test_a_repeated_bundle_is_a_duplicate(api: httpx.Client) -> None:
    post(api, sample("bundle"))
    answer = post(api, sample("bundle"))
    assert answer.status_code == 400
    assert {issue["code"] for issue in answer.json()["issue"]} == {"duplicate"}


def test_two_entries_may_not_share_an_identifier(api: httpx.Client) -> None:
    bundle = sample("bundle")
    twin = {**bundle["entry"][1], "fullUrl": "urn:uuid:3f1c8a52-6d0e-4b7a-9a41-000000030003"}
    bundle["entry"].append(twin)
    assert rule_numbers(post(api, bundle)) == {20002}


def test_a_stored_visit_can_be_put_in_a_bundle(api: httpx.Client) -> None:
    visit = api.post(f"{BASE}/Encounter", json=sample("encounter_arrived")).json()
    bundle = sample("bundle")
    url = f"Encounter/{visit['id']}"
    bundle["entry"][0]["resource"]["id"] = visit["id"]
    bundle["entry"][0]["request"] = {"method": "PUT", "url": url}
    assert post(api, bundle).json()["entry"][0]["response"]["status"] == "200 OK"
    assert api.get(f"{BASE}/{url}").json()["status"] == "finished"


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"resource": {"resourceType": "Bundle"}}, 20011),
        ({"fullUrl": "urn:uuid:nonsense"}, 20017),
        ({"fullUrl": "urn:uuid:3f1c8a52-6d0e-4b7a-9a41-000000030001"}, 20020),
        ({"fullUrl": ""}, 20021),
        ({"request": {"method": "POST", "url": "/Condition"}}, 20013),
    ],
)
def test_an_entry_is_addressed_properly(api: httpx.Client, changes: dict[str, Any], number: int) -> None:
    bundle = sample("bundle")
    bundle["entry"][1].update(changes)
    assert rule_numbers(post(api, bundle)) == {number}


def test_only_transactions_are_taken(api: httpx.Client) -> None:
    assert rule_numbers(post(api, sample("bundle", type="batch"))) == {20008}
