"""Records that the HTTP interface refused: remembered without their content, until the same key is accepted."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from engine.intake import refusals
from engine.intake.refusals import KEEP_MS
from tests.engine.small_hub import AT, SmallHub

pytestmark = pytest.mark.anyio

GOOD, BAD = {"id": "V1", "at": AT}, {"id": "V1", "at": 5}


async def hand_in(his: httpx.AsyncClient, *records: Any) -> None:
    await his.post("/api/v1/records/Visit", json=list(records))


async def listed(his: httpx.AsyncClient, **query: str) -> list[tuple[str, str | None, str, int]]:
    answer = await his.get("/api/v1/refused", params=query)
    return [(row["spec"], row["key"], row["problem"], row["times"]) for row in answer.json()["refused"]]


async def test_a_refused_record_is_listed_until_its_key_is_accepted(his: httpx.AsyncClient) -> None:
    await hand_in(his, BAD)
    await hand_in(his, BAD)
    assert await listed(his) == [("Visit", "V1", "$.at: is of a wrong kind (expected: string)", 2)]
    await hand_in(his, GOOD)
    assert await listed(his) == []


async def test_the_content_that_was_there_before_ends_it_too(his: httpx.AsyncClient) -> None:
    await hand_in(his, GOOD)
    await hand_in(his, BAD)
    await hand_in(his, GOOD)  # unchanged
    assert await listed(his) == []


async def test_no_value_of_a_record_is_kept(his: httpx.AsyncClient, antar: SmallHub) -> None:
    person = {"id": "P1", "nik": 3171010101010001, "at": "2026-03-10"}
    await his.post("/api/v1/records/Person", json=person)
    [row] = await antar.hub.database.fetch(text("SELECT * FROM refused_records"))
    assert "3171010101010001" not in str(row)


async def test_records_without_a_key_are_one_row(his: httpx.AsyncClient) -> None:
    await hand_in(his, {"at": AT}, {"at": AT})
    assert await listed(his, spec="Visit") == [("Visit", None, "$.id: is missing", 1)]
    assert await listed(his, spec="Person") == []


async def test_a_check_remembers_nothing(his: httpx.AsyncClient) -> None:
    await his.post("/api/v1/records/Visit?check=true", json=BAD)
    assert await listed(his) == []


async def test_what_is_old_or_was_accepted_elsewhere_is_forgotten(his: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in(his, BAD, {"id": "V2", "at": 5})
    antar.clock.pass_(1)
    await antar.hub.intake.hand_in(antar.facility, "Visit", [GOOD])  # as a source hands it in
    await refusals.prune(antar.hub.database)
    assert [key for _, key, _, _ in await listed(his)] == ["V2"]
    antar.clock.pass_(KEEP_MS / 1000 + 1)
    await refusals.prune(antar.hub.database)
    assert await listed(his) == []


async def test_a_clinic_keeps_the_newest_ones(
    his: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MAX_KEPT", 3)
    for number in range(5):
        await hand_in(his, {"id": f"V{number}", "at": 5})
        antar.clock.pass_(1)
    await refusals.prune(antar.hub.database)
    assert [key for _, key, _, _ in await listed(his)] == ["V2", "V3", "V4"]


async def test_another_process_learns_of_refusals_soon(his: httpx.AsyncClient, antar: SmallHub) -> None:
    other = refusals.Refusals(antar.hub.database)
    await other.note(antar.facility.id, "Visit", [])
    await hand_in(his, BAD)
    antar.clock.pass_(refusals.LOOK_MS / 1000)
    accepted = await antar.hub.intake.hand_in(antar.facility, "Visit", [GOOD])
    await other.note(antar.facility.id, "Visit", accepted)
    assert await listed(his) == []


async def test_a_later_page_goes_on_where_the_one_before_ended(
    his: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.api.refused.MAX_ROWS", 2)
    await hand_in(his, *({"id": f"V{number}", "at": 5} for number in range(3)))
    first = (await his.get("/api/v1/refused")).json()
    assert first["next"] == "Visit V1"
    assert [key for _, key, _, _ in await listed(his, after=first["next"])] == ["V2"]
