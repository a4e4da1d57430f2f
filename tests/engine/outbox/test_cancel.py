"""Cancellation: a delivery that never arrived is only cancelled here, one that arrived is removed at the upstream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.base import Verdict
from admin.text.words import sentence
from engine.database.database import Database
from engine.outbox.resend import resend
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, accepted, open_small_hub, refused

pytestmark = pytest.mark.anyio

REMOVAL = """
  Removal:
    label: Hapus
    group: Uji
    upstream: ministry
    sequence: "{{ record.visit }}"
    endpoint: {method: DELETE, path: "/Visit/{{ needs.visit.reference }}", reference: "{{ record.id }}"}
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    record:
      required: [id, visit, at]
      properties: {id: {type: string}, visit: {type: string}, at: {type: string}}
    needs: {visit: {spec: Visit, key: "{{ record.visit }}", undo: true}}
    columns: {visit: {label: Kunjungan, value: "{{ record.visit }}"}}
    example: {id: R1, visit: V1, at: "2026-03-10T08:00:00+07:00"}
"""
SEQUENCED = CATALOG.replace("  Visit:\n", '  Visit:\n    sequence: "{{ record.id }}"\n') + REMOVAL


@pytest.fixture
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, database_url, clock, SEQUENCED)
    answer = opened.ministry.answer
    opened.ministry.answer = lambda call: accepted() if call.method == "DELETE" else answer(call)  # type: ignore[method-assign]
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()


def methods(antar: SmallHub) -> list[str]:
    return [f"{call.method} {call.path}" for call in antar.ministry.calls]


async def test_what_arrived_is_removed_there_and_loses_its_reference(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.hand_in("Removal", {"id": "R1", "visit": "V1"})
    await antar.work()
    visit = await antar.row("Visit", "V1")
    assert methods(antar) == ["POST /Visit", "DELETE /Visit/id-V1"]
    assert (visit.status, visit.reference, visit.sent_version) == ("ignored", None, None)
    assert await antar.status("Removal", "R1") == "sent"


async def test_what_is_still_queued_is_cancelled_and_nothing_leaves(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P9"})  # waits for a person who is not there
    await antar.work()
    await antar.hand_in("Removal", {"id": "R1", "visit": "V1"})
    await antar.work()
    removal = await antar.row("Removal", "R1")
    assert (methods(antar), await antar.status("Visit", "V1")) == ([], "ignored")
    assert (removal.status, "belum pernah sampai" in sentence(removal.problem)) == ("ignored", True)
    assert await antar.waits("Visit", "V1") == []


async def test_what_was_refused_never_arrived(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.hand_in("Removal", {"id": "R1", "visit": "V1"})
    await antar.work()
    assert methods(antar) == ["POST /Visit"]
    assert [await antar.status(*record) for record in (("Visit", "V1"), ("Removal", "R1"))] == ["ignored", "ignored"]


async def test_what_may_have_arrived_is_looked_for_before_it_is_removed(antar: SmallHub, clock: Clock) -> None:
    antar.ministry.script = [antar.ministry.store_and_be_silent]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.hand_in("Removal", {"id": "R1", "visit": "V1"})
    await antar.work()
    assert (await antar.status("Visit", "V1"), await antar.status("Removal", "R1")) == ("unsure", "queued")
    clock.pass_(60)
    await antar.work()
    assert methods(antar) == ["POST /Visit", "GET /Visit", "DELETE /Visit/id-V1"]
    assert await antar.status("Visit", "V1") == "ignored"


async def test_what_is_not_here_yet_is_waited_for(antar: SmallHub) -> None:
    await antar.hand_in("Removal", {"id": "R1", "visit": "V1"})
    await antar.work()
    assert await antar.status("Removal", "R1") == "blocked"
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert methods(antar) == ["POST /Visit", "DELETE /Visit/id-V1"]


async def test_after_a_removal_the_record_is_created_anew(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.hand_in("Removal", {"id": "R1", "visit": "V1"})
    await antar.work()
    antar.ministry.stored.clear()
    await antar.hand_in("Visit", {"id": "V1", "note": "lagi"})
    await antar.work()
    assert methods(antar)[2:] == ["POST /Visit"]
    assert (await antar.row("Visit", "V1")).reference == "id-V1"


async def test_a_refused_removal_leaves_the_record_as_it_is(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.ministry.script = [refused(Verdict.REJECTED, 412)]
    [removal] = await antar.hand_in("Removal", {"id": "R1", "visit": "V1"})
    await antar.work()
    assert (await antar.status("Visit", "V1"), await antar.status("Removal", "R1")) == ("sent", "failed")
    await resend(antar.hub.database, antar.facility.id, [removal.id], "sari")  # type: ignore[union-attr]
    await antar.work()
    assert (await antar.status("Visit", "V1"), await antar.status("Removal", "R1")) == ("ignored", "sent")


async def test_a_removal_whose_answer_was_lost_is_simply_sent_again(antar: SmallHub, clock: Clock) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)]
    await antar.hand_in("Removal", {"id": "R1", "visit": "V1"})
    await antar.work()
    assert await antar.status("Removal", "R1") == "retrying"
    clock.pass_(60)
    await antar.work()
    assert (await antar.status("Visit", "V1"), await antar.status("Removal", "R1")) == ("ignored", "sent")
