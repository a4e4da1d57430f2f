"""What a person wrote in place of the payload: sent as it is, for as long as the record stays as it was."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import Problem, Verdict
from engine.outbox.claim import LEASE_MS, begin, claim
from tests.engine.small_hub import House, refused

pytestmark = pytest.mark.anyio

BODY = '{"identifier":"V1",  "note":"ditulis"}'
WRITTEN = {"identifier": "V1", "note": "ditulis"}


async def write(house: House, body: str | None, **more: Any) -> None:
    """As a resend with a body does; `more` are columns."""
    columns = ", ".join(f"{name} = :{name}" for name in ("body", *more))
    query = text(f"UPDATE deliveries SET {columns} WHERE key = 'V1'")
    await house.hub.database.write(lambda connection: connection.execute(query, {"body": body, **more}))


async def test_a_written_body_is_sent_as_it_is(house: House) -> None:
    await house.hand_in("Visit", {"id": "V1", "note": "dari SIMRS"})
    await write(house, BODY)
    await house.work()
    assert [call.body for call in house.ministry.calls] == [BODY.encode()]
    row = await house.row("Visit", "V1")
    assert (row.status, row.sent_version, row.body) == ("sent", 1, BODY)


async def test_a_written_body_is_checked_like_any_other(house: House) -> None:
    house.ministry.problems = [Problem("$.status", "is missing")]
    await house.hand_in("Visit", {"id": "V1"})
    await write(house, BODY)
    await house.work()
    row = await house.row("Visit", "V1")
    assert (row.status, row.problem, house.ministry.calls) == ("failed", "$.status: is missing", [])


@pytest.mark.parametrize("body", ["", "{", "{'a': 1}", "NaN"])
async def test_a_written_body_that_is_no_json_is_refused_in_words(house: House, body: str) -> None:
    await house.hand_in("Visit", {"id": "V1"})
    await write(house, body)
    await house.work()
    row = await house.row("Visit", "V1")
    assert (row.status, house.ministry.calls) == ("failed", [])
    assert row.problem.startswith("Isi yang ditulis bukan JSON")


async def test_a_body_written_for_the_first_step_is_not_sent_as_the_second(house: House) -> None:
    await house.hand_in("Visit", {"id": "V1", "done": True, "note": "pulang"})
    await write(house, BODY)
    await house.work()
    assert house.ministry.posts == [WRITTEN]
    assert house.ministry.puts == [{"kind": "Visit", "id": "id-V1", "identifier": "V1", "note": "pulang"}]
    assert (await house.row("Visit", "V1")).body is None


async def test_a_look_for_what_a_person_wrote_never_says_that_nothing_arrived(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNSURE)]
    await house.hand_in("Visit", {"id": "V1"})
    await write(house, BODY)
    await house.work()
    await write(house, None)
    house.clock.pass_(60)
    await house.work()
    assert (await house.row("Visit", "V1")).due_at is None
    assert await house.attempts() == ["create unsure", "find accepted"]


async def test_a_death_with_a_written_body_is_not_looked_for_by_the_record(house: House) -> None:
    await house.hand_in("Visit", {"id": "V1"})
    await write(house, BODY)
    [claimed] = await claim(house.hub.database, house.channel, 1, "worker")
    await begin(house.hub.database, claimed.lease)
    house.clock.pass_(LEASE_MS / 1000 + 1)
    await house.work()
    assert await house.attempts() == ["lost unsure", "find accepted"]


@pytest.mark.parametrize(("tried", "then"), [(BODY, BODY), (None, None)])
async def test_what_is_found_as_it_was_tried_needs_no_update(house: House, tried: str | None, then: str | None) -> None:
    assert await found_after(house, tried, then) == []


@pytest.mark.parametrize(("tried", "then"), [(BODY, None), (None, BODY)])
async def test_what_is_found_otherwise_than_it_is_wished_is_updated(
    house: House, tried: str | None, then: str | None
) -> None:
    [update] = await found_after(house, tried, then)
    assert update == {"id": "id-V1"} | (WRITTEN if then else {"kind": "Visit", "identifier": "V1"})


async def found_after(house: House, tried: str | None, then: str | None) -> list[Any]:
    """The updates that follow when `tried` arrived unseen and `then` is wished."""
    house.ministry.script = [house.ministry.store_and_be_silent]
    await house.hand_in("Visit", {"id": "V1"})
    await write(house, tried)
    await house.work()
    await write(house, then)
    house.clock.pass_(60)
    await house.work()
    assert await house.status("Visit", "V1") == "sent"
    return house.ministry.puts
