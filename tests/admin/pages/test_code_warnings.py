"""Warnings about codes that their list does not have: shown to the HIS and on the delivery before a refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from engine.code_lists import synchronisations
from engine.specs.code_list import CodeListRow
from tests import databases
from tests.conftest import Clock
from tests.engine.intake.test_code_warnings import CODED
from tests.engine.small_hub import AT, SmallHub, open_small_hub

pytestmark = pytest.mark.anyio


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    """Yield a hub that has read its list of doctors."""
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, CODED)
    database = opened.hub.database
    await synchronisations.begin(database, opened.facility.id, "doctors", "sari")
    held = await synchronisations.lease_next(database)
    assert held is not None
    await synchronisations.store_page(
        database, held, [CodeListRow("D1", {"name": "dr. Satu"})], done=1, offset=0, total=1
    )
    await synchronisations.finish(database, held)
    yield opened
    await opened.hub.close()


async def test_the_his_is_told_at_once(his: httpx.AsyncClient) -> None:
    records = [{"id": "V1", "at": AT, "note": "D7"}, {"id": "V2", "at": AT, "note": "D1"}]
    first, second = (await his.post("/api/v1/records/Visit", json=records)).json()["results"]
    assert first["warnings"] == ["doctor: kode 'D7' tidak ada di Referensi, Dokter"]
    assert (first["status"], "warnings" in second) == ("accepted", False)


@pytest.mark.parametrize(("note", "warned"), [("D7", True), ("D1", False)])
async def test_who_opens_it_is_told_too(person: httpx.AsyncClient, antar: SmallHub, note: str, warned: bool) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": note})
    page = (await person.get(f"/integrasi/ministry/Visit/{(await antar.row('Visit', 'V1')).id}")).text
    assert ("kemungkinan akan ditolak" in page, "D7" in page) == (warned, warned)
