"""POST /api/v1/expected: the numbers of a day, compared with what came."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio


async def expect(his: httpx.AsyncClient, date: str = "2026-03-10", **counts: Any) -> httpx.Response:
    return await his.post("/api/v1/expected", json={"date": date, "counts": counts})


async def test_the_answer_says_how_many_came(his: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    answer = await expect(his, Visit=2, Finding=1)
    assert answer.json()["counts"] == {
        "Visit": {"expected": 2, "received": 1},
        "Finding": {"expected": 1, "received": 0},
    }


async def test_numbers_that_are_said_again_are_replaced(his: httpx.AsyncClient) -> None:
    await expect(his, Visit=2)
    assert (await expect(his, Visit=5)).json()["counts"]["Visit"]["expected"] == 5


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"date": "2026-03-10", "counts": {"Unheard": 1}}, 404),
        ({"date": "2026-02-31", "counts": {"Visit": 1}}, 400),
        ({"date": "2026-03-10", "counts": {"Visit": -1}}, 400),
        ({"date": "2026-03-10", "counts": {}}, 400),
        ({"date": "2026-03-10"}, 400),
    ],
)
async def test_what_cannot_be_compared_is_refused(his: httpx.AsyncClient, body: dict[str, Any], status: int) -> None:
    assert (await his.post("/api/v1/expected", json=body)).status_code == status


async def test_a_key_is_needed(nobody: httpx.AsyncClient) -> None:
    assert (await expect(nobody, Visit=1)).status_code == 401
