"""What was not taken, and what was deleted at the clinic: by cause, where to mend it, and what a person decides."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy import text

from tests.admin.pages.test_sources import SAME_SITE, antar, clinic, tabib  # noqa: F401
from tests.engine.small_hub import AT, SmallHub
from tests.engine.sources.unheard_of import Tabib

pytestmark = pytest.mark.anyio

PAGE = "/masalah/ditolak"


async def read_three(tabib: Tabib) -> None:  # noqa: F811
    await tabib.visit("K1")
    await tabib.visit("K2", status="?")
    await tabib.visit("K3", status="?")
    await tabib.visit("K4", status="X")
    await tabib.start()
    await tabib.read()


async def test_refused_rows_stand_under_their_cause_with_the_place_to_mend(
    person: httpx.AsyncClient,
    tabib: Tabib,  # noqa: F811
) -> None:
    await read_three(tabib)
    page = (await person.get(PAGE)).text
    assert ("<strong>2</strong> Kunjungan" in page, "tabel kunjungan, temuan, kolom status" in page) == (True, True)
    assert "Kunjungan percobaan tidak dikirim." in page
    [group, *_] = re.findall(r"kelompok=(\w+)", page)
    rows = (await person.get(PAGE, params={"kelompok": group})).text
    assert ("K2" in rows, "K3" in rows, "K1" in rows, "(nomor)" in rows) == (True, True, False, True)


async def test_they_are_told_under_masalah_and_on_the_dashboard_until_they_are_mended(
    person: httpx.AsyncClient,
    tabib: Tabib,  # noqa: F811
) -> None:
    await read_three(tabib)
    assert "2 data ditolak sebelum masuk, 1 dilewati" in (await person.get("/masalah")).text
    assert "2 data ditolak sebelum masuk" in (await person.get("/integrasi/ministry")).text
    await tabib.clinic.run("UPDATE kunjungan SET status = 'S'")
    await tabib.read(60)
    for address in ("/masalah", "/integrasi/ministry"):
        assert "ditolak sebelum masuk" not in (await person.get(address)).text
    assert "Semua data diambil" in (await person.get(PAGE)).text


async def test_records_of_the_api_are_beside_them_and_may_be_dismissed(
    person: httpx.AsyncClient,
    antar: SmallHub,  # noqa: F811
) -> None:
    results = await antar.hub.intake.hand_in(antar.facility, "Person", [{"id": "P1", "at": AT}])
    await antar.hub.refusals.note(antar.facility.id, "Person", results)
    page = (await person.get(PAGE)).text
    assert ("NIK wajib diisi" in page, "diserahkan lewat API" in page) == (True, True)
    [group, *_] = re.findall(r"kelompok=(\w+)", page)
    assert "P1" in (await person.get(PAGE, params={"kelompok": group})).text
    await person.post(f"{PAGE}/hapus", data={"kelompok": group}, headers=SAME_SITE)
    assert "NIK wajib diisi" not in (await person.get(PAGE)).text
    assert "Sudah beres" in (await person.get(PAGE, params={"kelompok": group})).text


async def test_a_person_decides_about_a_deleted_row(person: httpx.AsyncClient, tabib: Tabib) -> None:  # noqa: F811
    await tabib.delete_finding()
    assert "1 baris dihapus di sistem klinik" in (await person.get("/masalah")).text
    page = (await person.get("/masalah/dihapus")).text
    assert ("K1/1" in page, "jenis ini tidak dapat ditarik" in page) == (True, True)
    await person.post(
        "/masalah/dihapus", data={"source": "tabib", "read": "findings", "key": "K1/1"}, headers=SAME_SITE
    )
    assert "Tidak ada yang menunggu keputusan" in (await person.get("/masalah/dihapus")).text
    assert await tabib.antar.status("Finding", "K1-1") == "sent"
    actions = await tabib.database.fetch(text("SELECT action FROM audit ORDER BY id DESC LIMIT 1"))
    assert [row.action for row in actions] == ["source.left"]


async def test_without_the_right_to_edit_nothing_is_decided(person: httpx.AsyncClient, tabib: Tabib) -> None:  # noqa: F811
    await tabib.delete_finding()
    narrow = text("""UPDATE roles SET permissions = '["satusehat"]'""")
    await tabib.database.write_models(lambda tx: tx.execute(narrow))
    form = {"source": "tabib", "read": "findings", "key": "K1/1"}
    assert (await person.post("/masalah/dihapus", data=form, headers=SAME_SITE)).status_code == 403
    assert "Minta yang boleh mengubah isi kiriman" in (await person.get("/masalah/dihapus")).text
