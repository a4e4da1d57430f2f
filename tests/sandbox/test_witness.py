"""/__stats, /__log and /__reset: records of the sandbox that tests compare with."""

from __future__ import annotations

from typing import Any

import httpx

from sandbox.world import World
from tests.sandbox.conftest import authorise
from tests.sandbox.samples import sample

ENCOUNTERS = "/fhir-r4/v1/Encounter"
KEY = "http://sys-ids.kemkes.go.id/encounter/100099001|RJ-20260310-0001"


def stats(api: httpx.Client, query: str = "") -> dict[str, Any]:
    figures: dict[str, Any] = api.get(f"/__stats{query}").json()
    return figures


def test_posts_creations_and_refused_duplicates_are_told_apart(api: httpx.Client) -> None:
    for _ in range(3):
        api.post(ENCOUNTERS, json=sample("encounter_arrived"))
    figures = stats(api)
    assert figures["posts"]["Encounter"] == 3
    assert figures["created"] == {"Encounter": 1}
    assert figures["duplicates_refused"] == {"Encounter": 2}
    assert figures["duplicates_created"] == 0
    assert figures["distinct_bodies"]["Encounter"] == 1


def test_a_duplicate_that_was_created_is_named(world: World, api: httpx.Client) -> None:
    world.satusehat.settings.refuse_duplicates = False
    for _ in range(2):
        api.post(ENCOUNTERS, json=sample("encounter_arrived"))
    figures = stats(api, "?detail=1")
    assert figures["duplicates_created"] == 1
    assert figures["duplicate_keys"] == {f"Encounter|{KEY}": 2}
    assert figures["by_identifier"] == {f"Encounter|{KEY}": 2}


def test_every_entry_of_a_bundle_is_counted(api: httpx.Client) -> None:
    api.post("/fhir-r4/v1", json=sample("bundle"))
    figures = stats(api)
    assert figures["created"] == {"Encounter": 1, "Condition": 1}
    assert figures["posts"]["Bundle"] == 1


def test_token_posts_and_statuses_are_counted(api: httpx.Client) -> None:
    authorise(api)
    figures = stats(api)
    assert figures["token_posts"] == 2
    assert figures["statuses"] == {"200": 2}
    assert (figures["in_flight"], figures["in_flight_max"]) == (0, 1)


def test_a_post_is_counted_even_if_a_fault_swallows_it(world: World, api: httpx.Client) -> None:
    world.faults.add("plain-503")
    api.post(ENCOUNTERS, json=sample("encounter_arrived"))
    assert stats(api)["posts"]["Encounter"] == 1
    assert stats(api)["created"] == {}


def test_the_log_names_each_request_and_keeps_bodies_on_demand(api: httpx.Client) -> None:
    api.put("/__log", json={"bodies": True})
    api.post(ENCOUNTERS, content=b"{")
    line = api.get("/__log?last=1").json()[0]
    assert (line["method"], line["path"], line["status"], line["body"]) == ("POST", ENCOUNTERS, "400", "{")


def test_a_reset_forgets_everything_but_the_population(world: World, api: httpx.Client) -> None:
    api.post(ENCOUNTERS, json=sample("encounter_arrived"))
    world.satusehat.settings.strict = True
    assert api.post("/__reset").json() == {"reset": "all"}
    assert stats(api)["requests"] == {}
    assert world.satusehat.settings.strict is False
    authorise(api)
    assert api.get("/fhir-r4/v1/Patient/P01234567890").status_code == 200
    assert api.get(ENCOUNTERS).json()["total"] == 0


def test_the_witness_or_the_faults_can_be_reset_alone(world: World, api: httpx.Client) -> None:
    world.faults.add("plain-503")
    api.post("/__reset?only=stats")
    assert world.faults.in_force
    assert not world.witness.requests
    api.post("/__reset?only=faults")
    assert not world.faults.in_force
