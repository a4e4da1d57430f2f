"""Edited bodies: saved only over the state that the person has seen, and sent unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import orjson
import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.database.database import Database
from engine.outbox.claim import LEASE_MS, begin, claim
from engine.outbox.edit import Basis, Saved, last_edit, save
from engine.outbox.reclaim import reclaim
from engine.outbox.resend import ActionResult, Written, resend
from engine.sending.preview import payload_of
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, open_small_hub, refused

pytestmark = pytest.mark.anyio

BODY = '{"identifier": "V1", "note": "ditulis"}'
SEEN = Basis(version=1)


@pytest.fixture
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    """Yield a hub with one refused visit."""
    opened = await open_small_hub(tmp_path, database_url, clock)
    opened.ministry.script = [refused(Verdict.REJECTED, 400)]
    await opened.hand_in("Visit", {"id": "V1", "note": "dari SIMRS"})
    await opened.work()
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()


async def write(antar: SmallHub, body: str = BODY, actor: str = "sari", basis: Basis = SEEN) -> Saved:
    id_ = (await antar.row("Visit", "V1")).id
    return await save(antar.hub.database, antar.facility.id, id_, actor, body, reason="salah kode", basis=basis)


async def send_again(antar: SmallHub, **how: object) -> ActionResult:
    id_ = (await antar.row("Visit", "V1")).id
    outcome = await resend(antar.hub.database, antar.facility.id, [id_], "budi", **how)  # type: ignore[arg-type]
    return outcome[id_]


async def edits(antar: SmallHub) -> list[tuple[str, str, str]]:
    rows = await antar.hub.database.fetch(text("SELECT actor, action, reason FROM audit ORDER BY id"))
    return [tuple(row) for row in rows]


async def test_an_edit_is_sent_byte_by_byte_and_says_who_wrote_it(antar: SmallHub) -> None:
    assert await write(antar) is Saved.DONE
    await antar.work()
    attempts = await antar.hub.database.fetch(text("SELECT request, trigger, verdict FROM attempts ORDER BY id DESC"))
    assert (bytes(attempts[0].request), attempts[0].trigger) == (BODY.encode(), "edit: sari")
    assert (attempts[0].verdict, await antar.status("Visit", "V1")) == ("accepted", "sent")
    assert await edits(antar) == [("sari", "edit", "salah kode")]


async def test_the_second_of_two_editors_changes_nothing(antar: SmallHub) -> None:
    assert await write(antar) is Saved.DONE
    assert await write(antar, "{}", "budi") is Saved.EDITED
    assert (await antar.row("Visit", "V1")).body == BODY


async def test_two_editors_at_once_are_one_after_the_other(antar: SmallHub) -> None:
    both = await asyncio.gather(write(antar, '{"a": 1}', "sari"), write(antar, '{"a": 2}', "budi"))
    assert sorted(both) == [Saved.DONE, Saved.EDITED]
    assert len(await edits(antar)) == 1


async def test_the_second_editor_may_save_over_the_first_expressly(antar: SmallHub) -> None:
    await write(antar)
    last = await last_edit(antar.hub.database, (await antar.row("Visit", "V1")).id)
    assert last is not None
    assert last.actor == "sari"
    assert await write(antar, "{}", "budi", Basis(1, last.id)) is Saved.DONE
    assert (await antar.row("Visit", "V1")).body == "{}"


async def test_a_double_click_saves_once(antar: SmallHub) -> None:
    assert [await write(antar), await write(antar)] == [Saved.DONE, Saved.ALREADY]
    assert len(await edits(antar)) == 1


async def test_nothing_is_changed_under_a_workers_hand(antar: SmallHub) -> None:
    await send_again(antar)
    [claimed] = await claim(antar.hub.database, antar.channel, 1, "worker")
    assert await write(antar) is Saved.SENDING
    await begin(antar.hub.database, claimed.lease)
    antar.clock.pass_(LEASE_MS / 1000 + 1)
    await antar.work()
    assert (await antar.row("Visit", "V1")).body is None


async def test_an_edit_of_what_is_queued_is_what_will_be_sent(antar: SmallHub) -> None:
    await send_again(antar)
    assert await write(antar) is Saved.DONE
    await antar.work()
    assert antar.ministry.posts[-1] == orjson.loads(BODY)


async def test_an_edit_of_what_was_sent_is_sent_as_an_update(antar: SmallHub) -> None:
    await send_again(antar)
    await antar.work()
    assert await write(antar) is Saved.ARRIVED
    assert await write(antar, basis=Basis(1, arrived=True)) is Saved.DONE
    await antar.work()
    assert antar.ministry.puts == [{"id": "id-V1"} | orjson.loads(BODY)]
    assert antar.ministry.calls[-1].path == "/Visit/id-V1"


async def test_an_edit_of_a_change_goes_out_byte_by_byte(antar: SmallHub) -> None:
    await send_again(antar)
    await antar.work()
    body = '{"id": "id-V1",  "note": "ditulis"}'
    await write(antar, body, basis=Basis(1, arrived=True))
    await antar.work()
    assert antar.ministry.calls[-1].body == body.encode()


async def test_an_edit_of_a_record_that_changed_meanwhile_is_not_saved(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "baru dari SIMRS"})
    assert await write(antar) is Saved.CHANGED
    assert (await antar.row("Visit", "V1")).body is None


async def test_a_changed_record_takes_the_edit_of_the_old_one_away(antar: SmallHub) -> None:
    await write(antar)
    await antar.hand_in("Visit", {"id": "V1", "note": "baru dari SIMRS"})
    await antar.work()
    assert (await antar.row("Visit", "V1")).body is None
    assert antar.ministry.posts[-1]["note"] == "baru dari SIMRS"


async def test_a_record_that_changes_under_way_takes_the_edit_away_and_is_sent_after_it(antar: SmallHub) -> None:
    class Meanwhile(asyncio.Event):
        async def wait(self) -> Literal[True]:
            await antar.hand_in("Visit", {"id": "V1", "note": "baru dari SIMRS"})
            return True

    await write(antar)
    antar.ministry.hold = Meanwhile()
    await antar.work()
    assert antar.ministry.posts[-1] == orjson.loads(BODY)
    assert antar.ministry.puts[-1]["note"] == "baru dari SIMRS"


async def test_a_death_after_a_change_remembers_that_the_edit_may_have_arrived(antar: SmallHub) -> None:
    await write(antar)
    [claimed] = await claim(antar.hub.database, antar.channel, 1, "worker")
    await begin(antar.hub.database, claimed.lease)
    await antar.hand_in("Visit", {"id": "V1", "note": "baru dari SIMRS"})
    antar.clock.pass_(LEASE_MS / 1000 + 1)
    await reclaim(antar.hub.database)
    assert (await antar.row("Visit", "V1")).tried_version == -1


async def test_a_resend_keeps_an_edit_unless_the_payload_is_wished(antar: SmallHub) -> None:
    await write(antar)
    antar.ministry.script = [refused(Verdict.REJECTED, 400)] * 2
    await antar.work()
    assert await send_again(antar) is ActionResult.DONE
    await antar.work()
    assert await send_again(antar, written=Written(None)) is ActionResult.DONE
    await antar.work()
    assert [post["note"] for post in antar.ministry.posts[1:]] == ["ditulis", "ditulis", "dari SIMRS"]


async def test_many_clicks_for_the_payload_count_as_one(antar: SmallHub) -> None:
    outcomes = [await send_again(antar, written=Written(None)) for _ in range(3)]
    assert outcomes == [ActionResult.DONE, ActionResult.ALREADY, ActionResult.ALREADY]


async def test_an_edit_of_another_clinics_delivery_is_not_there(antar: SmallHub) -> None:
    id_ = (await antar.row("Visit", "V1")).id
    assert await save(antar.hub.database, 99, id_, "sari", BODY, reason="x", basis=SEEN) is Saved.MISSING


async def test_the_payload_of_now_names_what_it_still_waits_for(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V2", "person": "P1"})
    spec, row = antar.hub.catalog.specs["Visit"], await antar.row("Visit", "V2")
    waiting = await payload_of(antar.hub.database, {}, spec, row, antar.facility)
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    ready = await payload_of(antar.hub.database, {}, spec, await antar.row("Visit", "V2"), antar.facility)
    assert (waiting["person"]["reference"], ready["person"]["reference"]) == ("<Person P1>", "P-1")
    assert ready["id"] == "id-V2"
