"""Bodies go when their time is over, tries later, and what is not settled keeps them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.maintenance.retention import AttemptRetention, Removable
from engine.outbox.resend import ActionResult, ignore, resend
from tests.engine.small_hub import House, refused

pytestmark = pytest.mark.anyio

DAY = 86_400.0


async def no_sleep(_: float) -> None:
    await asyncio.sleep(0)


def retention(house: House, most: int | None = None) -> AttemptRetention:
    return AttemptRetention(house.hub.database, lambda: house.hub.catalog, most, no_sleep)


async def deliver(house: House, *keys: str, **more: Any) -> None:
    await house.hand_in("Visit", *({"id": key, **more} for key in keys))
    await house.work()


async def bodies(house: House) -> list[bool]:
    rows = await house.hub.database.fetch(text("SELECT request, pruned_at FROM attempts ORDER BY id"))
    assert all((row.request is None) == (row.pruned_at is not None) for row in rows)
    return [row.request is not None for row in rows]


async def test_bodies_go_when_their_time_is_over_and_what_was_tried_stays(house: House) -> None:
    await deliver(house, "V1")
    house.clock.pass_(60 * DAY)
    await deliver(house, "V2")
    house.clock.pass_(31 * DAY)
    await retention(house).tick()
    assert await bodies(house) == [False, True]
    assert await house.attempts() == ["create accepted", "create accepted"]


async def test_tries_go_later(house: House) -> None:
    await deliver(house, "V1")
    house.clock.pass_(1826 * DAY)
    await retention(house).tick()
    assert await house.attempts() == []
    assert await house.status("Visit", "V1") == "sent"


async def test_what_failed_keeps_its_bodies_until_it_is_settled(house: House) -> None:
    house.ministry.script = [refused(Verdict.REJECTED, 400)]
    await deliver(house, "V1")
    house.clock.pass_(100 * DAY)
    await retention(house).tick()
    assert await bodies(house) == [True]
    row = await house.row("Visit", "V1")
    await ignore(house.hub.database, house.facility.id, [row.id], "sari", reason="salah")
    await retention(house).tick()
    assert await bodies(house) == [False]


async def test_what_a_search_asked_goes_with_the_bodies(house: House) -> None:
    await house.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await house.work()
    house.clock.pass_(100 * DAY)
    await retention(house).tick()
    [row] = await house.hub.database.fetch(text("SELECT path FROM attempts"))
    assert row.path == "/Person"


async def test_the_installation_may_keep_them_for_less(house: House) -> None:
    await deliver(house, "V1")
    house.clock.pass_(8 * DAY)
    await retention(house).tick()
    assert await bodies(house) == [True]
    await retention(house, most=7).tick()
    assert await bodies(house) == [False]


async def test_resending_what_has_no_bodies_makes_it_anew_from_the_record(house: House) -> None:
    await deliver(house, "V1", note="pagi")
    house.clock.pass_(100 * DAY)
    await retention(house).tick()
    row = await house.row("Visit", "V1")
    done = await resend(house.hub.database, house.facility.id, [row.id], "sari", reason="periksa", force=True)
    await house.work()
    assert list(done.values()) == [ActionResult.DONE]
    sent = [*house.ministry.posts, *house.ministry.puts][-1]
    assert (sent["identifier"], sent["note"]) == ("V1", "pagi")


async def test_several_workers_prune_side_by_side_and_go_on_where_one_died(house: House) -> None:
    for n in range(3):
        await deliver(house, *(f"V{n}-{i}" for i in range(400)))
    house.clock.pass_(100 * DAY)
    many = [retention(house) for _ in range(3)]
    dying = asyncio.create_task(many[0].tick())
    await asyncio.sleep(0)
    dying.cancel()
    await asyncio.gather(dying, *(each.tick() for each in many[1:]), return_exceptions=True)
    assert set(await bodies(house)) == {False}


async def test_other_rules_are_applied_to_what_was_looked_at_before(house: House, monkeypatch: Any) -> None:
    await deliver(house, "V1")
    house.clock.pass_(100 * DAY)
    first = retention(house)
    kept = [walk for walk in first.walks() if walk.what == "attempts"]
    monkeypatch.setattr(first, "walks", lambda: kept)
    await first.tick()
    assert await bodies(house) == [True]
    kinds: list[Removable] = [walk.what for walk in retention(house).walks()]
    assert kinds == ["attempts", "bodies"]
    await retention(house).tick()
    assert await bodies(house) == [False]
