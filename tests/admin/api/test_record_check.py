"""POST /records with ?check=true: the whole judgement of a record, and nothing stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.base import Problem
from tests.engine.small_hub import AT, SmallHub

pytestmark = pytest.mark.anyio

VISIT = {"id": "V1", "at": AT}
ADDRESS = "/api/v1/records/{}?check=true"


async def check(his: httpx.AsyncClient, type_name: str, records: Any) -> dict[str, Any]:
    answer = await his.post(ADDRESS.format(type_name), json=records)
    assert answer.status_code == 200
    return answer.json()  # type: ignore[no-any-return]


async def test_a_checked_record_is_not_stored(his: httpx.AsyncClient, antar: SmallHub) -> None:
    checked = await check(his, "Visit", [VISIT, {"id": "V2", "at": 5}])
    assert (checked["valid"], checked["unsendable"], checked["refused"]) == (1, 0, 1)
    assert checked["results"][0] == {"index": 0, "key": "V1", "status": "valid"}
    assert checked["results"][1]["problems"][0]["path"] == "$.at"
    [count] = await antar.hub.database.fetch(text("SELECT COUNT(*) AS n FROM deliveries"))
    assert count.n == 0


async def test_a_checked_record_names_what_it_would_wait_for(his: httpx.AsyncClient, antar: SmallHub) -> None:
    record = {"id": "F1", "visit": "V1", "at": AT}
    checked = await check(his, "Finding", record)
    assert checked["results"][0]["waits_for"] == [{"specs": ["Visit"], "key": "V1"}]
    await his.post("/api/v1/records/Visit", json=VISIT)
    await antar.work()
    assert "waits_for" not in (await check(his, "Finding", record))["results"][0]


async def test_a_payload_that_would_be_refused_before_sending_is_told(
    his: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(payload: Any) -> Sequence[Problem]:
        return [Problem("identifier", f"is {payload['identifier']}")]

    monkeypatch.setattr(antar.ministry, "check", faulty)
    [result] = (await check(his, "Visit", VISIT))["results"]
    assert (result["status"], result["problems"]) == ("unsendable", [{"path": "identifier", "message": "is V1"}])


async def test_a_line_that_is_no_json_keeps_its_place_in_a_check(his: httpx.AsyncClient) -> None:
    lines = '{"id": "V1", "at": \n{"id": "V2", "at": "' + AT + '"}\n'
    headers = {"Content-Type": "application/x-ndjson"}
    results = (await his.post(ADDRESS.format("Visit"), content=lines, headers=headers)).json()["results"]
    assert [(result["index"], result["status"]) for result in results] == [(0, "refused"), (1, "valid")]


@pytest.mark.parametrize(("query", "code"), [("check=yes", "bad_request"), ("chek=true", "unknown_parameter")])
async def test_a_misspelt_check_stores_nothing(his: httpx.AsyncClient, antar: SmallHub, query: str, code: str) -> None:
    answer = await his.post(f"/api/v1/records/Visit?{query}", json=VISIT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    [count] = await antar.hub.database.fetch(text("SELECT COUNT(*) AS n FROM deliveries"))
    assert count.n == 0
