"""Cost of reading a list that takes a request for each row of another one, told before the button is pressed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from engine.code_lists import synchronisations
from engine.specs.code_list import CodeListRow
from tests import databases
from tests.conftest import Clock
from tests.engine.intake.test_refused_codes import STRICT
from tests.engine.small_hub import SmallHub, open_small_hub

pytestmark = pytest.mark.anyio

WARDS = 1_200
SECONDS = 12


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, STRICT)
    yield opened
    await opened.hub.close()


async def read_wards(antar: SmallHub, *, requests: int) -> None:
    """Read the wards with this number of requests in SECONDS."""
    database = antar.hub.database
    await synchronisations.begin(database, antar.facility.id, "wards", "sari")
    held = await synchronisations.lease_next(database)
    assert held is not None
    antar.clock.pass_(SECONDS)
    rows = [CodeListRow(f"{n}", {"code": f"{n}"}) for n in range(WARDS)]
    await synchronisations.store_page(database, held, rows, done=requests, offset=0, total=requests)
    await synchronisations.finish(database, held)


async def test_requests_and_duration_stand_before_the_button(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await read_wards(antar, requests=10)  # 1.2 seconds each
    page = (await person.get("/referensi/rooms")).text
    words = "mengirim 1.200 permintaan ke Kementerian, satu untuk setiap Bangsal, satu demi satu: kira-kira 24 mnt."
    assert 0 < page.index(words) < page.index("Sinkronisasi</button>")
    assert "permintaan" not in (await person.get("/referensi/wards")).text


async def test_a_list_whose_rows_are_not_known_yet_is_read_first(person: httpx.AsyncClient, antar: SmallHub) -> None:
    page = (await person.get("/referensi/rooms")).text
    assert "satu permintaan untuk setiap Bangsal. Daftar itu belum pernah dibaca" in page


async def test_no_duration_is_invented(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await read_wards(antar, requests=10)
    await synchronisations.begin(antar.hub.database, antar.facility.id, "wards", "sari")
    page = (await person.get("/referensi/rooms")).text
    assert "satu untuk setiap Bangsal, satu demi satu." in page
    assert "kira-kira" not in page


async def test_while_it_is_read_the_progress_stands_there(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await read_wards(antar, requests=10)
    await synchronisations.begin(antar.hub.database, antar.facility.id, "rooms", "sari")
    assert "permintaan ke" not in (await person.get("/referensi/rooms/status")).text
