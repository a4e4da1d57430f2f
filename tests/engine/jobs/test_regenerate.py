"""Regenerating: what would now be sent otherwise is found, and sent as a job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.base import Verdict
from engine.jobs import regenerate
from engine.jobs.regenerate import preview, start, under_way
from engine.jobs.runner import run_jobs
from engine.specs.record_type import Spec
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, House, open_house, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path, database_url: str, clock: Clock, database: object) -> AsyncIterator[House]:
    opened = await open_house(tmp_path, database_url, clock)
    yield opened
    await opened.hub.close()


def visit(house: House) -> Spec:
    return house.hub.catalog.specs["Visit"]


def change(house: House, old: str, new: str) -> None:
    """The configuration is another now."""
    (house.hub.settings.config_dir / "resources.yaml").write_text(CATALOG.replace(old, new), "utf-8")
    house.hub.reload()


async def three_sent(house: House) -> None:
    await house.hand_in("Visit", *({"id": f"V{n}", **({"note": "x"} if n else {})} for n in range(3)))
    await house.work()


async def regenerated(house: House) -> int | None:
    id_ = await start(house.hub.database, {}, visit(house), house.facility, reason="Regenerate", actor="sari")
    await run_jobs(house.hub.database, house.rung.add, lambda: False)
    await house.work()
    return id_


async def test_without_a_change_all_stays_as_it_is(house: House) -> None:
    await three_sent(house)
    found = await preview(house.hub.database, {}, visit(house), house.facility)
    assert (found.changed, found.same, found.faulty, found.again) == ((), 3, 0, ())


async def test_only_what_would_be_another_content_is_sent_again(house: House) -> None:
    await three_sent(house)
    change(house, 'note: "{{ record.note }}"\n    example', 'remark: "{{ record.note }}"\n    example')
    found = await preview(house.hub.database, {}, visit(house), house.facility)
    assert (len(found.changed), found.same) == (2, 1)
    assert await regenerated(house) is not None
    assert [put["remark"] for put in house.ministry.puts] == ["x", "x"]


async def test_after_an_update_the_update_is_compared(house: House) -> None:
    await three_sent(house)
    await house.hand_in("Visit", {"id": "V1", "note": "y"})
    await house.work()
    found = await preview(house.hub.database, {}, visit(house), house.facility)
    assert (found.changed, found.same) == ((), 3)


async def test_what_failed_is_tried_once_more(house: House) -> None:
    house.ministry.script = [refused(Verdict.REJECTED, 400)]
    await three_sent(house)
    assert await regenerated(house) is not None
    assert [await house.status("Visit", f"V{n}") for n in range(3)] == ["sent"] * 3
    assert await house.counters_are_right()


async def test_a_type_that_is_only_looked_up_is_looked_up_anew(house: House) -> None:
    await house.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await house.work()
    found = await preview(house.hub.database, {}, house.hub.catalog.specs["Person"], house.facility)
    assert len(found.changed) == 1


async def test_what_the_entry_can_no_longer_make_is_counted_and_left_alone(house: House) -> None:
    await three_sent(house)
    change(house, 'note: "{{ record.note }}"\n    example', 'note: "{{ record.note | utc }}"\n    example')
    found = await preview(house.hub.database, {}, visit(house), house.facility)
    assert (found.faulty, found.same, found.ids) == (2, 1, [])


async def test_where_nothing_is_to_be_done_no_job_begins(house: House) -> None:
    await three_sent(house)
    assert await regenerated(house) is None


async def test_a_second_press_joins_the_job_that_runs(house: House) -> None:
    await house.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await house.work()
    spec = house.hub.catalog.specs["Person"]
    first, second = [await start(house.hub.database, {}, spec, house.facility, reason="x", actor="sari") for _ in "12"]
    assert first == second
    assert list(await under_way(house.hub.database, house.facility.id, "ministry")) == ["Person"]


async def test_many_are_read_batch_by_batch(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regenerate, "BATCH_DELIVERIES", 2)
    await three_sent(house)
    assert (await preview(house.hub.database, {}, visit(house), house.facility)).same == 3
