"""Answers of a broken, confused or hostile upstream: nothing is created twice, nothing gets stuck."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import MAX_BODY_BYTES, Call, Reply, Verdict
from admin.text.words import sentence
from engine.database.database import Database
from engine.delivery.bodies import unpacked
from engine.outbox.claim import LEASE_MS, begin, claim
from engine.outbox.resend import resend
from engine.sending import outcomes
from engine.sending import settlement_writer as settling
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, accepted, open_small_hub, refused

pytestmark = pytest.mark.anyio

PAGED = CATALOG.replace(
    'reference: "{{ candidate.id }}"}', 'reference: "{{ candidate.id }}", next: "{{ body.next | default(\'\') }}"}'
)
ODD_IDS = ["a\x00b", "x" * 201, {"a": 1}, ["a"], True]


@pytest.fixture
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, database_url, clock, PAGED)
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()


@pytest.mark.parametrize("id_", ODD_IDS)
async def test_an_odd_id_in_an_answer_is_none(antar: SmallHub, id_: object) -> None:
    antar.ministry.script = [lambda call: (antar.ministry.store(call), accepted(id=id_))[1]]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await antar.status("Visit", "V1") == "unsure"
    antar.clock.pass_(10)
    await antar.work()
    assert (await antar.row("Visit", "V1")).reference == "id-V1"


@pytest.mark.parametrize("id_", ODD_IDS)
async def test_an_odd_id_that_was_found_is_left_to_a_person(antar: SmallHub, id_: object) -> None:
    antar.ministry.script = [lambda call: accepted(found=[{"id": id_}])]
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    assert await antar.status("Person", "P1") == "failed"


@pytest.mark.parametrize("candidates", [5, "ab", {"id": "x"}, True])
async def test_candidates_that_are_no_list_are_left_to_a_person(antar: SmallHub, candidates: object) -> None:
    antar.ministry.script = [refused(Verdict.UNSURE), accepted(found=candidates)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.clock.pass_(60)
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, row.due_at, bool(row.in_doubt)) == ("unsure", None, True)
    assert len(antar.ministry.posts) == 1


async def test_what_was_accepted_and_is_not_found_is_never_created_again_by_itself(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.ACCEPTED, 201)] + [accepted(found=[])] * 1000
    await antar.hand_in("Visit", {"id": "V1"})
    for _ in range(10):
        await antar.work()
        antar.clock.pass_(100)
    row = await antar.row("Visit", "V1")
    assert len(antar.ministry.posts) == 1
    assert (row.status, row.due_at, bool(row.in_doubt)) == ("unsure", None, True)


async def test_what_was_accepted_is_looked_for_until_the_search_answers(antar: SmallHub) -> None:
    hidden = lambda call: (antar.ministry.store(call), refused(Verdict.ACCEPTED, 201))[1]  # noqa: E731
    antar.ministry.script = [hidden, refused(Verdict.UNAVAILABLE, 503)]
    await antar.hand_in("Visit", {"id": "V1"})
    for _ in range(3):
        await antar.work()
        antar.clock.pass_(100)
    assert (await antar.row("Visit", "V1")).reference == "id-V1"
    assert len(antar.ministry.posts) == 1


async def test_an_update_after_a_hidden_acceptance_has_all_its_tries(antar: SmallHub) -> None:
    hidden = lambda call: (antar.ministry.store(call), refused(Verdict.ACCEPTED, 201))[1]  # noqa: E731
    antar.ministry.script = [hidden]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V1", "note": "baru"})
    antar.ministry.script = [antar.ministry.answer, refused(Verdict.UNAVAILABLE, 503)]
    antar.clock.pass_(10)
    await antar.work()
    assert await antar.status("Visit", "V1") == "retrying"


TELLTALE = PAGED.replace('query: {identifier: "{{ record.id }}"}', 'query: {identifier: "{{ record.note }}"}')
"""A search by what may change: the new content does not find what the old one made."""


async def silent_then_changed(antar: SmallHub) -> None:
    antar.ministry.script = [antar.ministry.store_and_be_silent]
    await antar.hand_in("Visit", {"id": "V1", "note": "lama"})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V1", "note": "baru"})
    antar.clock.pass_(60)
    await antar.work()


async def test_a_look_with_a_changed_record_never_says_that_nothing_arrived(
    tmp_path: Path, database: Database, database_url: str, clock: Clock
) -> None:
    antar = await open_small_hub(tmp_path, database_url, clock, TELLTALE)
    await silent_then_changed(antar)
    row = await antar.row("Visit", "V1")
    assert (row.status, row.due_at, bool(row.in_doubt)) == ("unsure", None, True)
    assert "sebelum diubah" in sentence(row.problem)
    assert len(antar.ministry.posts) == 1
    await antar.hub.close()


async def test_a_person_who_has_looked_may_send_a_changed_record(
    tmp_path: Path, database: Database, database_url: str, clock: Clock
) -> None:
    antar = await open_small_hub(tmp_path, database_url, clock, TELLTALE)
    await silent_then_changed(antar)
    antar.ministry.stored.clear()
    for force, status in ((False, "unsure"), (True, "sent")):
        await resend(antar.hub.database, antar.facility.id, [(await antar.row("Visit", "V1")).id], "sari", force=force)
        await antar.work()
        assert await antar.status("Visit", "V1") == status
    await antar.hub.close()


async def test_a_look_with_a_changed_record_may_find_what_arrived(antar: SmallHub) -> None:
    await silent_then_changed(antar)
    assert await antar.attempts() == ["create unsure", "find accepted", "update accepted"]


async def test_a_death_with_a_mended_record_leaves_nothing_to_a_person(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V1", "note": "baru"})
    [claimed] = await claim(antar.hub.database, antar.channel, 1, "worker")
    await begin(antar.hub.database, claimed.lease)
    antar.clock.pass_(LEASE_MS / 1000 + 1)
    await antar.work()
    await antar.work()
    assert await antar.attempts() == ["create rejected", "lost unsure", "find accepted", "create accepted"]


async def test_a_search_without_end_says_nothing_is_missing(antar: SmallHub) -> None:
    endless = accepted(found=[], next="http://elsewhere/?page=2")
    antar.ministry.script = [refused(Verdict.UNSURE)] + [endless] * 1000
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.clock.pass_(60)
    await antar.work()
    assert len(antar.ministry.posts) == 1
    assert (await antar.row("Visit", "V1")).due_at is None


async def test_the_same_hit_on_two_pages_is_one(antar: SmallHub) -> None:
    def page(call: Call) -> Reply:
        last = dict(call.query).get("page") == "2"
        return accepted(found=[{"id": "P-1"}], next="" if last else "?page=2")

    antar.ministry.script = [page, page]
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    assert (await antar.row("Person", "P1")).reference == "P-1"


async def test_an_answer_is_kept_whole_whatever_its_bytes(antar: SmallHub) -> None:
    answer = b"\x00\xff" * (MAX_BODY_BYTES // 2)
    antar.ministry.script = [refused(Verdict.REJECTED, 400, body=answer)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    [(kept,)] = await antar.hub.database.fetch(text("SELECT response FROM attempts"))
    assert unpacked(kept) == answer


async def test_heavy_answers_are_written_a_few_at_a_time(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    write, sizes = settling.settle, list[int]()

    async def counting(database: Database, settlements: Any) -> Any:
        sizes.append(len(settlements))
        return await write(database, settlements)

    monkeypatch.setattr(settling, "settle", counting)
    monkeypatch.setattr(settling, "MAX_ANSWER_BYTES", 2000)
    monkeypatch.setattr(settling, "MAX_WAITING_BYTES", 3000)
    antar.ministry.script = [refused(Verdict.REJECTED, 400, body=b"x" * 1000)] * 40
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(40)))
    await antar.work()
    assert (sum(sizes), max(sizes)) == (40, 2)


STEPS = PAGED.replace('after_create: "{{ record.done }}"', 'after_create: "{{ 1 / 0 if record.note else false }}"')


async def test_an_error_in_what_follows_a_create_is_found_before_it(
    tmp_path: Path, database: Database, database_url: str, clock: Clock
) -> None:
    antar = await open_small_hub(tmp_path, database_url, clock, STEPS)
    await antar.hand_in("Visit", {"id": "V1", "note": "x"})
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, antar.ministry.calls) == ("failed", [])
    assert "after_create" in row.problem
    await antar.hub.close()


async def test_what_breaks_after_an_acceptance_keeps_the_id(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        monkeypatch.undo()
        raise LookupError

    monkeypatch.setattr(outcomes, "Outcome", broken)
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, row.reference, row.sent_version, bool(row.in_doubt)) == ("failed", "id-V1", 1, False)
    assert "LookupError" in row.problem


async def test_a_removed_type_stays_in_doubt(antar: SmallHub) -> None:
    antar.ministry.script = [antar.ministry.store_and_be_silent]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    whole = antar.hub.catalog
    antar.hub.catalog = replace(whole, specs={name: spec for name, spec in whole.specs.items() if name != "Visit"})
    antar.clock.pass_(60)
    await antar.work()
    antar.hub.catalog = whole
    await resend(antar.hub.database, antar.facility.id, [(await antar.row("Visit", "V1")).id], "sari")
    await antar.work()
    assert await antar.attempts() == ["create unsure", "find accepted"]
