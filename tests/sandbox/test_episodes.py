"""Episodes of care: one that is active per patient and programme, and changes by PATCH only."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import rule_numbers, texts
from tests.sandbox.samples import sample

PATCH = {"content-type": "application/json-patch+json"}
STATUS = {"op": "replace", "path": "/status", "value": "finished"}


def post(api: httpx.Client, **changes: Any) -> httpx.Response:
    return api.post("/fhir-r4/v1/EpisodeOfCare", json=sample("episode_of_care", **changes))


@pytest.mark.parametrize(("element", "number"), [("status", 10109), ("type", 10110), ("patient", 10157)])
def test_a_missing_element_is_named_by_its_rule(api: httpx.Client, element: str, number: int) -> None:
    assert rule_numbers(post(api, **{element: None})) == {number}


def test_a_date_alone_is_no_beginning(api: httpx.Client) -> None:
    assert rule_numbers(post(api, period={"start": "2026-03-01"})) == {10406}


def test_a_patient_has_one_active_episode_of_a_programme(api: httpx.Client) -> None:
    assert post(api).status_code == 201
    again = post(api, identifier=None)
    assert texts(again) == ["found duplicated EpisodeOfCare Type with status active (RuleNumber: 10110)"]
    assert post(api, identifier=None, status="waitlist").status_code == 201


def test_it_is_changed_by_a_patch_that_names_the_patient(api: httpx.Client) -> None:
    made = post(api).json()
    address = f"/fhir-r4/v1/EpisodeOfCare/{made['id']}"
    assert api.put(address, json={**made, "status": "finished"}).status_code == 403
    refused = api.patch(address, json=[STATUS], headers=PATCH)
    assert texts(refused) == ["EpisodeOfCare.status :: patient reference can't be empty"]
    patient = {"op": "replace", "path": "/patient", "value": made["patient"]}
    assert api.patch(address, json=[STATUS, patient], headers=PATCH).json()["status"] == "finished"


def test_the_ministrys_patch_finishes_it(api: httpx.Client) -> None:
    made = post(api).json()
    ended = "2026-03-10T02:00:00+00:00"
    operations = [
        STATUS,
        {"op": "replace", "path": "/patient", "value": made["patient"]},
        {"op": "add", "path": "/period/end", "value": ended},
        {"op": "add", "path": "/statusHistory/0/period/end", "value": ended},
        {"op": "add", "path": "/statusHistory/1", "value": {"status": "finished", "period": {"start": ended}}},
    ]
    changed = api.patch(f"/fhir-r4/v1/EpisodeOfCare/{made['id']}", json=operations, headers=PATCH)
    assert (changed.status_code, changed.json()["period"]["end"]) == (200, ended)
