"""Deliveries that are being sent are shown as that wherever deliveries are listed, counted or asked for."""

from __future__ import annotations

import pytest

from engine.database.database import Database
from engine.delivery.status import Status
from engine.delivery.types import Channel, NewRecord, Settlement
from engine.facilities.facilities import FacilityRow
from engine.outbox.add import Batch, add
from engine.outbox.claim import claim
from engine.outbox.settle import settle
from engine.queries import deliveries, paging
from engine.queries.deliveries import Filters

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ids(database: Database, facility: FacilityRow) -> list[int]:
    """Store three deliveries: one is being sent, one waits for a retry, one is queued."""
    entries = [NewRecord(f"V{n}", "2026-03-10", "{}", "a") for n in range(3)]
    added = await add(database, Batch(facility.id, "Visit", "ministry", updatable=True), entries)
    channel = Channel("ministry", facility.id)
    claimed = await claim(database, channel, 2, "worker")
    await settle(database, [Settlement(claimed[1], Status.RETRYING, due_at=database.clock() + 60_000)])
    return [id_ for id_, _ in added]


async def listed(database: Database, facility: FacilityRow, **filters: object) -> dict[str, str]:
    page = await paging.page(database, facility.id, Filters(**filters), 10)  # type: ignore[arg-type]
    return {row.key: row.status for row in page.rows}


async def test_a_list_shows_it_and_filters_by_it(database: Database, facility: FacilityRow, ids: list[int]) -> None:
    assert await listed(database, facility) == {"V0": "sending", "V1": "retrying", "V2": "queued"}
    assert await listed(database, facility, statuses=["sending"]) == {"V0": "sending"}
    assert await listed(database, facility, statuses=["queued"]) == {"V2": "queued"}
    assert await listed(database, facility, statuses=["sending", "queued"], specs=["Visit"]) == {
        "V0": "sending",
        "V2": "queued",
    }
    assert await listed(database, facility, statuses=["sending"], key="V0") == {"V0": "sending"}
    assert await listed(database, facility, statuses=["queued"], text="V0") == {}


@pytest.mark.parametrize(("status", "n"), [("sending", 1), ("queued", 1), ("retrying", 1), ("sent", 0)])
async def test_it_is_counted_as_it_is_listed(
    database: Database, facility: FacilityRow, ids: list[int], status: str, n: int
) -> None:
    assert (await paging.count(database, facility.id, Filters(statuses=[status]))).n == n
    assert (await paging.count(database, facility.id, Filters(statuses=[status], date_from="2026-03-10"))).n == n
    assert (await paging.count(database, facility.id, Filters(statuses=[status], norm="RM"))).n == 0


async def test_a_single_delivery_says_it_and_is_not_due(
    database: Database, facility: FacilityRow, ids: list[int]
) -> None:
    detail, state = await deliveries.one(database, facility.id, ids[0]), await deliveries.state(database, ids[0])
    assert detail is not None
    assert state is not None
    assert (detail.row.status, detail.row.due_at) == (state.status, state.due_at) == ("sending", None)
    assert [row.status for row in await paging.by_ids(database, facility.id, "Visit", ids[:1])] == ["sending"]
