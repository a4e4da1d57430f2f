"""Regeneration: deliveries whose payload would change now are sent by a job."""

from __future__ import annotations

import pytest

from adapters.base import Verdict
from engine.jobs import regenerate
from engine.jobs.regenerate import preview, start, under_way
from engine.jobs.runner import run_jobs
from engine.specs.record_type import Spec
from tests.engine.small_hub import CATALOG, SmallHub, refused

pytestmark = pytest.mark.anyio


def visit(antar: SmallHub) -> Spec:
    return antar.hub.catalog.specs["Visit"]


def change(antar: SmallHub, old: str, new: str) -> None:
    """Load a changed configuration."""
    (antar.hub.settings.config_dir / "resources.yaml").write_text(CATALOG.replace(old, new), "utf-8")
    antar.hub.reload()


async def three_sent(antar: SmallHub) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n}", **({"note": "x"} if n else {})} for n in range(3)))
    await antar.work()


async def regenerated(antar: SmallHub) -> int | None:
    id_ = await start(antar.hub.database, {}, visit(antar), antar.facility, reason="Regenerate", actor="sari")
    await run_jobs(antar.hub.database, antar.rung.add, lambda: False)
    await antar.work()
    return id_


async def test_without_a_change_all_stays_as_it_is(antar: SmallHub) -> None:
    await three_sent(antar)
    counts = await preview(antar.hub.database, {}, visit(antar), antar.facility)
    assert (counts.changed, counts.same, counts.faulty, counts.again) == ((), 3, 0, ())


async def test_only_what_would_be_another_content_is_sent_again(antar: SmallHub) -> None:
    await three_sent(antar)
    change(antar, 'note: "{{ record.note }}"\n    example', 'remark: "{{ record.note }}"\n    example')
    counts = await preview(antar.hub.database, {}, visit(antar), antar.facility)
    assert (len(counts.changed), counts.same) == (2, 1)
    assert await regenerated(antar) is not None
    assert [put["remark"] for put in antar.ministry.puts] == ["x", "x"]


async def test_after_an_update_the_update_is_compared(antar: SmallHub) -> None:
    await three_sent(antar)
    await antar.hand_in("Visit", {"id": "V1", "note": "y"})
    await antar.work()
    counts = await preview(antar.hub.database, {}, visit(antar), antar.facility)
    assert (counts.changed, counts.same) == ((), 3)


async def test_what_failed_is_tried_once_more(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await three_sent(antar)
    assert await regenerated(antar) is not None
    assert [await antar.status("Visit", f"V{n}") for n in range(3)] == ["sent"] * 3
    assert await antar.counters_are_right()


async def test_a_type_that_is_only_looked_up_is_looked_up_anew(antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    counts = await preview(antar.hub.database, {}, antar.hub.catalog.specs["Person"], antar.facility)
    assert len(counts.changed) == 1


async def test_what_the_entry_can_no_longer_make_is_counted_and_left_alone(antar: SmallHub) -> None:
    await three_sent(antar)
    change(antar, 'note: "{{ record.note }}"\n    example', 'note: "{{ record.note | utc }}"\n    example')
    counts = await preview(antar.hub.database, {}, visit(antar), antar.facility)
    assert (counts.faulty, counts.same, counts.ids) == (2, 1, [])


async def test_where_nothing_is_to_be_done_no_job_begins(antar: SmallHub) -> None:
    await three_sent(antar)
    assert await regenerated(antar) is None


async def test_a_second_press_joins_the_job_that_runs(antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    spec = antar.hub.catalog.specs["Person"]
    first, second = [await start(antar.hub.database, {}, spec, antar.facility, reason="x", actor="sari") for _ in "12"]
    assert first == second
    assert list(await under_way(antar.hub.database, antar.facility.id, "ministry")) == ["Person"]


async def test_a_job_is_under_way_until_its_deliveries_have_been_sent(antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    await start(antar.hub.database, {}, antar.hub.catalog.specs["Person"], antar.facility, reason="x", actor="sari")
    await run_jobs(antar.hub.database, antar.rung.add, lambda: False)
    job = (await under_way(antar.hub.database, antar.facility.id, "ministry"))["Person"]
    assert (job.state, job.done, job.total) == ("done", 0, 1)
    await antar.work()
    assert await under_way(antar.hub.database, antar.facility.id, "ministry") == {}


async def test_many_are_read_batch_by_batch(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regenerate, "BATCH_DELIVERIES", 2)
    await three_sent(antar)
    assert (await preview(antar.hub.database, {}, visit(antar), antar.facility)).same == 3
