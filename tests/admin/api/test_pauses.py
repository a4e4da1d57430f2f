"""Pauses by a clinic's system: begin, list and end them; what is wrong with one is said."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from engine.facilities.facilities import add_facility
from engine.outbox.pauses import pauses
from engine.outbox.pauses.pauses import NewPause
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

PAUSES = "/api/v1/pauses"
OF_VISITS = {"upstream": "ministry", "spec": "Visit", "reason": "migrasi"}


async def test_a_pause_is_begun_listed_and_ended(his: httpx.AsyncClient, antar: SmallHub) -> None:
    answer = await his.post(PAUSES, json=OF_VISITS)
    [begun] = answer.json()["pauses"]
    assert (answer.status_code, begun["by"], begun["current"]) == (201, "api:klinik", True)
    assert (await his.get(PAUSES)).json() == {"pauses": [begun]}
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await antar.status("Visit", "V1") == "queued"
    assert (await his.delete(f"{PAUSES}/{begun['id']}")).json() == {"id": begun["id"], "ended": True}
    assert (await his.delete(f"{PAUSES}/{begun['id']}")).status_code == 404
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"


async def test_a_path_pauses_the_types_that_send_to_it(his: httpx.AsyncClient) -> None:
    answer = await his.post(PAUSES, json={"upstream": "ministry", "path": "POST /Visit", "reason": "uji"})
    assert [pause["spec"] for pause in answer.json()["pauses"]] == ["Visit"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"upstream": "nowhere"}, 404, "not_found"),
        ({"spec": "Nothing"}, 404, "not_found"),
        ({"path": "POST /nowhere"}, 404, "not_found"),
        ({"reason": " "}, 422, "no_reason"),
        ({"ends_at": 1}, 422, "past"),
        ({"weekly": True}, 422, "week"),
        ({"begins_at": 4_000_000_000_000, "ends_at": 3_000_000_000_000}, 422, "order"),
        ({"ends_at": "tomorrow"}, 400, "bad_request"),
    ],
)
async def test_what_is_wrong_is_said(his: httpx.AsyncClient, change: dict[str, Any], status: int, code: str) -> None:
    answer = await his.post(PAUSES, json={**OF_VISITS, **change})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


async def test_the_same_twice_is_a_conflict(his: httpx.AsyncClient) -> None:
    answers = [(await his.post(PAUSES, json=OF_VISITS)).status_code for _ in range(2)]
    assert answers == [201, 409]


async def test_a_key_ends_the_pauses_of_its_own_clinic_alone(his: httpx.AsyncClient, antar: SmallHub) -> None:
    other = await add_facility(antar.hub.database, "lain", "Lain")
    for facility_id in (other.id, None):
        begun = await pauses.begin(antar.hub.database, NewPause(facility_id, "ministry", "x"), "sari")
        assert isinstance(begun, list)
        assert (await his.delete(f"{PAUSES}/{begun[0]}")).status_code == 404


async def test_a_delivery_tells_the_pause_that_holds_it(his: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    [pause] = (await his.post(PAUSES, json=OF_VISITS)).json()["pauses"]
    await antar.hand_in("Visit", {"id": "V2"})
    await antar.work()
    told = {"id": pause["id"], "reason": "migrasi", "ends_at": None}
    listed = (await his.get("/api/v1/deliveries")).json()["deliveries"]
    assert {row["key"]: row["paused"] for row in listed} == {"V1": None, "V2": told}
    assert (await his.get("/api/v1/deliveries/2")).json()["paused"] == told
