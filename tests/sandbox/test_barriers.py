"""Barriers: a request waits until a test releases it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from sandbox.world import World
from tests.sandbox.samples import sample

ENCOUNTERS = "/fhir-r4/v1/Encounter"


def test_a_request_waits_before_it_is_stored(world: World, api: httpx.Client) -> None:
    world.faults.add(barrier="gate", path="/Encounter", times=1)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(api.post, ENCOUNTERS, json=sample("encounter_arrived"))
        assert world.barriers["gate"].reached(1)
        assert not world.witness.creations
        world.barriers["gate"].release()
        assert answer.result().status_code == 201


def test_a_request_waits_after_it_is_stored(world: World, api: httpx.Client) -> None:
    world.faults.add(barrier="gate", barrier_at="after", path="/Encounter", times=1)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(api.post, ENCOUNTERS, json=sample("encounter_arrived"))
        assert world.barriers["gate"].reached(1)
        assert world.witness.creations["Encounter"] == 1
        assert api.post("/__control/barriers/gate/release").json() == {"released": 1}
        assert answer.result().status_code == 201


def test_who_waits_is_shown(world: World, api: httpx.Client) -> None:
    world.faults.add(barrier="gate", times=2, path="/Patient")
    with ThreadPoolExecutor() as pool:
        held = [pool.submit(api.get, "/fhir-r4/v1/Patient/P01234567890") for _ in range(2)]
        assert world.barriers["gate"].reached(2)
        assert api.get("/__control/barriers").json() == {"gate": 2}
        assert world.witness.in_flight_max == 2
        world.reset()
        assert {one.result().status_code for one in held} == {401}


def test_nobody_reaches_a_barrier_that_is_not_asked_for(world: World) -> None:
    assert not world.barriers["gate"].reached(1, timeout=0)
    assert world.barriers["gate"].release() == 0
