"""Failed deliveries that are alike are mended at once, by rules that stay until the clinic's system is mended."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import text

from adapters.base import Call, Reply, Verdict
from engine.jobs import mend, queries
from engine.jobs.mend import HOLD_MS, Mending
from engine.jobs.runner import run_jobs
from engine.record_check import check_records
from engine.value_rules.store import end_rule, listed, uses_of
from tests.engine.small_hub import AT, SmallHub, accepted, refused

pytestmark = pytest.mark.anyio

CAUSE = "rejected:10457:Visit.note invalid"


def picky(call: Call) -> Reply:
    """Accept only the notes `baik` and `cukup`."""
    note = orjson.loads(call.body or b"{}").get("note")
    if note in ("baik", "cukup"):
        return accepted(id=f"id-{orjson.loads(call.body or b'{}')['identifier']}")
    return refused(Verdict.REJECTED, 400, code="10457", message="Visit.note invalid")


@pytest.fixture(autouse=True)
def picky_ministry(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(antar.ministry, "answer", picky)


def mending(antar: SmallHub, changes: dict[str, str], place: str = "note") -> Mending:
    spec = antar.hub.catalog.specs["Visit"]
    return Mending(antar.facility.id, spec, CAUSE, place, changes, "sari", "salah ketik")


async def fail(antar: SmallHub, *notes: str | None) -> None:
    records = [{"id": f"V{n}", **({"note": note} if note is not None else {})} for n, note in enumerate(notes, 1)]
    await antar.hand_in("Visit", *records)
    await antar.work()


async def start(antar: SmallHub, changes: dict[str, str]) -> int:
    started = await mend.start(antar.hub.database, mending(antar, changes), {"spec": "Visit"})
    assert started is not None
    return started[0]


async def run(antar: SmallHub) -> None:
    antar.clock.pass_(HOLD_MS / 1000)
    await run_jobs(antar.hub.database, antar.rung.add, lambda: False)
    await antar.work()


async def statuses(antar: SmallHub) -> list[str]:
    query = text("SELECT status FROM deliveries WHERE spec = 'Visit' ORDER BY id")
    return [row.status for row in await antar.hub.database.fetch(query)]


async def test_the_old_values_of_a_group_are_counted(antar: SmallHub) -> None:
    await fail(antar, "Baik", "Baik", "Ckp", None, "baik")
    found = await mend.old_values(antar.hub.database, antar.facility.id, "Visit", CAUSE, "note")
    assert [(value.text, value.n) for value in found.values] == [('"Baik"', 2), ('"Ckp"', 1), ("null", 1)]
    assert (found.read, found.more, found.capped) == (4, 0, False)


async def test_a_value_is_replaced_in_all_of_a_group_and_the_records_stay(antar: SmallHub) -> None:
    await fail(antar, "Baik", "Baik", "Ckp")
    job = await start(antar, {'"Baik"': '"baik"', '"Ckp"': '"cukup"'})
    await run(antar)
    assert await statuses(antar) == ["sent"] * 3
    assert [post["note"] for post in antar.ministry.posts[3:]] == ["baik", "baik", "cukup"]
    assert orjson.loads((await antar.row("Visit", "V1")).record)["note"] == "Baik"
    row = await queries.one(antar.hub.database, antar.facility.id, job)
    assert row is not None
    assert (row.state, row.total, row.skipped) == ("done", 3, 0)


async def test_values_that_were_not_chosen_stay_failed(antar: SmallHub) -> None:
    await fail(antar, "Baik", "Ckp")
    await start(antar, {'"Baik"': '"baik"'})
    await run(antar)
    assert await statuses(antar) == ["sent", "failed"]


async def test_nothing_is_sent_before_the_time_to_undo_has_passed(antar: SmallHub) -> None:
    await fail(antar, "Baik")
    await start(antar, {'"Baik"': '"baik"'})
    await run_jobs(antar.hub.database, antar.rung.add, lambda: False)
    await antar.hand_in("Visit", {"id": "V9", "note": "Baik"})
    await antar.work()
    assert await statuses(antar) == ["failed", "failed"]


async def test_an_undo_leaves_everything_as_it_was(antar: SmallHub) -> None:
    await fail(antar, "Baik")
    job = await start(antar, {'"Baik"': '"baik"'})
    assert await mend.undo(antar.hub.database, antar.facility.id, job, "sari")
    await run(antar)
    await antar.hand_in("Visit", {"id": "V9", "note": "Baik"})
    await antar.work()
    assert await statuses(antar) == ["failed", "failed"]
    [rule] = await listed(antar.hub.database, antar.facility.id)
    assert (rule.ended_by, rule.uses) == ("sari", 0)


async def test_it_is_too_late_to_undo_once_deliveries_are_sent(antar: SmallHub) -> None:
    await fail(antar, "Baik")
    job = await start(antar, {'"Baik"': '"baik"'})
    await run(antar)
    assert not await mend.undo(antar.hub.database, antar.facility.id, job, "sari")
    [rule] = await listed(antar.hub.database, antar.facility.id)
    assert rule.ended_at is None


async def test_two_clicks_start_one_job(antar: SmallHub) -> None:
    await fail(antar, "Baik")
    changes = {'"Baik"': '"baik"'}
    first = await mend.start(antar.hub.database, mending(antar, changes), {"spec": "Visit"})
    second = await mend.start(antar.hub.database, mending(antar, changes), {"spec": "Visit"})
    assert first is not None
    assert second == (first[0], False)
    assert len(await listed(antar.hub.database, antar.facility.id)) == 1


async def test_a_rule_holds_for_later_records_and_counts_its_uses(antar: SmallHub) -> None:
    await fail(antar, "Baik")
    await start(antar, {'"Baik"': '"baik"'})
    await run(antar)
    antar.clock.pass_(60)
    await antar.hand_in("Visit", {"id": "V9", "note": "Baik"})
    await antar.work()
    assert await antar.status("Visit", "V9") == "sent"
    [rule] = await listed(antar.hub.database, antar.facility.id)
    assert (rule.uses, rule.used_at) == (2, antar.clock())
    [use] = await uses_of(antar.hub.database, (await antar.row("Visit", "V9")).id)
    assert (use.old, use.new, use.actor) == ('"Baik"', '"baik"', "sari")


async def test_a_rule_that_a_person_removed_is_not_used_any_more(antar: SmallHub) -> None:
    await fail(antar, "Baik")
    await start(antar, {'"Baik"': '"baik"'})
    await run(antar)
    [rule] = await listed(antar.hub.database, antar.facility.id)
    assert await end_rule(antar.hub.database, antar.facility.id, rule.id, "budi", "")
    assert not await end_rule(antar.hub.database, antar.facility.id, rule.id, "budi", "")
    await antar.hand_in("Visit", {"id": "V9", "note": "Baik"})
    await antar.work()
    assert await antar.status("Visit", "V9") == "failed"


async def test_a_new_rule_takes_the_place_of_one_for_the_same_value(antar: SmallHub) -> None:
    await fail(antar, "Baik")
    await start(antar, {'"Baik"': '"BAIK"'})
    await run(antar)
    await start(antar, {'"Baik"': '"baik"'})
    await run(antar)
    rules = await listed(antar.hub.database, antar.facility.id)
    assert [(rule.new, rule.ended_at is None) for rule in rules] == [('"baik"', True), ('"BAIK"', False)]
    assert await statuses(antar) == ["sent"]


async def test_an_undo_puts_the_rule_back_that_was_replaced(antar: SmallHub) -> None:
    await fail(antar, "Baik")
    await start(antar, {'"Baik"': '"BAIK"'})
    await run(antar)
    job = await start(antar, {'"Baik"': '"baik"'})
    antar.clock.pass_(1)
    assert await mend.undo(antar.hub.database, antar.facility.id, job, "sari")
    rules = await listed(antar.hub.database, antar.facility.id)
    assert [(rule.new, rule.ended_at is None) for rule in rules] == [('"BAIK"', True), ('"baik"', False)]


async def test_a_check_of_records_sees_what_would_be_sent(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    await fail(antar, "Baik")
    await start(antar, {'"Baik"': '"baik"'})
    antar.clock.pass_(HOLD_MS / 1000)
    seen: list[Any] = []

    def check(payload: Any) -> tuple[()]:
        seen.append(payload)
        return ()

    monkeypatch.setattr(antar.ministry, "check", check)
    await check_records(antar.hub, antar.facility, "Visit", [{"id": "V9", "at": AT, "note": "Baik"}])
    assert [payload["note"] for payload in seen] == ["baik"]


async def test_what_a_person_wrote_is_sent_as_they_wrote_it(antar: SmallHub) -> None:
    await fail(antar, "Baik", "Baik")
    body = orjson.dumps({"kind": "Visit", "identifier": "V1", "note": "cukup"}).decode()
    update = text("UPDATE deliveries SET body = :body WHERE key = 'V1'")
    await antar.hub.database.write_models(lambda tx: tx.execute(update, {"body": body}))
    job = await start(antar, {'"Baik"': '"baik"'})
    await run(antar)
    assert [item.key for item in (await queries.items(antar.hub.database, antar.facility.id, job, 0, 9)).rows] == ["V2"]
    assert await statuses(antar) == ["failed", "sent"]


async def test_a_rule_that_would_change_the_patient_is_not_applied(antar: SmallHub) -> None:
    await fail(antar, "Baik")
    rule: Any = mending(antar, {'"V1"': '"V2"'}, place="id")
    await mend.start(antar.hub.database, rule, {"spec": "Visit"})
    await run(antar)
    assert [post["identifier"] for post in antar.ministry.posts] == ["V1", "V1"]
    assert (await listed(antar.hub.database, antar.facility.id))[0].uses == 0
