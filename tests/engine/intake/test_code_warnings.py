"""Warnings about codes that their list does not have, at intake; the record is stored all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from admin.text.words import sentence
from engine.code_lists import synchronisations
from engine.database.database import Database
from engine.intake.intake import Accepted
from engine.specs.code_list import CodeListRow
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub

pytestmark = pytest.mark.anyio

CODED = CATALOG.replace(
    "    columns: {note:",
    """    codes:
      doctor: {list: doctors, key: "{{ record.note }}"}
      finding: {list: doctors, each: "{{ record.findings }}", key: "{{ item }}"}
    columns: {note:""",
)


@pytest.fixture
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, database_url, clock, CODED)
    yield opened
    await opened.hub.close()


async def read(antar: SmallHub, *keys: str) -> None:
    """Store a reading of the list with these rows."""
    await synchronisations.begin(antar.hub.database, antar.facility.id, "doctors", "sari")
    held = await synchronisations.lease_next(antar.hub.database)
    assert held is not None
    rows = [CodeListRow(key, {"name": key}) for key in keys]
    await synchronisations.store_page(antar.hub.database, held, rows, done=1, offset=0, total=1)
    await synchronisations.finish(antar.hub.database, held)


async def warnings(antar: SmallHub, **record: object) -> list[tuple[str, ...]]:
    handed_in = await antar.hand_in("Visit", {"id": "V1", **record})
    return [tuple(map(sentence, accepted.warnings)) for accepted in handed_in if isinstance(accepted, Accepted)]


async def test_a_list_that_was_never_read_warns_of_nothing(antar: SmallHub) -> None:
    assert await warnings(antar, note="D1") == [()]


async def test_a_code_that_is_there_is_no_matter(antar: SmallHub) -> None:
    await read(antar, "D1", "D2")
    assert await warnings(antar, note="D1", findings=["D2"]) == [()]
    assert await warnings(antar) == [()]


async def test_each_code_that_is_not_there_is_named(antar: SmallHub) -> None:
    await read(antar, "D1")
    assert await warnings(antar, note="D7", findings=["D1", "D8"]) == [
        (
            "doctor: kode 'D7' tidak ada di Referensi, Dokter",
            "finding: kode 'D8' tidak ada di Referensi, Dokter",
        )
    ]


async def test_a_code_that_vanished_is_said_to_be_old(antar: SmallHub) -> None:
    await read(antar, "D1")
    await read(antar, "D2")
    assert await warnings(antar, note="D1") == [("doctor: kode 'D1' tidak berlaku lagi di Referensi, Dokter",)]


async def test_what_is_warned_about_is_sent_nevertheless(antar: SmallHub) -> None:
    await read(antar, "D1")
    await warnings(antar, note="D7")
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"
