"""Edited bodies: sent unchanged while the record stays the same."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import Problem, Verdict
from admin.text.words import sentence
from engine.outbox.claim import LEASE_MS, begin, claim
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

BODY = '{"identifier":"V1",  "note":"ditulis"}'
WRITTEN = {"identifier": "V1", "note": "ditulis"}


async def write(antar: SmallHub, body: str | None, **more: Any) -> None:
    """Write a body as a resend does; `more` are columns."""
    columns = ", ".join(f"{name} = :{name}" for name in ("body", *more))
    query = text(f"UPDATE deliveries SET {columns} WHERE key = 'V1'")
    await antar.hub.database.write_models(lambda tx: tx.execute(query, {"body": body, **more}))


async def test_a_written_body_is_sent_as_it_is(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "dari SIMRS"})
    await write(antar, BODY)
    await antar.work()
    assert [call.body for call in antar.ministry.calls] == [BODY.encode()]
    row = await antar.row("Visit", "V1")
    assert (row.status, row.sent_version, row.body) == ("sent", 1, BODY)


async def test_a_written_body_is_checked_like_any_other(antar: SmallHub) -> None:
    antar.ministry.problems = [Problem("$.status", "is missing")]
    await antar.hand_in("Visit", {"id": "V1"})
    await write(antar, BODY)
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, sentence(row.problem), antar.ministry.calls) == ("failed", "$.status: is missing", [])


@pytest.mark.parametrize("body", ["", "{", "{'a': 1}", "NaN"])
async def test_a_written_body_that_is_no_json_is_refused_in_words(antar: SmallHub, body: str) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await write(antar, body)
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, antar.ministry.calls) == ("failed", [])
    assert sentence(row.problem).startswith("Isi yang ditulis bukan JSON")


async def test_a_body_written_for_the_first_step_is_not_sent_as_the_second(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "done": True, "note": "pulang"})
    await write(antar, BODY)
    await antar.work()
    assert antar.ministry.posts == [WRITTEN]
    assert antar.ministry.puts == [{"kind": "Visit", "id": "id-V1", "identifier": "V1", "note": "pulang"}]
    assert (await antar.row("Visit", "V1")).body is None


async def test_a_look_for_what_a_person_wrote_never_says_that_nothing_arrived(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNSURE)]
    await antar.hand_in("Visit", {"id": "V1"})
    await write(antar, BODY)
    await antar.work()
    await write(antar, None)
    antar.clock.pass_(60)
    await antar.work()
    assert (await antar.row("Visit", "V1")).due_at is None
    assert await antar.attempts() == ["create unsure", "find accepted"]


async def test_a_death_with_a_written_body_is_not_looked_for_by_the_record(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await write(antar, BODY)
    [claimed] = await claim(antar.hub.database, antar.channel, 1, "worker")
    await begin(antar.hub.database, claimed.lease)
    antar.clock.pass_(LEASE_MS / 1000 + 1)
    await antar.work()
    assert await antar.attempts() == ["lost unsure", "find accepted"]


@pytest.mark.parametrize(("tried", "then"), [(BODY, BODY), (None, None)])
async def test_what_is_found_as_it_was_tried_needs_no_update(
    antar: SmallHub, tried: str | None, then: str | None
) -> None:
    assert await found_after(antar, tried, then) == []


@pytest.mark.parametrize(("tried", "then"), [(BODY, None), (None, BODY)])
async def test_what_is_found_otherwise_than_it_is_wished_is_updated(
    antar: SmallHub, tried: str | None, then: str | None
) -> None:
    [update] = await found_after(antar, tried, then)
    assert update == {"id": "id-V1"} | (WRITTEN if then else {"kind": "Visit", "identifier": "V1"})


async def found_after(antar: SmallHub, tried: str | None, then: str | None) -> list[Any]:
    """Return the updates after `tried` arrived without an answer and `then` is the edited body."""
    antar.ministry.script = [antar.ministry.store_and_be_silent]
    await antar.hand_in("Visit", {"id": "V1"})
    await write(antar, tried)
    await antar.work()
    await write(antar, then)
    antar.clock.pass_(60)
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"
    return antar.ministry.puts
