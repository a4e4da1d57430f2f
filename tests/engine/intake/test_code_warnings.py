"""Codes that their list does not have are warned about when the record is handed in; it is stored all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.code_lists import copies
from engine.database.database import Database
from engine.intake.intake import Accepted
from engine.specs.code_list import Row
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, House, open_house

pytestmark = pytest.mark.anyio

CODED = CATALOG.replace(
    "    columns: {note:",
    """    codes:
      doctor: {list: doctors, key: "{{ record.note }}"}
      finding: {list: doctors, each: "{{ record.findings }}", key: "{{ item }}"}
    columns: {note:""",
)


@pytest.fixture
async def house(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[House]:
    opened = await open_house(tmp_path, database_url, clock, CODED)
    yield opened
    await opened.hub.close()


async def read(house: House, *keys: str) -> None:
    """The list has been read and had these."""
    await copies.begin(house.hub.database, house.facility.id, "doctors", "sari")
    held = await copies.lease_next(house.hub.database)
    assert held is not None
    rows = [Row(key, {"name": key}) for key in keys]
    await copies.store_page(house.hub.database, held, rows, done=1, offset=0, total=1)
    await copies.finish(house.hub.database, held)


async def warnings(house: House, **record: object) -> list[tuple[str, ...]]:
    handed_in = await house.hand_in("Visit", {"id": "V1", **record})
    return [each.warnings for each in handed_in if isinstance(each, Accepted)]


async def test_a_list_that_was_never_read_warns_of_nothing(house: House) -> None:
    assert await warnings(house, note="D1") == [()]


async def test_a_code_that_is_there_is_no_matter(house: House) -> None:
    await read(house, "D1", "D2")
    assert await warnings(house, note="D1", findings=["D2"]) == [()]
    assert await warnings(house) == [()]


async def test_each_code_that_is_not_there_is_named(house: House) -> None:
    await read(house, "D1")
    assert await warnings(house, note="D7", findings=["D1", "D8"]) == [
        (
            "doctor: kode 'D7' tidak ada di Referensi, Dokter",
            "finding: kode 'D8' tidak ada di Referensi, Dokter",
        )
    ]


async def test_a_code_that_vanished_is_said_to_be_old(house: House) -> None:
    await read(house, "D1")
    await read(house, "D2")
    assert await warnings(house, note="D1") == [("doctor: kode 'D1' tidak berlaku lagi di Referensi, Dokter",)]


async def test_what_is_warned_about_is_sent_nevertheless(house: House) -> None:
    await read(house, "D1")
    await warnings(house, note="D7")
    await house.work()
    assert await house.status("Visit", "V1") == "sent"
