"""Life of a delivery from the record to its settlement, with a scripted ministry."""

from __future__ import annotations

import pytest

from adapters.base import Problem, Verdict
from admin.text.words import sentence
from engine.intake.intake import Accepted, Refused
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

NIK = "3171010101010001"


async def test_a_record_is_sent_and_its_reference_kept(antar: SmallHub) -> None:
    [result] = await antar.hand_in("Visit", {"id": "V1", "note": "batuk"})
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert isinstance(result, Accepted)
    assert (row.status, row.reference, row.sent_version) == ("sent", "id-V1", 1)
    assert antar.ministry.posts == [{"kind": "Visit", "identifier": "V1", "note": "batuk"}]


async def test_a_lookup_creates_nothing_and_keeps_the_id_found(antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": NIK})
    await antar.work()
    assert (await antar.row("Person", "P1")).reference == "P-1"
    assert antar.ministry.posts == []


async def test_a_lookup_that_finds_nothing_fails_until_the_record_is_mended(antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "0"})
    await antar.work()
    assert await antar.status("Person", "P1") == "failed"
    await antar.hand_in("Person", {"id": "P1", "nik": NIK})
    await antar.work()
    assert await antar.status("Person", "P1") == "sent"


async def test_an_unchanged_record_causes_no_traffic_a_changed_one_an_update(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert len(antar.ministry.calls) == 1
    await antar.hand_in("Visit", {"id": "V1", "note": "demam"})
    await antar.work()
    assert [call.path for call in antar.ministry.calls] == ["/Visit", "/Visit/id-V1"]


async def test_a_rejected_record_is_not_tried_again(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="10457", message="Element not found")]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.clock.pass_(100_000)
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, row.http_status, row.code, row.problem) == ("failed", 400, "10457", "Element not found")
    assert len(antar.ministry.calls) == 1


async def test_what_fails_the_preflight_check_is_never_sent(antar: SmallHub) -> None:
    antar.ministry.problems = [Problem("$.status", "is missing")]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, sentence(row.problem)) == ("failed", "$.status: is missing")
    assert antar.ministry.calls == []
    assert await antar.attempts() == ["check rejected"]


async def test_a_poisonous_record_fails_alone(antar: SmallHub) -> None:
    antar.ministry.script = [_explode, antar.ministry.answer]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.work()
    statuses = sorted([await antar.status("Visit", "V1"), await antar.status("Visit", "V2")])
    assert statuses == ["failed", "sent"]


def _explode(call):  # type: ignore[no-untyped-def]
    raise RuntimeError("boom")


async def test_a_refused_record_names_its_paths_and_the_good_ones_are_stored(antar: SmallHub) -> None:
    good, bad = await antar.hand_in("Visit", {"id": "V1"}, {"id": 5, "unknown": 1})
    assert isinstance(good, Accepted)
    assert isinstance(bad, Refused)
    assert {problem.path for problem in bad.problems} == {"$", "$.id"}


async def test_a_removed_type_is_set_aside_with_its_reason(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    del antar.hub.catalog.specs["Visit"]  # type: ignore[attr-defined]
    await antar.work()
    assert "tidak ada lagi" in sentence((await antar.row("Visit", "V1")).problem)


async def test_what_is_too_long_for_its_column_is_cut_or_refused_not_broken(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="9" * 500, message="x" * 5000)]
    await antar.hand_in("Visit", {"id": "V1"})
    [long_norm] = await antar.hand_in("Visit", {"id": "V2", "person": "P" * 61})
    await antar.work()
    assert isinstance(long_norm, Refused)
    assert (await antar.row("Visit", "V1")).code == "9" * 60
