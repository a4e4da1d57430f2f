"""Lists of a mapping, made from its YAML alone, and its traces on other pages."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from engine.database.transaction import ModelTransaction
from tests.admin.http.test_rights import allow
from tests.admin.mapped_clinic import COFFEE, HOME, TEA, MappedClinic
from tests.admin.mapped_clinic import clinic as clinic

pytestmark = pytest.mark.anyio


async def test_an_empty_mapping_says_where_its_things_come_from(clinic: MappedClinic) -> None:
    page = await clinic.page()
    assert "Belum ada data" in page
    assert "Barang muncul di sini begitu sistem klinik menyerahkannya sebagai Good" in page
    assert '<strong class="text-secondary">–</strong>' in page  # no progress of nothing
    assert "100 %" not in page


async def test_a_mapping_without_a_clinic_leads_to_the_steps_of_the_setup(clinic: MappedClinic) -> None:
    for table in ("credentials", "facilities"):
        await clinic.antar.hub.database.write_models(ModelTransaction.execute, text(f"DELETE FROM {table}"))
    answer = await clinic.client.get(HOME)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_the_cards_and_columns_are_those_of_the_yaml(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE, TEA)
    await clinic.drugs.confirm("B2", "C3")
    page = await clinic.page()
    assert "Total Barang" in page
    assert "50 %" in page
    assert '<th scope="col">Rak</th>' in page
    assert ("Kopi bubuk" in page, "Teh cair" in page) == (True, False)


async def test_what_most_deliveries_wait_for_comes_first_with_how_many(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE, TEA)
    await clinic.order("O1", "B2")
    page = await clinic.page()
    assert page.index("Teh cair") < page.index("Kopi bubuk")
    assert "1 kiriman tertahan karena belum ada kodenya" in page
    assert f'href="{HOME}/{await clinic.id("B2")}?tab=belum#menunggu">1 kiriman' in page


async def test_what_is_mapped_says_to_what_by_whom_and_when(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.drugs.confirm("B1", "C1")
    page = await clinic.page(tab="sudah")
    for phrase in ("Kode Register", "Nama Register", "Kopi 10 mg Bubuk", "sari", "10/03/2026"):
        assert phrase in page
    assert f'href="{HOME}/kode?kode=C1" data-code' in page


async def test_a_withdrawn_code_is_to_be_reviewed_and_says_why(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE, TEA)
    await clinic.drugs.confirm("B1", "C1")
    await clinic.drugs.confirm("B2", "C3")
    await clinic.drugs.read_register("C1")
    await clinic.hand_in({**TEA, "name": "Teh cair 10 ml"})
    page = await clinic.page(tab="tinjau")
    assert "Kode ditarik dari referensi sejak" in page
    assert "Data barang berubah sesudah dipetakan" in page


async def test_the_lists_are_searched_and_turned_page_by_page(clinic: MappedClinic) -> None:
    await clinic.hand_in(*({"code": f"B{n}", "name": f"Barang nomor {n}"} for n in range(60)))
    page = await clinic.page()
    following = re.search(r'rel="next" href="\?([^"]+)"', page)
    assert page.count("<tr data-id") == 50
    assert following
    assert (await clinic.page(f"{HOME}?{following[1].replace('&amp;', '&')}")).count("<tr data-id") == 10
    assert (await clinic.page(q="nomor 59")).count("<tr data-id") == 1
    assert "Tidak ada yang cocok" in await clinic.page(q="tidak begini")


@pytest.mark.parametrize("after", ["x", "1", "1.2.3", "9" * 30])
async def test_a_place_that_is_none_is_refused(clinic: MappedClinic, after: str) -> None:
    assert (await clinic.client.get(HOME, params={"after": after})).status_code == 400
    assert (await clinic.client.get("/pemetaan/nothing")).status_code == 404


async def test_the_cards_are_asked_for_anew(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    figures = await clinic.page(f"{HOME}/angka")
    assert ("Total Barang" in figures, "<html" in figures) == (True, False)


async def test_a_mapping_stands_among_the_pages_of_its_upstream(clinic: MappedClinic) -> None:
    page = await clinic.page("/integrasi/ministry")
    assert f'href="{HOME}"' in page
    assert "Pemetaan Barang" in page


async def test_a_code_is_shown_with_the_columns_of_its_list(clinic: MappedClinic) -> None:
    page = await clinic.page(f"{HOME}/kode", kode="C1")
    for phrase in ("Detail Kode Register", "Kekuatan", "10 mg", "Berlaku"):
        assert phrase in page
    await clinic.drugs.read_register("C1")
    assert "Ditarik sejak" in await clinic.page(f"{HOME}/kode", kode="C1")
    assert (await clinic.client.get(f"{HOME}/kode", params={"kode": "X"})).status_code == 404
    box = await clinic.client.get(f"{HOME}/kode", params={"kode": "<X>"}, headers={"HX-Request": "true"})
    assert ("&lt;X&gt; tidak ada" in box.text, "<html" in box.text) == (True, False)


async def test_a_delivery_says_which_thing_holds_it_back(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.order("O1", "B1", "B9")
    row = await clinic.antar.row("Order", "O1")
    item = f"{HOME}/{await clinic.id()}"
    listed = await clinic.page("/integrasi/ministry/Order")
    assert f'<a href="{item}">barang belum dipetakan</a> +1' in listed
    page = await clinic.page(f"/integrasi/ministry/Order/{row.id}")
    assert "Tertahan: barang belum dipetakan" in page
    assert f'href="{item}"' in page
    assert "barang belum diserahkan" in page


async def test_a_code_that_will_not_do_here_is_told_with_its_reason(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.drugs.confirm("B1", "R1")
    await clinic.antar.hand_in("Handover", {"id": "H1", "good": "B1"})
    await clinic.antar.work()
    page = await clinic.page(f"/integrasi/ministry/Handover/{(await clinic.antar.row('Handover', 'H1')).id}")
    assert "Tertahan: kode barang tidak dapat dipakai di sini" in page
    assert "Penyerahan butuh barang jadi." in page


async def test_a_delivery_tells_with_which_codes_it_was_sent(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.drugs.confirm("B1", "C1")
    await clinic.order()
    await clinic.drugs.confirm("B1", "C2", seen="C1")
    page = await clinic.page(f"/integrasi/ministry/Order/{(await clinic.antar.row('Order', 'O1')).id}")
    assert "Kode yang dipakai" in page
    assert f'href="{HOME}/kode?kode=C1"' in page
    assert "sekarang" in page


async def test_the_dashboard_leads_to_what_has_no_code(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE, TEA)
    await clinic.order("O1", "B1")
    page = await clinic.page("/integrasi/ministry")
    assert f'href="{HOME}/{await clinic.id()}">Petakan Kopi bubuk 10 mg</a>' in page
    assert "1 kiriman ikut terkirim" in page


async def test_several_things_without_a_code_are_one_thing_to_do(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE, TEA)
    await clinic.order("O1", "B1", "B2")
    page = await clinic.page("/integrasi/ministry")
    assert f'href="{HOME}">Petakan 2 barang</a>' in page
    assert "Kopi bubuk 10 mg, Teh cair 5 ml" in page


async def test_what_waits_for_codes_has_the_mapping_as_the_loud_button(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.order()
    page = await clinic.page("/masalah")
    assert "1 barang belum punya kode" in page
    assert f'class="btn btn-sm btn-primary" href="{HOME}"' in page


async def test_what_went_out_with_the_old_code_becomes_a_job_after_a_question(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.drugs.confirm("B1", "C1")
    await clinic.order()
    item = f"{HOME}/{await clinic.id()}"
    assert (await clinic.post(f"{item}/kirim-ulang")).status_code == 404
    await clinic.drugs.confirm("B1", "C2", seen="C1")
    assert "1 kiriman memakai kode lama." in await clinic.page(selesai=str(await clinic.id()))
    job = (await clinic.post(f"{item}/kirim-ulang")).headers["location"]
    page = await clinic.page(job)
    assert "Regenerate 1 kiriman?" in page
    assert "Kopi bubuk 10 mg → C2" in page
    assert (await clinic.post(job, how="discard")).headers["location"] == item


async def test_who_may_not_act_on_many_is_told_so(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.drugs.confirm("B1", "C1")
    await clinic.order()
    await clinic.drugs.confirm("B1", "C2", seen="C1")
    await allow(clinic.antar, "satusehat")
    assert "Tindakan massal perlu izin" in await clinic.page(selesai=str(await clinic.id()))
    assert (await clinic.post(f"{HOME}/{await clinic.id()}/kirim-ulang")).status_code == 403


async def test_the_list_that_is_mapped_to_is_read_from_here(clinic: MappedClinic) -> None:
    referer = {"Sec-Fetch-Site": "same-origin", "Referer": f"http://antar.test{HOME}?tab=belum"}
    answer = await clinic.client.post("/referensi/register", headers=referer)
    assert answer.headers["location"] == f"{HOME}?tab=belum"
