"""*Sumber data*: a person sets up, tries, starts and pauses the reading of a clinic's database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from engine.database.transaction import ModelTransaction
from engine.facilities.facilities import credentials
from engine.sources import states
from tests import databases
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub
from tests.engine.sources.unheard_of import SOURCE, TABLES, SqliteClinic, Tabib

pytestmark = pytest.mark.anyio

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
PAGE = "/sumber/tabib"


@pytest.fixture
def clinic(tmp_path: Path) -> SqliteClinic:
    return SqliteClinic(tmp_path)


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock, clinic: SqliteClinic) -> AsyncIterator[SmallHub]:
    await clinic.run(TABLES)
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, CATALOG + SOURCE)
    yield opened
    await opened.hub.close()


@pytest.fixture
async def person(person: httpx.AsyncClient, antar: SmallHub) -> httpx.AsyncClient:
    await antar.hub.database.write_models(lambda tx: tx.execute(text("UPDATE users SET role = 'superadmin'")))
    return person


@pytest.fixture
async def tabib(antar: SmallHub, clinic: SqliteClinic) -> AsyncIterator[Tabib]:
    opened = Tabib(antar, clinic)
    yield opened
    await opened.reader.stop()


async def enter(person: httpx.AsyncClient, clinic: SqliteClinic, **fields: str) -> httpx.Response:
    return await person.post(f"{PAGE}/kredensial", data={**clinic.credentials, **fields}, headers=SAME_SITE)


async def test_a_system_is_chosen_on_the_page_and_then_stands_there_to_be_started(
    person: httpx.AsyncClient, clinic: SqliteClinic
) -> None:
    page = (await person.get("/sumber")).text
    assert ("Pilih sistem klinik Anda" in page, "berkas SQLite" in page, "Kunjungan" in page) == (True, True, True)
    assert (f'href="{PAGE}/kredensial"' in page, 'id="sources"' in page) == (True, False)
    await enter(person, clinic)
    page = (await person.get("/sumber")).text
    assert ("Pilih sistem klinik Anda" in page, 'id="a-tabib-start"' in page) == (False, True)


async def test_without_a_clinic_the_page_leads_to_adding_one(person: httpx.AsyncClient, antar: SmallHub) -> None:
    for table in ("credentials", "facilities"):
        await antar.hub.database.write_models(ModelTransaction.execute, text(f"DELETE FROM {table}"))
    assert 'href="/admin/facilities/create"' in (await person.get("/sumber")).text


async def test_the_types_of_a_running_source_lead_to_their_lists(
    person: httpx.AsyncClient, clinic: SqliteClinic, tabib: Tabib
) -> None:
    await enter(person, clinic)
    await tabib.start()
    page = (await person.get("/sumber")).text
    assert 'id="l-tabib-visits" href="/integrasi/ministry/Visit"' in page


async def test_credentials_are_stored_sealed_tested_and_never_shown(
    person: httpx.AsyncClient, antar: SmallHub, clinic: SqliteClinic
) -> None:
    answer = await enter(person, clinic, password="rahasia-sekali")
    assert ("Database terbuka." in answer.text, "2 dari 2 tabel" in answer.text) == (True, True)
    kept = await credentials(antar.hub.database, antar.hub.vault, antar.facility.id, "source:tabib")
    assert kept["password"] == "rahasia-sekali"
    await enter(person, clinic, user="antar")  # a field that is left empty stays
    kept = await credentials(antar.hub.database, antar.hub.vault, antar.facility.id, "source:tabib")
    assert (kept["password"], kept["user"]) == ("rahasia-sekali", "antar")
    assert "rahasia-sekali" not in (await person.get(f"{PAGE}/kredensial")).text
    reasons = await antar.hub.database.fetch(text("SELECT reason FROM audit WHERE action = 'credentials.change'"))
    assert [row.reason for row in reasons] == ["source:tabib: database, password", "source:tabib: database, user"]


async def test_what_was_typed_stays_to_be_corrected_but_for_the_password(
    person: httpx.AsyncClient, clinic: SqliteClinic
) -> None:
    page = (await enter(person, clinic, database="/nowhere/tabib.db", user="antar", password="rahasia-sekali")).text
    assert ('value="/nowhere/tabib.db"' in page, 'value="antar"' in page, "rahasia" in page) == (True, True, False)
    assert 'value="/nowhere' not in (await person.get(f"{PAGE}/kredensial")).text


async def test_a_missing_table_is_named_by_the_test(person: httpx.AsyncClient, clinic: SqliteClinic) -> None:
    await clinic.run("DROP TABLE temuan")
    page = (await enter(person, clinic)).text
    assert "1 dari 2 tabel dapat dibaca" in page
    assert "Tabel temuan tidak ada di database klinik" in page


async def test_a_database_that_is_not_there_is_told_with_what_to_do(
    person: httpx.AsyncClient, clinic: SqliteClinic
) -> None:
    page = (await enter(person, clinic, database="/nowhere/tabib.db")).text
    assert "Server database klinik tidak menjawab. Periksa" in page


async def test_a_trial_shows_rows_beside_records_and_stores_nothing(
    person: httpx.AsyncClient, tabib: Tabib, clinic: SqliteClinic
) -> None:
    await enter(person, clinic)
    await tabib.visit("K1", note="NIK 3171010101010001")
    await tabib.visit("K2", status="X")
    await tabib.visit("K3", status="?")
    page = (await person.post(f"{PAGE}/coba/visits?tanggal=2026-03-10", headers=SAME_SITE)).text
    assert ("3 baris" in page, "1 baik" in page, "1 dilewati" in page, "1 ditolak" in page) == (True,) * 4
    assert ("Kunjungan percobaan tidak dikirim." in page, "done" in page) == (True, True)
    assert ("3171010101010001" in page, "NIK ••••••••••••0001" in page) == (False, True)
    assert await tabib.rows() == {}


async def test_the_reads_are_tried_one_after_the_other(person: httpx.AsyncClient, clinic: SqliteClinic) -> None:
    await enter(person, clinic)
    page = (await person.get(f"{PAGE}/coba?tanggal=10/03/2026")).text
    assert page.count('hx-post="/sumber') == 1
    first = (await person.post(f"{PAGE}/coba/visits?tanggal=2026-03-10", headers=SAME_SITE)).text
    assert f'hx-post="{PAGE}/coba/findings?tanggal=2026-03-10"' in first
    assert "Semua jenis sudah dicoba" not in first
    last = (await person.post(f"{PAGE}/coba/findings?tanggal=2026-03-10", headers=SAME_SITE)).text
    assert ("hx-post" in last, "Semua jenis sudah dicoba" in last, f'href="{PAGE}/mulai"' in last) == (
        False,
        True,
        True,
    )


async def test_a_trial_whose_column_is_missing_names_it(
    person: httpx.AsyncClient, tabib: Tabib, clinic: SqliteClinic
) -> None:
    await enter(person, clinic)
    await clinic.run("ALTER TABLE kunjungan RENAME COLUMN catatan TO keterangan")
    page = (await person.post(f"{PAGE}/coba/visits", headers=SAME_SITE)).text
    assert "Kolom catatan tidak ada di database klinik" in page


async def test_a_source_is_started_from_today_and_paused_and_goes_on(
    person: httpx.AsyncClient, tabib: Tabib, clinic: SqliteClinic
) -> None:
    await enter(person, clinic)
    answer = await person.post(f"{PAGE}/mulai", headers=SAME_SITE)
    assert answer.headers["location"] == "/sumber?told=started"
    assert "Membaca pertama kali" in (await person.get("/sumber")).text
    await tabib.visit("K1")
    await tabib.read()
    page = (await person.get("/sumber/keadaan")).text
    assert ("Berjalan" in page, "sejak 10/03/2026" in page) == (True, True)
    await person.post(f"{PAGE}/jeda", headers=SAME_SITE)
    assert "Dijeda oleh sari" in (await person.get("/sumber")).text
    await person.post(f"{PAGE}/lanjut", headers=SAME_SITE)
    state = await tabib.state()
    assert (state.state, state.from_day) == ("running", "2026-03-10")


async def test_an_earlier_day_is_started_only_after_its_estimate_was_seen(
    person: httpx.AsyncClient, tabib: Tabib, clinic: SqliteClinic
) -> None:
    await enter(person, clinic)
    for number in range(7):
        await tabib.visit(f"K{number}", day=f"2026-03-0{number + 1}")
    unseen = await person.post(f"{PAGE}/mulai", data={"dari": "02/03/2026"}, headers=SAME_SITE)
    assert ("Perkiraan sejak 02/03/2026" in unseen.text, unseen.status_code) == (True, 200)
    assert await states.states(tabib.database, tabib.facility.id) == {}
    assert '<td class="text-end figures">6</td>' in unseen.text
    seen = {"dari": "2026-03-02", "dilihat": "2026-03-02"}
    await person.post(f"{PAGE}/mulai", data=seen, headers=SAME_SITE)
    assert (await tabib.state()).from_day == "2026-03-02"


async def test_a_day_that_is_none_or_later_is_refused(person: httpx.AsyncClient, clinic: SqliteClinic) -> None:
    await enter(person, clinic)
    for day in ("31/02/2026", "11/03/2026", "besok"):
        answer = await person.post(f"{PAGE}/mulai", data={"dari": day}, headers=SAME_SITE)
        assert (answer.status_code, "Tulis tanggal yang ada" in answer.text) == (422, True)


async def test_some_days_are_read_again(person: httpx.AsyncClient, tabib: Tabib, clinic: SqliteClinic) -> None:
    form = {"read": "visits", "date": "01/01/2026 - 31/01/2026"}
    refused = await person.post(f"{PAGE}/baca", data=form, headers=SAME_SITE)
    assert "tidak sedang berjalan" in refused.text
    await tabib.start()
    too_many = {"read": "", "date": "01/01/2020 - 31/01/2026"}
    assert "Paling banyak 366" in (await person.post(f"{PAGE}/baca", data=too_many, headers=SAME_SITE)).text
    await tabib.visit("K1", day="2026-01-15")
    await person.post(f"{PAGE}/baca", data=form, headers=SAME_SITE)
    assert "menunggu giliran" in (await person.get("/sumber")).text
    await tabib.read()
    assert ("K1" in await tabib.rows(), "1 baris, 0 ditolak" in (await person.get("/sumber")).text) == (True, True)


async def test_many_rows_that_disappear_are_withdrawn_only_after_a_person_agreed_to_their_number(
    person: httpx.AsyncClient, tabib: Tabib
) -> None:
    for number in range(30):
        await tabib.visit(f"K{number}")
    await tabib.start()
    await tabib.read()
    await tabib.clinic.run("DELETE FROM kunjungan")
    await tabib.read(60)
    page = (await person.get(f"{PAGE}/setujui")).text
    assert ("30 dari 30 baris hilang sekaligus" in page, "SANDBOX" in page or "DEMO" in page) == (True, True)
    other = await person.post(f"{PAGE}/setujui", data={"hilang": "3"}, headers=SAME_SITE)
    assert (other.status_code, (await tabib.state()).state) == (200, "stopped")
    await person.post(f"{PAGE}/setujui", data={"hilang": "30"}, headers=SAME_SITE)
    assert (await tabib.state()).state == "running"


async def test_a_fault_is_told_on_the_page(person: httpx.AsyncClient, tabib: Tabib) -> None:
    await tabib.start()
    await tabib.clinic.run("DROP TABLE temuan")
    await tabib.read()
    page = (await person.get("/sumber")).text
    assert ("Gangguan" in page, "Tabel temuan tidak ada" in page) == (True, True)


async def test_without_the_right_nothing_is_shown_or_done(person: httpx.AsyncClient, antar: SmallHub) -> None:
    narrow = text("""UPDATE roles SET permissions = '["satusehat"]'""")
    await antar.hub.database.write_models(lambda tx: tx.execute(narrow))
    assert (await person.get("/sumber")).status_code == 403
    for act in ("kredensial", "uji", "mulai", "jeda", "lanjut", "baca", "setujui", "coba/visits"):
        assert (await person.post(f"{PAGE}/{act}", headers=SAME_SITE)).status_code == 403
    assert await states.states(antar.hub.database, antar.facility.id) == {}


async def test_an_unknown_source_or_read_is_not_found(person: httpx.AsyncClient) -> None:
    assert (await person.get("/sumber/lain/mulai")).status_code == 404
    assert (await person.post(f"{PAGE}/coba/lain", headers=SAME_SITE)).status_code == 404


async def test_a_third_person_waits_and_is_tried_again_by_itself(
    person: httpx.AsyncClient, clinic: SqliteClinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enter(person, clinic)
    monkeypatch.setattr("admin.pages.sources.slots.MAX_AT_ONCE", 0)
    page = (await person.post(f"{PAGE}/coba/visits", headers=SAME_SITE)).text
    assert ("Orang lain sedang mencoba" in page, 'hx-trigger="load delay:3s"' in page) == (True, True)


async def test_a_look_that_takes_too_long_is_ended(
    person: httpx.AsyncClient, clinic: SqliteClinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enter(person, clinic)
    monkeypatch.setattr("admin.pages.sources.looking.WHOLE_SECONDS", 0.0)
    page = (await person.post(f"{PAGE}/coba/visits", headers=SAME_SITE)).text
    assert "Lebih dari 0 detik, lalu dihentikan." in page


async def test_a_delivery_names_the_row_it_was_read_from(person: httpx.AsyncClient, tabib: Tabib) -> None:
    await tabib.visit("K1")
    await tabib.start()
    await tabib.read()
    row = await tabib.antar.row("Visit", "K1")
    page = (await person.get(f"/integrasi/ministry/Visit/{row.id}?tab=asal")).text
    assert ("Dibaca dari database Tabib (visits)." in page, "(nomor)" in page) == (True, True)
    await tabib.antar.hand_in("Visit", {"id": "V9"})
    other = await tabib.antar.row("Visit", "V9")
    page = (await person.get(f"/integrasi/ministry/Visit/{other.id}?tab=asal")).text
    assert "Diserahkan oleh sistem klinik lewat API." in page


async def test_the_setup_names_the_source_as_a_way_in(person: httpx.AsyncClient, tabib: Tabib) -> None:
    assert 'href="/persiapan/source"' in (await person.get("/integrasi/ministry")).text
    answer = await person.get("/persiapan/source")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sumber")


async def test_age_and_refused_rows_are_metrics(person: httpx.AsyncClient, tabib: Tabib) -> None:
    await tabib.visit("K1", status="?")
    await tabib.start()
    await tabib.read()
    tabib.clock.pass_(90)
    metrics = (await person.get("/metrics")).text
    assert 'antar_source_age_seconds{facility="klinik",read="visits",source="tabib"} 90.0' in metrics
    assert 'antar_source_refused_rows{facility="klinik",read="visits",source="tabib"} 1.0' in metrics


async def test_the_setup_leads_through_the_source_to_what_it_reads(
    person: httpx.AsyncClient, tabib: Tabib, clinic: SqliteClinic
) -> None:
    home = "/integrasi/ministry"
    page = (await person.get(home)).text
    assert ("Baca database sistem klinik" in page, "Kunci API" in page, "Tabib</span>" in page) == (True, True, True)
    await enter(person, clinic)
    page = (await person.get(home)).text
    assert ("Tabib sudah diisi, belum dimulai" in page, "Kunjungan yang dibaca dikirim" in page) == (True, True)
    await tabib.start()
    page = (await person.get(home)).text
    assert ("sudah diisi, belum dimulai" in page, "Kunci API" in page) == (False, False)


async def test_the_clinics_form_leaves_sources_to_their_page_and_its_card_leads_there(
    person: httpx.AsyncClient, clinic: SqliteClinic
) -> None:
    assert "source:tabib" not in (await person.get("/admin/facilities/edit/1")).text
    assert "Tabib" not in (await person.get("/admin/facilities/details/1")).text
    await enter(person, clinic)
    assert f'href="{PAGE}/kredensial"' in (await person.get("/admin/facilities/details/1")).text
