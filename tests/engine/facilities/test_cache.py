"""Clinics in memory: callers that come together share one read."""

from __future__ import annotations

import asyncio

import pytest

from engine.database.database import Database
from engine.facilities.cache import CHECK_MS, FacilityCache
from engine.facilities.facilities import FacilityRow, add_facility
from tests.conftest import Clock

pytestmark = pytest.mark.anyio

TOGETHER = 50


def count_reads(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep the queries that the database is asked from now on."""
    asked: list[str] = []
    fetch = database.fetch

    async def fetch_and_count(query: object, *more: object) -> list[object]:
        asked.append(str(query))
        await asyncio.sleep(0)  # the other callers come meanwhile
        return await fetch(query, *more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(database, "fetch", fetch_and_count)
    return asked


async def test_many_who_ask_at_once_share_the_reads(
    database: Database, facility: FacilityRow, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, asked = FacilityCache(database), count_reads(database, monkeypatch)
    found = await asyncio.gather(*(cache.one(facility.id) for _ in range(TOGETHER)))
    assert ({row.code for row in found if row}, len(asked)) == ({facility.code}, 2)
    clock.pass_(CHECK_MS / 1000)
    await asyncio.gather(*(cache.one(facility.id) for _ in range(TOGETHER)))
    assert len(asked) == 3


async def test_a_clinic_that_was_added_a_moment_ago_is_there(database: Database, facility: FacilityRow) -> None:
    cache = FacilityCache(database)
    assert await cache.one(facility.id + 1) is None
    added = await add_facility(database, "baru", "Klinik Baru")
    assert await cache.one(added.id) == added
