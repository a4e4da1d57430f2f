"""Pages of code lists: reading on request, columns, search, and the age of a copy whose reading failed."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from engine.code_lists import synchronisations
from engine.code_lists.copies import CodeListRow
from engine.code_lists.synchronisations import SyncLease
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


async def asked(person: httpx.AsyncClient, antar: SmallHub) -> SyncLease:
    """Request a reading as a person, and lease it as a worker."""
    answer = await person.post("/referensi/doctors", headers=SAME_SITE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/referensi/doctors")
    held = await synchronisations.lease_next(antar.hub.database)
    assert held is not None
    return held


async def filled(person: httpx.AsyncClient, antar: SmallHub, *names: str) -> None:
    held = await asked(person, antar)
    rows = [CodeListRow(str(number), {"name": name}) for number, name in enumerate(names)]
    await synchronisations.store_page(antar.hub.database, held, rows, done=1, offset=0, total=1)
    await synchronisations.finish(antar.hub.database, held)


async def test_the_first_list_is_shown_where_none_is_named(person: httpx.AsyncClient) -> None:
    assert (await person.get("/referensi")).headers["location"] == "/referensi/doctors"
    assert (await person.get("/referensi/nurses")).status_code == 404


async def test_what_was_read_is_shown_with_the_lists_own_columns(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await filled(person, antar, "dr. Rangga Uji", "<script>alert(1)</script>")
    page = (await person.get("/referensi/doctors")).text
    assert '<th scope="col">Nama</th>' in page
    assert "dr. Rangga Uji" in page
    assert "<script>alert" not in page
    assert "2 baru, 0 berubah, 0 hilang" in page


async def test_a_list_is_searched_by_any_word(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await filled(person, antar, "dr. Rangga Uji", "dr. Sekar Contoh")
    page = (await person.get("/referensi/doctors", params={"q": "SEKAR"})).text
    assert ("dr. Sekar" in page, "dr. Rangga" in page) == (True, False)
    assert "Tidak ada yang cocok" in (await person.get("/referensi/doctors", params={"q": "budi"})).text


async def test_two_clicks_are_one_reading_and_its_progress_is_live(person: httpx.AsyncClient, antar: SmallHub) -> None:
    held = await asked(person, antar)
    await person.post("/referensi/doctors", headers=SAME_SITE)
    assert await antar.hub.database.fetch(text("SELECT count(*) FROM synchronisations")) == [(1,)]
    await synchronisations.store_page(antar.hub.database, held, [], done=1, offset=0, total=4)
    state = (await person.get("/referensi/doctors/status")).text
    assert ("1 dari 4 bagian" in state, "diminta sari" in state, "disabled" in state) == (True, True, True)


async def test_a_failed_reading_says_why_and_keeps_the_old_rows(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await filled(person, antar, "dr. Rangga Uji")
    held = await asked(person, antar)
    again = antar.clock() + 900_000
    await synchronisations.fail(antar.hub.database, held, "Kementerian: HTTP 502", retry_at=again)
    page = (await person.get("/referensi/doctors")).text
    assert ("Sinkronisasi gagal" in page, "HTTP 502" in page, "dr. Rangga Uji" in page) == (True, True, True)
    assert ("Dicoba lagi dengan sendirinya sekitar" in page, "Data yang lama tetap dipakai." in page) == (True, True)


async def test_a_first_reading_that_fails_speaks_of_no_old_data(person: httpx.AsyncClient, antar: SmallHub) -> None:
    held = await asked(person, antar)
    await synchronisations.fail(antar.hub.database, held, "Kementerian: HTTP 502", retry_at=None)
    page = (await person.get("/referensi/doctors")).text
    assert ("Sinkronisasi gagal" in page, "Data yang lama" in page) == (True, False)


async def test_who_may_not_synchronise_reads_why(person: httpx.AsyncClient, antar: SmallHub) -> None:
    narrow = text("""UPDATE roles SET permissions = '["satusehat"]'""")
    await antar.hub.database.write_models(lambda tx: tx.execute(narrow))
    assert "tidak mengizinkannya" in (await person.get("/referensi/doctors")).text
    assert (await person.post("/referensi/doctors", headers=SAME_SITE)).status_code == 403
