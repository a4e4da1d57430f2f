"""Group commit: records submitted at the same moment are stored together, and each request gets its own result."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, OperationalError

from engine.database.database import Database
from engine.delivery.types import NewRecord
from engine.facilities.facilities import FacilityRow
from engine.intake import group_commit
from engine.intake.group_commit import MAX_WRITERS, GroupCommit, Stored
from engine.outbox.add import Batch, add
from engine.outbox.patient_index import IndexedPatients

pytestmark = pytest.mark.anyio


def batch(facility: FacilityRow, spec: str = "Visit") -> Batch:
    return Batch(facility.id, spec, "ministry", updatable=True)


def entry(key: str, content: str = "a") -> NewRecord:
    return NewRecord(key, "2026-03-10", f'{{"id": "{key}"}}', content)


class Watched:
    """Replaces outbox.add: records the keys of each transaction, and raises the given error for the key `bad`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.transactions: list[list[str]] = []
        self.running: Counter[str] = Counter()  # by type
        self.most: Counter[str] = Counter()  # that ran at once
        self._error = error
        monkeypatch.setattr(group_commit, "add", self)

    async def __call__(
        self, database: Database, batch: Batch, entries: Sequence[NewRecord], indexed: IndexedPatients
    ) -> Stored:
        self.transactions.append([entry.key for entry in entries])
        if self._error and any(entry.key == "bad" for entry in entries):
            raise self._error
        self.running[batch.spec] += 1
        self.most |= self.running
        try:
            return await add(database, batch, entries, indexed)
        finally:
            self.running[batch.spec] -= 1


async def keys(database: Database) -> list[str]:
    return [key for (key,) in await database.fetch(text("SELECT key FROM deliveries ORDER BY key"))]


async def test_what_comes_while_one_is_written_goes_with_the_next(
    database: Database, facility: FacilityRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, door = Watched(monkeypatch), GroupCommit(database)
    results = await asyncio.gather(*(door.add(batch(facility), [entry(f"{n:02}")]) for n in range(20)))
    assert len(watched.transactions) <= (2 if database.dialect == "sqlite" else MAX_WRITERS + 1)
    assert [outcome for [(_, outcome)] in results] == ["accepted"] * 20
    stored = dict(await database.fetch(text("SELECT key, id FROM deliveries")))
    assert [id_ for [(id_, _)] in results] == [stored[f"{n:02}"] for n in range(20)]


async def test_records_of_one_type_wait_for_each_other_and_not_for_those_of_another(
    database: Database, facility: FacilityRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MAX_RECORDS", 2)
    watched, door = Watched(monkeypatch), GroupCommit(database)
    specs = ["Visit"] * 20 + ["Finding"] * 20
    await asyncio.gather(*(door.add(batch(facility, spec), [entry(str(n))]) for n, spec in enumerate(specs)))
    assert watched.most == ({"Visit": 1, "Finding": 1} if database.dialect == "sqlite" else {"Visit": 2, "Finding": 2})


async def test_one_after_the_other_is_stored_too(database: Database, facility: FacilityRow) -> None:
    door = GroupCommit(database)
    async with asyncio.timeout(30):
        results = [await door.add(batch(facility), [entry(str(n))]) for n in range(20)]
    assert [outcome for [(_, outcome)] in results] == ["accepted"] * 20


async def test_the_same_record_of_two_requests_is_one_delivery(database: Database, facility: FacilityRow) -> None:
    door = GroupCommit(database)
    results = await asyncio.gather(*(door.add(batch(facility), [entry("1")]) for _ in range(12)))
    assert sorted(outcome for [(_, outcome)] in results) == ["accepted"] + ["unchanged"] * 11
    assert len({id_ for [(id_, _)] in results}) == 1


async def test_types_are_kept_apart_and_batches_whole(
    database: Database, facility: FacilityRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, door = Watched(monkeypatch), GroupCommit(database)
    large = [entry(f"L{n:03}") for n in range(group_commit.MAX_RECORDS)]
    asked = [("Visit", [entry("1")]), ("Finding", [entry("2")]), ("Visit", large), ("Visit", [entry("3")])] * 3
    results = await asyncio.gather(*(door.add(batch(facility, spec), entries) for spec, entries in asked))
    assert [len(result) for result in results] == [len(entries) for _, entries in asked]
    assert max(map(len, watched.transactions)) <= group_commit.MAX_RECORDS
    assert len(await keys(database)) == group_commit.MAX_RECORDS + 3


async def test_what_the_database_refuses_takes_nothing_else_along(
    database: Database, facility: FacilityRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    Watched(monkeypatch, DataError("INSERT", {}, Exception("refused")))
    door, handed_in = GroupCommit(database), ["1", "2", "3", "4", "5", "bad", "6"]
    results = await asyncio.gather(
        *(door.add(batch(facility), [entry(key)]) for key in handed_in), return_exceptions=True
    )
    assert [isinstance(result, DataError) for result in results] == [key == "bad" for key in handed_in]
    assert await keys(database) == ["1", "2", "3", "4", "5", "6"]


async def test_while_the_database_is_away_all_are_told_at_once(
    database: Database, facility: FacilityRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch, OperationalError("INSERT", {}, Exception("away")))
    door = GroupCommit(database)
    requests = [door.add(batch(facility), [entry("bad")]) for _ in range(20)]
    results = await asyncio.gather(*requests, return_exceptions=True)
    assert all(isinstance(result, OperationalError) for result in results)
    assert len(watched.transactions) <= MAX_WRITERS + 1


async def test_who_has_gone_holds_up_nobody(database: Database, facility: FacilityRow) -> None:
    door = GroupCommit(database)
    asked = [asyncio.ensure_future(door.add(batch(facility), [entry(str(n))])) for n in range(8)]
    await asyncio.sleep(0)
    asked[5].cancel()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [n == 5 for n in range(8)]
    assert await keys(database) == [str(n) for n in range(8)]
