"""Pages about patients and visits, and the search of the header."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.database.transaction import ModelTransaction
from engine.facilities.facilities import add_facility
from engine.outbox.pauses import pauses
from engine.outbox.pauses.pauses import NewPause
from engine.queries import patients
from engine.visits import expected_counts
from tests import databases
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, open_small_hub, refused
from tests.engine.visits_clinic import DAY, NIK, VISITS_CATALOG, hand_in_visit, visit_of

pytestmark = pytest.mark.anyio
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
OF_DAY = f"/kunjungan?date_from={DAY}&date_to={DAY}"


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, VISITS_CATALOG)
    yield opened
    await opened.hub.close()


async def search(person: httpx.AsyncClient, typed: str, **headers: str) -> str:
    answer = await person.post("/cari", data={"kata": typed}, headers={**SAME_SITE, **headers})
    assert answer.status_code == 200
    return answer.text


async def patient_address(antar: SmallHub) -> str:
    ids = await patients.patient_ids(antar.hub.database, antar.facility.id, ["RM1"])
    return f"/pasien/{ids['RM1']}"


async def page_of_visit(person: httpx.AsyncClient, antar: SmallHub, more: str = "") -> str:
    answer = await person.get(f"/kunjungan/{(await visit_of(antar)).id}{more}")
    assert answer.status_code == 200
    return answer.text


async def test_the_search_finds_patients_visits_pages_and_types(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar, "F1")
    assert await patient_address(antar) in await search(person, "rm1")
    assert await patient_address(antar) in await search(person, NIK)
    assert f"/kunjungan/{(await visit_of(antar)).id}" in await search(person, "V1")
    assert "/integrasi/ministry/Finding" in await search(person, "temu")
    assert 'href="/kesehatan"' in await search(person, "status sistem")


async def test_the_search_of_the_header_answers_with_the_list_alone(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar)
    answer = await search(person, "RM1", **{"HX-Request": "true"})
    assert "<html" not in answer
    assert "1 hasil" in answer


async def test_a_number_that_nobody_has_is_said_to_be_unknown(person: httpx.AsyncClient) -> None:
    assert "Tidak ada yang cocok" in await search(person, "3171010101019999")
    assert (await person.get(f"/cari?kata={NIK}")).text.count(NIK) == 0


async def test_patients_of_another_clinic_are_not_found(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar)
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    await person.post("/klinik", data={"facility": str(other.id)}, headers=SAME_SITE)
    assert "/pasien/" not in await search(person, "RM1")


async def test_an_address_leads_into_its_clinic_if_the_person_may_see_it(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await hand_in_visit(antar)
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    await person.post("/klinik", data={"facility": str(other.id)}, headers=SAME_SITE)
    assert "RM1" in (await person.get(await patient_address(antar))).text
    await antar.hub.database.write_models(confine, other.id)
    for address in (await patient_address(antar), f"/kunjungan/{(await visit_of(antar)).id}"):
        assert (await person.get(address)).status_code == 404


async def confine(tx: ModelTransaction, facility_id: int) -> None:
    """Let people see that clinic only."""
    await tx.execute(text("UPDATE users SET facility_id = :facility"), {"facility": facility_id})


async def test_a_delivery_leads_to_its_visit(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar)
    id_ = (await antar.row("Visit", "V1")).id
    page = (await person.get(f"/integrasi/ministry/Visit/{id_}")).text
    assert f'href="/kunjungan/{(await visit_of(antar)).id}"' in page


async def test_the_page_of_a_patient_shows_visits_and_masks_numbers(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar)
    page = (await person.get(await patient_address(antar))).text
    assert NIK not in page
    assert f"{'•' * 12}0001" in page
    assert "Temuan: belum diserahkan (Temuan dokter)" in page


async def test_the_page_of_a_visit_shows_what_it_lacks_and_what_happened(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await hand_in_visit(antar)
    await antar.work()
    page = await page_of_visit(person, antar)
    assert "Belum diserahkan (1)" in page
    assert "Temuan dokter" in page
    assert "1 data diserahkan" in page
    assert "Terkirim" in page


async def test_what_failed_is_sent_again_with_one_button_and_its_result_is_shown(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    antar.ministry.script = [
        lambda call: antar.ministry.answer(call),
        refused(Verdict.REJECTED, 400, message="tidak lengkap"),
    ]
    await hand_in_visit(antar)
    await antar.work()
    assert await antar.status("Visit", "V1") == "failed"
    visit = (await visit_of(antar)).id
    sent = await person.post(f"/kunjungan/{visit}/kirim", headers=SAME_SITE)
    assert "menunggu jawaban" in (await person.get(sent.headers["location"])).text
    await antar.work()
    assert "1 kiriman dikirim ulang, semua terkirim" in (await person.get(sent.headers["location"])).text


async def test_a_visit_says_what_of_it_is_paused(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar)
    new = NewPause(antar.facility.id, "ministry", "pindah server", ("Visit",))
    await pauses.begin(antar.hub.database, new, "sari")
    await antar.hand_in("Visit", {"id": "V1", "note": "baru"})
    visit = await visit_of(antar)
    page = (await person.get(f"/kunjungan/{visit.id}")).text
    assert "Dijeda sampai dilanjutkan oleh sari: pindah server" in page.partition('id="keadaan-kunjungan"')[2]


async def test_nothing_is_sent_again_of_a_visit_where_nothing_failed(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await hand_in_visit(antar, "F1")
    await antar.work()
    n_calls = len(antar.ministry.calls)
    await person.post(f"/kunjungan/{(await visit_of(antar)).id}/kirim", headers=SAME_SITE)
    await antar.work()
    assert len(antar.ministry.calls) == n_calls
    assert "Tidak ada yang gagal" in await page_of_visit(person, antar)


async def test_the_matrix_of_a_day_has_a_mark_for_each_type(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar)
    await antar.work()
    page = (await person.get(OF_DAY)).text
    assert "Kunjungan: Terkirim" in page
    assert "Temuan: belum diserahkan (Temuan dokter)" in page
    assert "10/03/2026" in page


async def test_what_was_withdrawn_is_shown_as_that(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar, "F1")
    await antar.work()
    withdraw = text("UPDATE deliveries SET withdrawn_at = 1 WHERE key = 'F1'")
    await antar.hub.database.write_models(ModelTransaction.execute, withdraw)
    assert "s-withdrawn" in await page_of_visit(person, antar)
    matrix = (await person.get(OF_DAY)).text
    assert 'class="type-mark m-withdrawn" title="Temuan: Terkirim, Ditarik"' in matrix
    assert '<i class="ti ti-arrow-back-up" aria-hidden="true"></i>Ditarik' not in matrix
    withdraw = text("UPDATE deliveries SET withdrawn_at = 1 WHERE key = 'V1'")
    await antar.hub.database.write_models(ModelTransaction.execute, withdraw)
    assert '<i class="ti ti-arrow-back-up" aria-hidden="true"></i>Ditarik' in (await person.get(OF_DAY)).text


async def test_the_matrix_can_show_what_is_not_complete_only(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar)
    await hand_in_visit(antar, "F2", key="V2")
    await antar.work()
    page = (await person.get(f"{OF_DAY}&kurang=ya")).text
    assert f'href="/kunjungan/{(await visit_of(antar)).id}"' in page
    assert f'href="/kunjungan/{(await visit_of(antar, "V2")).id}"' not in page


async def test_the_next_page_of_a_day_begins_after_the_last_visit(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.pages.visits.day.PAGE_SIZE", 1)
    await hand_in_visit(antar)
    await hand_in_visit(antar, key="V2")
    first = (await visit_of(antar)).id
    assert f"after={first}" in (await person.get(OF_DAY)).text
    assert f'href="/kunjungan/{first}"' not in (await person.get(f"{OF_DAY}&after={first}")).text


async def test_what_is_overdue_is_listed_with_what_is_lacking(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar, at="2026-03-01T08:00:00+07:00")
    await hand_in_visit(antar, "F2", key="V2", at="2026-03-01T08:00:00+07:00")
    naming = text("UPDATE deliveries SET patient_name = 'Ibu Contoh' WHERE key = 'V1'")
    await antar.hub.database.write_models(ModelTransaction.execute, naming)
    page = (await person.get("/kunjungan/belum-diserahkan")).text
    assert f'href="/kunjungan/{(await visit_of(antar)).id}"' in page
    assert "Ibu Contoh" in page
    assert "Temuan dokter" in page
    assert f'href="/kunjungan/{(await visit_of(antar, "V2")).id}"' not in page


async def test_what_is_still_in_time_is_not_overdue(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar, at="2999-01-01T08:00:00+07:00")
    assert "Tidak ada yang terlambat" in (await person.get("/kunjungan/belum-diserahkan")).text


async def test_the_sheet_of_a_month_counts_by_use_case(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await hand_in_visit(antar)
    await hand_in_visit(antar, "F2", key="V2")
    assert "50" in (await person.get("/kunjungan/bulan/2026-03")).text
    sheet = (await person.get("/kunjungan/bulan/2026-03/csv")).text.splitlines()
    assert sheet[1:] == ["Klinik Contoh,Diperiksa,2,1,,", "Klinik Contoh,Diperiksa,2,1,Temuan dokter,1"]
    assert (await person.get("/kunjungan/bulan/2026-13")).status_code == 404


async def test_what_came_stands_beside_what_the_clinics_system_says_that_it_has(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await hand_in_visit(antar)
    await expected_counts.store(antar.hub.database, antar.facility.id, DAY, {"Visit": 3})
    page = (await person.get(OF_DAY)).text
    assert "Masuk / menurut SIMRS" in page
    assert '<span class="matrix-total">1</span><span class="matrix-total">/3</span>' in page


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_the_calendar_has_a_first_and_a_last_day(person: httpx.AsyncClient, day: str) -> None:
    assert (await person.get(f"/kunjungan?date_from={day}&date_to={day}")).status_code == 200
