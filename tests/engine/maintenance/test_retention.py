"""Retention: bodies are pruned first, attempts later, those of unsettled deliveries never."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.maintenance.retention import AttemptRetention, Removable
from engine.outbox.resend import ActionResult, ignore, resend
from tests.engine.small_hub import SmallHub, no_sleep, refused

pytestmark = pytest.mark.anyio

DAY = 86_400.0


def retention(antar: SmallHub, most: int | None = None) -> AttemptRetention:
    return AttemptRetention(antar.hub.database, lambda: antar.hub.catalog, most, no_sleep)


async def deliver(antar: SmallHub, *keys: str, **more: Any) -> None:
    await antar.hand_in("Visit", *({"id": key, **more} for key in keys))
    await antar.work()


async def bodies(antar: SmallHub) -> list[bool]:
    rows = await antar.hub.database.fetch(text("SELECT request, pruned_at FROM attempts ORDER BY id"))
    assert all((row.request is None) == (row.pruned_at is not None) for row in rows)
    return [row.request is not None for row in rows]


async def test_bodies_go_when_their_time_is_over_and_what_was_tried_stays(antar: SmallHub) -> None:
    await deliver(antar, "V1")
    antar.clock.pass_(60 * DAY)
    await deliver(antar, "V2")
    antar.clock.pass_(31 * DAY)
    await retention(antar).tick()
    assert await bodies(antar) == [False, True]
    assert await antar.attempts() == ["create accepted", "create accepted"]


async def test_tries_go_later(antar: SmallHub) -> None:
    await deliver(antar, "V1")
    antar.clock.pass_(1826 * DAY)
    await retention(antar).tick()
    assert await antar.attempts() == []
    assert await antar.status("Visit", "V1") == "sent"


async def test_what_failed_keeps_its_bodies_until_it_is_settled(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await deliver(antar, "V1")
    antar.clock.pass_(100 * DAY)
    await retention(antar).tick()
    assert await bodies(antar) == [True]
    row = await antar.row("Visit", "V1")
    await ignore(antar.hub.database, antar.facility.id, [row.id], "sari", reason="salah")
    await retention(antar).tick()
    assert await bodies(antar) == [False]


async def test_what_a_search_asked_goes_with_the_bodies(antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    antar.clock.pass_(100 * DAY)
    await retention(antar).tick()
    [row] = await antar.hub.database.fetch(text("SELECT path FROM attempts"))
    assert row.path == "/Person"


async def test_the_installation_may_keep_them_for_less(antar: SmallHub) -> None:
    await deliver(antar, "V1")
    antar.clock.pass_(8 * DAY)
    await retention(antar).tick()
    assert await bodies(antar) == [True]
    await retention(antar, most=7).tick()
    assert await bodies(antar) == [False]


async def test_resending_what_has_no_bodies_makes_it_anew_from_the_record(antar: SmallHub) -> None:
    await deliver(antar, "V1", note="pagi")
    antar.clock.pass_(100 * DAY)
    await retention(antar).tick()
    row = await antar.row("Visit", "V1")
    done = await resend(antar.hub.database, antar.facility.id, [row.id], "sari", reason="periksa", force=True)
    await antar.work()
    assert list(done.values()) == [ActionResult.DONE]
    sent = [*antar.ministry.posts, *antar.ministry.puts][-1]
    assert (sent["identifier"], sent["note"]) == ("V1", "pagi")


async def test_several_workers_prune_side_by_side_and_go_on_where_one_died(antar: SmallHub) -> None:
    for n in range(3):
        await deliver(antar, *(f"V{n}-{i}" for i in range(400)))
    antar.clock.pass_(100 * DAY)
    many = [retention(antar) for _ in range(3)]
    dying = asyncio.create_task(many[0].tick())
    await asyncio.sleep(0)
    dying.cancel()
    await asyncio.gather(dying, *(pruner.tick() for pruner in many[1:]), return_exceptions=True)
    assert set(await bodies(antar)) == {False}


async def test_other_rules_are_applied_to_what_was_looked_at_before(antar: SmallHub, monkeypatch: Any) -> None:
    await deliver(antar, "V1")
    antar.clock.pass_(100 * DAY)
    first = retention(antar)
    kept = [walk for walk in first.walks() if walk.what == "attempts"]
    monkeypatch.setattr(first, "walks", lambda: kept)
    await first.tick()
    assert await bodies(antar) == [True]
    kinds: list[Removable] = [walk.what for walk in retention(antar).walks()]
    assert kinds == ["attempts", "bodies"]
    await retention(antar).tick()
    assert await bodies(antar) == [False]
