"""What a person writes in place of a payload: saved over what they have seen only, sent as it is."""

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
from engine.outbox.resend import ActionResult, Written, resend
from engine.sending.preview import payload_of
from tests.conftest import Clock
from tests.engine.small_hub import House, open_house, refused

pytestmark = pytest.mark.anyio

BODY = '{"identifier": "V1", "note": "ditulis"}'
SEEN = Basis(version=1)


@pytest.fixture
async def house(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[House]:
    """With a visit that the ministry refused."""
    opened = await open_house(tmp_path, database_url, clock)
    opened.ministry.script = [refused(Verdict.REJECTED, 400)]
    await opened.hand_in("Visit", {"id": "V1", "note": "dari SIMRS"})
    await opened.work()
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()


async def write(house: House, body: str = BODY, actor: str = "sari", basis: Basis = SEEN) -> Saved:
    id_ = (await house.row("Visit", "V1")).id
    return await save(house.hub.database, house.facility.id, id_, actor, body, reason="salah kode", basis=basis)


async def send_again(house: House, **how: object) -> ActionResult:
    id_ = (await house.row("Visit", "V1")).id
    outcome = await resend(house.hub.database, house.facility.id, [id_], "budi", **how)  # type: ignore[arg-type]
    return outcome[id_]


async def told(house: House) -> list[tuple[str, str, str]]:
    rows = await house.hub.database.fetch(text("SELECT actor, action, reason FROM audit ORDER BY id"))
    return [tuple(row) for row in rows]


async def test_an_edit_is_sent_byte_by_byte_and_says_who_wrote_it(house: House) -> None:
    assert await write(house) is Saved.DONE
    await house.work()
    attempts = await house.hub.database.fetch(text("SELECT request, trigger, verdict FROM attempts ORDER BY id DESC"))
    assert (bytes(attempts[0].request), attempts[0].trigger) == (BODY.encode(), "edit: sari")
    assert (attempts[0].verdict, await house.status("Visit", "V1")) == ("accepted", "sent")
    assert await told(house) == [("sari", "edit", "salah kode")]


async def test_the_second_of_two_editors_changes_nothing(house: House) -> None:
    assert await write(house) is Saved.DONE
    assert await write(house, "{}", "budi") is Saved.EDITED
    assert (await house.row("Visit", "V1")).body == BODY


async def test_two_editors_at_once_are_one_after_the_other(house: House) -> None:
    both = await asyncio.gather(write(house, '{"a": 1}', "sari"), write(house, '{"a": 2}', "budi"))
    assert sorted(both) == [Saved.DONE, Saved.EDITED]
    assert len(await told(house)) == 1


async def test_the_second_editor_may_save_over_the_first_expressly(house: House) -> None:
    await write(house)
    last = await last_edit(house.hub.database, (await house.row("Visit", "V1")).id)
    assert last is not None
    assert last.actor == "sari"
    assert await write(house, "{}", "budi", Basis(1, last.id)) is Saved.DONE
    assert (await house.row("Visit", "V1")).body == "{}"


async def test_a_double_click_saves_once(house: House) -> None:
    assert [await write(house), await write(house)] == [Saved.DONE, Saved.ALREADY]
    assert len(await told(house)) == 1


async def test_nothing_is_changed_under_a_workers_hand(house: House) -> None:
    await send_again(house)
    [claimed] = await claim(house.hub.database, house.channel, 1, "worker")
    assert await write(house) is Saved.SENDING
    await begin(house.hub.database, claimed.lease)
    house.clock.pass_(LEASE_MS / 1000 + 1)
    await house.work()
    assert (await house.row("Visit", "V1")).body is None


async def test_an_edit_of_what_is_queued_is_what_will_be_sent(house: House) -> None:
    await send_again(house)
    assert await write(house) is Saved.DONE
    await house.work()
    assert house.ministry.posts[-1] == orjson.loads(BODY)


async def test_an_edit_of_what_was_sent_is_sent_as_an_update(house: House) -> None:
    await send_again(house)
    await house.work()
    assert await write(house) is Saved.ARRIVED
    assert await write(house, basis=Basis(1, arrived=True)) is Saved.DONE
    await house.work()
    assert house.ministry.puts == [{"id": "id-V1"} | orjson.loads(BODY)]
    assert house.ministry.calls[-1].path == "/Visit/id-V1"


async def test_an_edit_of_a_change_goes_out_byte_by_byte(house: House) -> None:
    await send_again(house)
    await house.work()
    body = '{"id": "id-V1",  "note": "ditulis"}'
    await write(house, body, basis=Basis(1, arrived=True))
    await house.work()
    assert house.ministry.calls[-1].body == body.encode()


async def test_an_edit_of_a_record_that_changed_meanwhile_is_not_saved(house: House) -> None:
    await house.hand_in("Visit", {"id": "V1", "note": "baru dari SIMRS"})
    assert await write(house) is Saved.CHANGED
    assert (await house.row("Visit", "V1")).body is None


async def test_a_changed_record_takes_the_edit_of_the_old_one_away(house: House) -> None:
    await write(house)
    await house.hand_in("Visit", {"id": "V1", "note": "baru dari SIMRS"})
    await house.work()
    assert (await house.row("Visit", "V1")).body is None
    assert house.ministry.posts[-1]["note"] == "baru dari SIMRS"


async def test_a_record_that_changes_under_way_takes_the_edit_away_and_is_sent_after_it(house: House) -> None:
    class Meanwhile(asyncio.Event):
        async def wait(self) -> Literal[True]:
            await house.hand_in("Visit", {"id": "V1", "note": "baru dari SIMRS"})
            return True

    await write(house)
    house.ministry.hold = Meanwhile()
    await house.work()
    assert house.ministry.posts[-1] == orjson.loads(BODY)
    assert house.ministry.puts[-1]["note"] == "baru dari SIMRS"


async def test_a_death_after_a_change_remembers_that_the_edit_may_have_arrived(house: House) -> None:
    await write(house)
    [claimed] = await claim(house.hub.database, house.channel, 1, "worker")
    await begin(house.hub.database, claimed.lease)
    await house.hand_in("Visit", {"id": "V1", "note": "baru dari SIMRS"})
    assert (await house.row("Visit", "V1")).tried_version == -1
    house.clock.pass_(LEASE_MS / 1000 + 1)
    await house.work()


async def test_a_resend_keeps_an_edit_unless_the_payload_is_wished(house: House) -> None:
    await write(house)
    house.ministry.script = [refused(Verdict.REJECTED, 400)] * 2
    await house.work()
    assert await send_again(house) is ActionResult.DONE
    await house.work()
    assert await send_again(house, written=Written(None)) is ActionResult.DONE
    await house.work()
    assert [post["note"] for post in house.ministry.posts[1:]] == ["ditulis", "ditulis", "dari SIMRS"]


async def test_many_clicks_for_the_payload_count_as_one(house: House) -> None:
    outcomes = [await send_again(house, written=Written(None)) for _ in range(3)]
    assert outcomes == [ActionResult.DONE, ActionResult.ALREADY, ActionResult.ALREADY]


async def test_an_edit_of_another_clinics_delivery_is_not_there(house: House) -> None:
    id_ = (await house.row("Visit", "V1")).id
    assert await save(house.hub.database, 99, id_, "sari", BODY, reason="x", basis=SEEN) is Saved.MISSING


async def test_the_payload_of_now_names_what_it_still_waits_for(house: House) -> None:
    await house.hand_in("Visit", {"id": "V2", "person": "P1"})
    spec, row = house.hub.catalog.specs["Visit"], await house.row("Visit", "V2")
    waiting = await payload_of(house.hub.database, {}, spec, row, house.facility)
    await house.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await house.work()
    ready = await payload_of(house.hub.database, {}, spec, await house.row("Visit", "V2"), house.facility)
    assert (waiting["person"]["reference"], ready["person"]["reference"]) == ("<Person P1>", "P-1")
    assert ready["id"] == "id-V2"
