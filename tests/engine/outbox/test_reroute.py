"""Deliveries under way when the configuration changes: rerouted with their type, or failed with a reason."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import text

from admin.text.words import sentence
from engine.delivery.types import Channel
from engine.outbox.reroute import BATCH_SIZE, PATIENCE_MS, reroute
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio


async def test_what_is_due_at_a_renamed_upstream_goes_to_the_new_one(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    antar.clock.pass_(PATIENCE_MS / 1000)
    due = await reroute(antar.hub.database, {"Visit": "kementerian"}, {"kementerian"})
    assert due == {Channel("kementerian", antar.facility.id)}
    assert (await antar.row("Visit", "V1")).upstream == "kementerian"


async def test_what_has_nowhere_to_go_says_what_to_do(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    antar.clock.pass_(PATIENCE_MS / 1000)
    assert await reroute(antar.hub.database, {}, {"kementerian"}) == set()
    row = await antar.row("Visit", "V1")
    assert (row.status, row.due_at) == ("failed", None)
    assert "Jenis Visit tidak ada lagi" in sentence(row.problem)
    assert row.cause.startswith("broken:")


async def test_what_is_not_stranded_is_left_alone(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    assert await reroute(antar.hub.database, {}, {"kementerian"}) == set()
    antar.clock.pass_(PATIENCE_MS / 1000)
    assert await reroute(antar.hub.database, {}, {"ministry"}) == set()
    assert await antar.status("Visit", "V1") == "queued"


async def test_many_are_moved_batch_by_batch(antar: SmallHub) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(BATCH_SIZE + 1)))
    antar.clock.pass_(PATIENCE_MS / 1000)
    left = "SELECT COUNT(*) FROM deliveries WHERE upstream = 'ministry'"
    for expected in (1, 0):
        await reroute(antar.hub.database, {"Visit": "kementerian"}, {"kementerian"})
        [(count,)] = await antar.hub.database.fetch(text(left))
        assert count == expected


async def test_a_type_that_moved_is_not_sent_through_the_old_upstream(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    specs = antar.hub.catalog.specs
    elsewhere = dataclasses.replace(specs["Visit"].upstream, name="elsewhere")
    specs["Visit"] = dataclasses.replace(specs["Visit"], upstream=elsewhere)  # type: ignore[index]
    antar.rung.clear()
    await antar.work_once()
    row = await antar.row("Visit", "V1")
    assert (row.status, row.upstream, antar.ministry.calls) == ("queued", "elsewhere", [])
    assert antar.rung == {Channel("elsewhere", antar.facility.id)}
