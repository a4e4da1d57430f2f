"""The lists of a mapping, made of its YAML alone, and what other pages tell of it."""

from __future__ import annotations

import re

import pytest

from tests.admin.http.test_rights import allow
from tests.admin.mapped_clinic import COFFEE, HOME, TEA, Shop
from tests.admin.mapped_clinic import shop as shop

pytestmark = pytest.mark.anyio


async def test_an_empty_mapping_says_where_its_things_come_from(shop: Shop) -> None:
    page = await shop.page()
    assert "Belum ada data" in page
    assert "Barang muncul di sini begitu sistem klinik menyerahkannya sebagai Good" in page


async def test_the_cards_and_columns_are_those_of_the_yaml(shop: Shop) -> None:
    await shop.hand_in(COFFEE, TEA)
    await shop.apothecary.confirm("B2", "C3")
    page = await shop.page()
    assert "Total Barang" in page
    assert "50 %" in page
    assert '<th scope="col">Rak</th>' in page
    assert ("Kopi bubuk" in page, "Teh cair" in page) == (True, False)


async def test_what_most_deliveries_wait_for_comes_first_with_how_many(shop: Shop) -> None:
    await shop.hand_in(COFFEE, TEA)
    await shop.order("O1", "B2")
    page = await shop.page()
    assert page.index("Teh cair") < page.index("Kopi bubuk")
    assert "1 kiriman tertahan karena belum ada kodenya" in page
    assert f'href="{HOME}/{await shop.id("B2")}?tab=belum#menunggu">1 kiriman' in page


async def test_what_is_mapped_says_to_what_by_whom_and_when(shop: Shop) -> None:
    await shop.hand_in(COFFEE)
    await shop.apothecary.confirm("B1", "C1")
    page = await shop.page(tab="sudah")
    for told in ("Kode Register", "Nama Register", "Kopi 10 mg Bubuk", "sari", "10/03/2026"):
        assert told in page
    assert f'href="{HOME}/kode?kode=C1" data-code' in page


async def test_a_withdrawn_code_is_to_be_reviewed_and_says_why(shop: Shop) -> None:
    await shop.hand_in(COFFEE, TEA)
    await shop.apothecary.confirm("B1", "C1")
    await shop.apothecary.confirm("B2", "C3")
    await shop.apothecary.read_register("C1")
    await shop.hand_in({**TEA, "name": "Teh cair 10 ml"})
    page = await shop.page(tab="tinjau")
    assert "Kode ditarik dari referensi sejak" in page
    assert "Data barang berubah sesudah dipetakan" in page


async def test_the_lists_are_searched_and_turned_page_by_page(shop: Shop) -> None:
    await shop.hand_in(*({"code": f"B{n}", "name": f"Barang nomor {n}"} for n in range(60)))
    page = await shop.page()
    following = re.search(r'rel="next" href="\?([^"]+)"', page)
    assert page.count("<tr data-id") == 50
    assert following
    assert (await shop.page(f"{HOME}?{following[1].replace('&amp;', '&')}")).count("<tr data-id") == 10
    assert (await shop.page(q="nomor 59")).count("<tr data-id") == 1
    assert "Tidak ada yang cocok" in await shop.page(q="tidak begini")


@pytest.mark.parametrize("after", ["x", "1", "1.2.3", "9" * 30])
async def test_a_place_that_is_none_is_refused(shop: Shop, after: str) -> None:
    assert (await shop.client.get(HOME, params={"after": after})).status_code == 400
    assert (await shop.client.get("/pemetaan/nothing")).status_code == 404


async def test_the_cards_are_asked_for_anew(shop: Shop) -> None:
    await shop.hand_in(COFFEE)
    figures = await shop.page(f"{HOME}/angka")
    assert ("Total Barang" in figures, "<html" in figures) == (True, False)


async def test_a_mapping_stands_among_the_pages_of_its_upstream(shop: Shop) -> None:
    page = await shop.page("/integrasi/ministry")
    assert f'href="{HOME}"' in page
    assert "Pemetaan Barang" in page


async def test_a_code_is_shown_with_the_columns_of_its_list(shop: Shop) -> None:
    page = await shop.page(f"{HOME}/kode", kode="C1")
    for told in ("Detail Kode Register", "Kekuatan", "10 mg", "Berlaku"):
        assert told in page
    await shop.apothecary.read_register("C1")
    assert "Ditarik sejak" in await shop.page(f"{HOME}/kode", kode="C1")
    assert (await shop.client.get(f"{HOME}/kode", params={"kode": "X"})).status_code == 404
    box = await shop.client.get(f"{HOME}/kode", params={"kode": "<X>"}, headers={"HX-Request": "true"})
    assert ("&lt;X&gt; tidak ada" in box.text, "<html" in box.text) == (True, False)


