"""Control API, as a person uses it with curl."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.world import World
from tests.sandbox.conftest import ask_token, authorise
from tests.sandbox.samples import NIK

CONTROL = "/__control"
SITI = "/fhir-r4/v1/Patient/P01234567890"


def test_a_fault_is_set_listed_and_removed(api: httpx.Client) -> None:
    listed = api.post(f"{CONTROL}/faults", json={"preset": "plain-503", "path": "/Patient"}).json()
    assert (listed[0]["id"], listed[0]["name"]) == (1, "plain-503")
    assert api.get(SITI).status_code == 503
    assert api.delete(f"{CONTROL}/faults/1").json() == []
    assert api.get(SITI).status_code == 200


def test_all_faults_are_removed_at_once(api: httpx.Client) -> None:
    api.post(f"{CONTROL}/faults", json={"preset": "plain-503"})
    assert api.delete(f"{CONTROL}/faults").json() == []
    assert api.delete(f"{CONTROL}/faults/1").status_code == 404


@pytest.mark.parametrize(
    "wrong", [{"preset": "x"}, {"statis": 500}, {"path": "["}, {"act": "explode"}, {"act": "satusehat.burn"}]
)
def test_a_wrong_fault_is_explained(api: httpx.Client, wrong: dict[str, Any]) -> None:
    answer = api.post(f"{CONTROL}/faults", json=wrong)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_the_presets_are_listed_with_titles(api: httpx.Client) -> None:
    listed = api.get(f"{CONTROL}/presets").json()
    assert listed["html-502"]["title"] == "502 as an HTML page, nothing stored"


def test_an_outage_is_switched_on_and_off(api: httpx.Client) -> None:
    assert api.put(f"{CONTROL}/outage", json={"preset": "html-502"}).json()["status"] == 502
    assert api.get(SITI).status_code == 502
    assert api.delete(f"{CONTROL}/outage").json() is None
    assert api.get(SITI).status_code == 200
    assert api.put(f"{CONTROL}/outage", json={"preset": "x"}).status_code == 422


def test_the_clock_is_advanced_and_skewed(api: httpx.Client) -> None:
    moved = api.put(f"{CONTROL}/clock", json={"advance": 4000, "skew": -60}).json()
    assert moved == {"now": "2026-03-11T02:06:40+00:00", "skew": -60.0}
    assert api.get(SITI).status_code == 401
    assert api.get(f"{CONTROL}/clock").json() == moved


def test_latency_is_set_for_all(world: World, api: httpx.Client) -> None:
    assert api.put(f"{CONTROL}/latency", json={"seconds": 0.01}).json() == {"seconds": 0.01}
    assert api.get(SITI).elapsed.total_seconds() >= 0.01
    assert world.latency == 0.01


def test_people_are_picked_by_kind_name_and_number(api: httpx.Client) -> None:
    people = api.get(f"{CONTROL}/people", params={"kind": "practitioner", "q": "rangga", "limit": 1}).json()
    assert [one["number"] for one in people] == ["10099887766"]
    assert len(api.get(f"{CONTROL}/people?kind=patient&limit=7").json()) == 7


def test_settings_are_read_and_changed(world: World, api: httpx.Client) -> None:
    changed = api.put(f"{CONTROL}/satusehat/settings", json={"strict": True, "expires_in": "number"}).json()
    assert (changed["strict"], world.satusehat.settings.strict) == (True, True)
    assert ask_token(api).json()["expires_in"] == 3599
    assert api.put(f"{CONTROL}/satusehat/settings", json={"strickt": True}).status_code == 422


def test_a_client_is_registered_with_its_facility(api: httpx.Client) -> None:
    client = {"id": "second", "secret": "s", "organization_id": "100099002", "types": ["Organization"]}
    listed = api.post(f"{CONTROL}/satusehat/clients", json=client).json()
    assert listed[1] == {**listed[0], **client, "secret": "***"}
    authorise(api, "second", "s")
    assert api.get("/fhir-r4/v1/Organization/100099002").status_code == 200
    assert api.get(SITI).status_code == 400
    assert api.post(f"{CONTROL}/satusehat/clients", json={"id": "third"}).status_code == 422


def test_tokens_are_expired(api: httpx.Client) -> None:
    api.post(f"{CONTROL}/satusehat/tokens/expire")
    assert api.get(SITI).status_code == 401


def test_resources_are_seeded_and_looked_at(api: httpx.Client) -> None:
    seeded = {"resourceType": "Medication", "id": "m1"}
    assert api.post(f"{CONTROL}/satusehat/resources?owner=100099001", json=[seeded]).json() == {"stored": 1}
    assert api.get(f"{CONTROL}/satusehat/resources/Medication").json()[0]["id"] == "m1"
    assert api.post(f"{CONTROL}/satusehat/resources", json=[{"id": "x"}]).status_code == 422


def test_a_nik_gets_a_second_record(api: httpx.Client) -> None:
    nik = "3174990101900001"
    api.post(f"{CONTROL}/satusehat/twins", json={"nik": nik})
    assert api.get("/fhir-r4/v1/Patient", params={"identifier": f"{NIK}|{nik}"}).json()["total"] == 2
    assert api.post(f"{CONTROL}/satusehat/twins", json={"nik": "0"}).status_code == 422
