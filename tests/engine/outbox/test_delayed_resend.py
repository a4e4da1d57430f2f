"""A resend that may be taken back for a few seconds: made once, or not at all."""

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
from tests.engine.small_hub import House, open_house, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[House]:
    """With one visit that was refused."""
    opened = await open_house(tmp_path, database_url, clock)
    opened.ministry.script = [refused(Verdict.REJECTED, 400, code="10457", message="wrong")]
    await opened.hand_in("Visit", {"id": "V1"})
    await opened.work()
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()


async def click(house: House, actor: str = "sari") -> ActionResult:
    return await schedule_resend(house.hub.database, house.facility.id, (await house.row("Visit", "V1")).id, actor)


async def undo(house: House) -> bool:
    return await undo_resend(house.hub.database, house.facility.id, (await house.row("Visit", "V1")).id)


async def test_nothing_is_sent_before_the_time_to_think_is_over(house: House) -> None:
    assert await click(house) is ActionResult.DONE
    house.clock.pass_(4)
    await house.work()
    assert await house.status("Visit", "V1") == "failed"
    house.clock.pass_(2)
    await house.work()
    assert await house.status("Visit", "V1") == "sent"
    assert (await house.row("Visit", "V1")).trigger == "resend: sari"


async def test_what_is_taken_back_is_as_it_was_to_the_last_column(house: House) -> None:
    before = await house.row("Visit", "V1")
    await click(house)
    assert await scheduled(house.hub.database, [before.id]) == {before.id: house.clock() + HOLD_MS}
    assert await undo(house)
    house.clock.pass_(10)
    await house.work()
    assert await house.row("Visit", "V1") == before
    assert len(house.ministry.posts) == 1


async def test_the_second_click_of_two_changes_nothing(house: House) -> None:
    assert [await click(house), await click(house, "tono")] == [ActionResult.DONE, ActionResult.ALREADY]
    house.clock.pass_(6)
    await house.work()
    audit = await house.hub.database.fetch(text("SELECT actor, action FROM audit"))
    assert [tuple(row) for row in audit] == [("sari", "resend")]
    assert len(house.ministry.posts) == 2


async def test_two_sweeps_at_once_make_one_resend(house: House) -> None:
    await click(house)
    house.clock.pass_(6)
    made = await asyncio.gather(*(make_scheduled_due(house.hub.database) for _ in range(4)))
    assert sorted(map(len, made)) == [0, 0, 0, 1]


async def test_it_is_too_late_once_it_is_queued(house: House) -> None:
    await click(house)
    house.clock.pass_(6)
    await house.work()
    assert not await undo(house)


async def test_who_sets_it_aside_meanwhile_has_the_last_word(house: House) -> None:
    await click(house)
    id_ = (await house.row("Visit", "V1")).id
    await ignore(house.hub.database, house.facility.id, [id_], "tono", reason="ganda")
    house.clock.pass_(6)
    await house.work()
    assert await house.status("Visit", "V1") == "ignored"


async def test_what_is_sent_already_or_anothers_is_not_held(house: House) -> None:
    await house.hand_in("Visit", {"id": "V2"})
    await house.work()
    id_ = (await house.row("Visit", "V2")).id
    assert await schedule_resend(house.hub.database, house.facility.id, id_, "sari") is ActionResult.ALREADY
    assert await schedule_resend(house.hub.database, house.facility.id + 1, id_, "sari") is ActionResult.MISSING
    assert not await undo_resend(house.hub.database, house.facility.id + 1, id_)
