"""The index of lists: new and changed records, records that were stored before it, and several workers at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from engine.maintenance import list_indexing
from engine.outbox import list_index
from engine.queries import paging
from engine.queries.deliveries import Filters
from engine.visits.visit_index import IndexedRecord
from tests.engine.small_hub import SmallHub, no_sleep

pytestmark = pytest.mark.anyio


async def matching(antar: SmallHub, phrase: str) -> list[str]:
    page = await paging.page(antar.hub.database, antar.facility.id, Filters(("Visit",), text=phrase), 50)
    return [row.key for row in page.rows]


async def rows(antar: SmallHub, query: str) -> list[Any]:
    return list(await antar.hub.database.fetch(text(query)))


async def hand_in_visits(antar: SmallHub, n: int) -> None:
    await antar.hand_in("Visit", *({"id": f"V{i}", "note": f"catatan{i}"} for i in range(n)))


async def test_a_changed_record_is_found_by_its_new_words_only(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk"})
    await antar.index()
    await antar.hand_in("Visit", {"id": "V1", "note": "pilek"})
    assert await antar.index() == 1
    assert (await matching(antar, "batuk"), await matching(antar, "pilek")) == ([], ["V1"])


async def test_an_unchanged_record_is_not_queued_again(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk"})
    await antar.index()
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk"})
    assert await antar.index() == 0


async def test_records_of_one_request_are_one_row_of_the_queue(antar: SmallHub) -> None:
    await antar.index()
    await hand_in_visits(antar, 30)
    assert len(await rows(antar, "SELECT * FROM index_queue")) == 1


async def test_records_from_before_the_index_are_entered_in_batches(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hand_in_visits(antar, 25)
    await antar.hub.database.on_connection(lambda connection: connection.execute(text("DELETE FROM index_queue")))
    monkeypatch.setattr(list_indexing, "MAX_RANGE", 10)
    assert await antar.index() == 25
    assert await matching(antar, "catatan7") == ["V7"]
    assert await rows(antar, "SELECT * FROM index_queue") == []


async def test_a_worker_goes_on_where_another_one_died(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    await hand_in_visits(antar, 25)
    monkeypatch.setattr(list_indexing, "MAX_RANGE", 10)

    async def die(seconds: float) -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await list_indexing.ListIndexing(antar.hub.database, lambda: antar.hub.catalog, antar.hub.vault, die).tick()
    assert await rows(antar, "SELECT * FROM index_queue") != []
    await antar.index()
    assert await matching(antar, "catatan") == [f"V{i}" for i in reversed(range(25))]


async def test_changed_columns_enter_all_deliveries_again(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk", "person": "P9"})
    await antar.index()
    specs = antar.hub.catalog.specs
    visit = replace(specs["Visit"], columns=(replace(specs["Visit"].columns[0], value=specs["Visit"].patient_norm),))
    antar.hub.catalog = replace(antar.hub.catalog, hash="other", specs={**specs, "Visit": visit})
    assert await antar.index() == 1
    assert (await matching(antar, "batuk"), await matching(antar, "P9")) == ([], ["V1"])
    assert await antar.index() == 0


async def test_a_record_that_changes_while_it_is_read_is_read_again(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk"})
    [taken] = await rows(antar, "SELECT id, first, last FROM index_queue")
    untold = IndexedRecord(taken.first, antar.facility.id, None, None, ())
    old = list_index.IndexedDelivery(taken.first, antar.facility.id, "Visit", 20260310, 0, [], untold)
    ranges = [list_index.IdRange(*taken)]
    assert not await antar.hub.database.write(list_index.enter, ranges, [old])
    await antar.index()
    assert await matching(antar, "batuk") == ["V1"]


async def test_a_range_is_entered_by_one_worker(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk"})
    [taken] = await rows(antar, "SELECT id, first, last FROM index_queue")
    await antar.index()
    assert not await antar.hub.database.write(list_index.enter, [list_index.IdRange(*taken)], [])


async def test_a_type_that_is_no_longer_declared_has_no_values(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk"})
    antar.hub.catalog = replace(antar.hub.catalog, specs={})
    indexing = list_indexing.ListIndexing(antar.hub.database, lambda: antar.hub.catalog, antar.hub.vault, no_sleep)
    await indexing.tick()
    assert await matching(antar, "batuk") == []