async def test_a_delivery_says_which_thing_holds_it_back(shop: Shop) -> None:
    await shop.hand_in(COFFEE)
    await shop.order("O1", "B1", "B9")
    row = await shop.house.row("Order", "O1")
    item = f"{HOME}/{await shop.id()}"
    listed = await shop.page("/integrasi/ministry/Order")
    assert f'<a href="{item}">barang belum dipetakan</a> +1' in listed
    page = await shop.page(f"/integrasi/ministry/Order/{row.id}")
    assert "Tertahan: barang belum dipetakan" in page
    assert f'href="{item}"' in page
    assert "barang belum diserahkan" in page


async def test_a_code_that_will_not_do_here_is_told_with_its_reason(shop: Shop) -> None:
    await shop.hand_in(COFFEE)
    await shop.apothecary.confirm("B1", "R1")
    await shop.house.hand_in("Handover", {"id": "H1", "good": "B1"})
    await shop.house.work()
    page = await shop.page(f"/integrasi/ministry/Handover/{(await shop.house.row('Handover', 'H1')).id}")
    assert "Tertahan: kode barang tidak dapat dipakai di sini" in page
    assert "Penyerahan butuh barang jadi." in page


async def test_a_delivery_tells_with_which_codes_it_was_sent(shop: Shop) -> None:
    await shop.hand_in(COFFEE)
    await shop.apothecary.confirm("B1", "C1")
    await shop.order()
    await shop.apothecary.confirm("B1", "C2", seen="C1")
    page = await shop.page(f"/integrasi/ministry/Order/{(await shop.house.row('Order', 'O1')).id}")
    assert "Kode yang dipakai" in page
    assert f'href="{HOME}/kode?kode=C1"' in page
    assert "sekarang" in page


async def test_the_dashboard_leads_to_what_has_no_code(shop: Shop) -> None:
    await shop.hand_in(COFFEE, TEA)
    await shop.order("O1", "B1")
    page = await shop.page("/integrasi/ministry")
    assert f'href="{HOME}/{await shop.id()}">Petakan Kopi bubuk 10 mg</a>' in page
    assert "melepas 1 kiriman" in page


async def test_several_things_without_a_code_are_one_thing_to_do(shop: Shop) -> None:
    await shop.hand_in(COFFEE, TEA)
    await shop.order("O1", "B1", "B2")
    page = await shop.page("/integrasi/ministry")
    assert f'href="{HOME}">Petakan 2 barang</a>' in page
    assert "Kopi bubuk 10 mg, Teh cair 5 ml" in page


async def test_the_group_of_what_waits_for_codes_leads_to_the_mapping(shop: Shop) -> None:
    await shop.hand_in(COFFEE)
    await shop.order()
    page = await shop.page("/integrasi/ministry/masalah")
    assert "Tertahan: barang belum dipetakan" in page
    assert f'class="btn btn-sm btn-primary" href="{HOME}"' in page


async def test_what_went_out_with_the_old_code_becomes_a_job_after_a_question(shop: Shop) -> None:
    await shop.hand_in(COFFEE)
    await shop.apothecary.confirm("B1", "C1")
    await shop.order()
    item = f"{HOME}/{await shop.id()}"
    assert (await shop.post(f"{item}/kirim-ulang")).status_code == 404
    await shop.apothecary.confirm("B1", "C2", seen="C1")
    assert "1 kiriman memakai kode lama." in await shop.page(selesai=str(await shop.id()))
    job = (await shop.post(f"{item}/kirim-ulang")).headers["location"]
    page = await shop.page(job)
    assert "Perbarui 1 kiriman?" in page
    assert "Kopi bubuk 10 mg → C2" in page
    assert (await shop.post(job, how="discard")).headers["location"] == item


async def test_who_may_not_act_on_many_is_told_so(shop: Shop) -> None:
    await shop.hand_in(COFFEE)
    await shop.apothecary.confirm("B1", "C1")
    await shop.order()
    await shop.apothecary.confirm("B1", "C2", seen="C1")
    await allow(shop.house, "satusehat")
    assert "Tindakan massal perlu izin" in await shop.page(selesai=str(await shop.id()))
    assert (await shop.post(f"{HOME}/{await shop.id()}/kirim-ulang")).status_code == 403


async def test_the_list_that_is_mapped_to_is_read_from_here(shop: Shop) -> None:
    referer = {"Sec-Fetch-Site": "same-origin", "Referer": f"http://antar.test{HOME}?tab=belum"}
    answer = await shop.client.post("/referensi/register", headers=referer)
    assert answer.headers["location"] == f"{HOME}?tab=belum"
