"""Resend with undo for a few seconds: sent once, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.database.database import Database
from engine.outbox.delayed_resend import HOLD_MS, make_scheduled_due, schedule_resend, scheduled, undo_resend
from engine.outbox.resend import ActionResult, ignore
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, open_small_hub, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    """Yield a hub with one refused visit."""
    opened = await open_small_hub(tmp_path, database_url, clock)
    opened.ministry.script = [refused(Verdict.REJECTED, 400, code="10457", message="wrong")]
    await opened.hand_in("Visit", {"id": "V1"})
    await opened.work()
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()


async def click(antar: SmallHub, actor: str = "sari") -> ActionResult:
    return await schedule_resend(antar.hub.database, antar.facility.id, (await antar.row("Visit", "V1")).id, actor)


async def undo(antar: SmallHub) -> bool:
    return await undo_resend(antar.hub.database, antar.facility.id, (await antar.row("Visit", "V1")).id)


async def test_nothing_is_sent_before_the_time_to_think_is_over(antar: SmallHub) -> None:
    assert await click(antar) is ActionResult.DONE
    antar.clock.pass_(4)
    await antar.work()
    assert await antar.status("Visit", "V1") == "failed"
    antar.clock.pass_(2)
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"
    assert (await antar.row("Visit", "V1")).trigger == "resend: sari"


async def test_what_is_taken_back_is_as_it_was_to_the_last_column(antar: SmallHub) -> None:
    before = await antar.row("Visit", "V1")
    await click(antar)
    assert await scheduled(antar.hub.database, [before.id]) == {before.id: antar.clock() + HOLD_MS}
    assert await undo(antar)
    antar.clock.pass_(10)
    await antar.work()
    assert await antar.row("Visit", "V1") == before
    assert len(antar.ministry.posts) == 1


async def test_the_second_click_of_two_changes_nothing(antar: SmallHub) -> None:
    assert [await click(antar), await click(antar, "tono")] == [ActionResult.DONE, ActionResult.ALREADY]
    antar.clock.pass_(6)
    await antar.work()
    audit = await antar.hub.database.fetch(text("SELECT actor, action FROM audit"))
    assert [tuple(row) for row in audit] == [("sari", "resend")]
    assert len(antar.ministry.posts) == 2


async def test_two_sweeps_at_once_make_one_resend(antar: SmallHub) -> None:
    await click(antar)
    antar.clock.pass_(6)
    made = await asyncio.gather(*(make_scheduled_due(antar.hub.database) for _ in range(4)))
    assert sorted(map(len, made)) == [0, 0, 0, 1]


async def test_it_is_too_late_once_it_is_queued(antar: SmallHub) -> None:
    await click(antar)
    antar.clock.pass_(6)
    await antar.work()
    assert not await undo(antar)


async def test_who_sets_it_aside_meanwhile_has_the_last_word(antar: SmallHub) -> None:
    await click(antar)
    id_ = (await antar.row("Visit", "V1")).id
    await ignore(antar.hub.database, antar.facility.id, [id_], "tono", reason="ganda")
    antar.clock.pass_(6)
    await antar.work()
    assert await antar.status("Visit", "V1") == "ignored"


async def test_what_is_sent_already_or_anothers_is_not_held(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V2"})
    await antar.work()
    id_ = (await antar.row("Visit", "V2")).id
    assert await schedule_resend(antar.hub.database, antar.facility.id, id_, "sari") is ActionResult.ALREADY
    assert await schedule_resend(antar.hub.database, antar.facility.id + 1, id_, "sari") is ActionResult.MISSING
    assert not await undo_resend(antar.hub.database, antar.facility.id + 1, id_)
