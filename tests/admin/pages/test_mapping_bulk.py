"""Page that confirms many exact codes at once, and its result."""

from __future__ import annotations

import re

import pytest

from tests.admin.http.test_rights import allow
from tests.admin.mapped_clinic import COFFEE, HOME, TEA, MappedClinic
from tests.admin.mapped_clinic import clinic as clinic

pytestmark = pytest.mark.anyio

BULK = f"{HOME}/sekaligus"
STRONG = {"code": "B3", "name": "Kopi bubuk 20 mg"}


def ticks(page: str) -> list[str]:
    return re.findall(r'name="pilih" value="([^"]+)" checked', page)


async def test_the_list_leads_to_what_can_be_confirmed_together(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE, TEA, STRONG)
    assert f'hx-get="{BULK}/jumlah"' in await clinic.page()
    line = await clinic.page(f"{BULK}/jumlah")
    assert (f'href="{BULK}"' in line, "2 dari 3 dapat dikonfirmasi sekaligus" in line) == (True, True)
    await clinic.drugs.confirm("B1", "C1")
    await clinic.drugs.confirm("B3", "C2")
    assert (await clinic.page(f"{BULK}/jumlah")).strip() == ""


async def test_each_item_stands_beside_its_code_with_what_agrees(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE, TEA)
    page = await clinic.page(BULK)
    for words in ("Kopi bubuk 10 mg", "Kopi 10 mg Bubuk", "Kekuatan", "Konfirmasi 1", "1 barang lain"):
        assert words in page
    assert ("Teh cair" in page, len(ticks(page))) == (False, 1)


async def test_what_is_ticked_is_confirmed_and_the_rest_is_not(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE, STRONG)
    await clinic.order()
    first, _ = ticks(await clinic.page(BULK))
    for _ in range(2):
        answer = await clinic.post(BULK, pilih=[first])
        assert "1 dikonfirmasi" in answer.text
    assert [(await clinic.drugs.item(key)).code for key in ("B1", "B3")] == ["C1", None]
    await clinic.antar.work()
    assert await clinic.antar.status("Order", "O1") == "sent"


async def test_what_changed_meanwhile_is_told(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    boxes = ticks(await clinic.page(BULK))
    await clinic.drugs.confirm("B1", "C3", actor="budi")
    page = (await clinic.post(BULK, pilih=boxes)).text
    assert ("1 tidak dikonfirmasi" in page, "budi memberinya kode C3" in page) == (True, True)
    assert "tidak ada yang dicentang" in (await clinic.post(BULK)).text


@pytest.mark.parametrize("tick", ["", "x:y:z", "1", "1::C1", "1:a:", f"{2**60}:a:C1", "-1:a:C1", "\u00b2:a:C1"])
async def test_a_tick_that_the_page_did_not_write_is_refused(clinic: MappedClinic, tick: str) -> None:
    assert (await clinic.post(BULK, pilih=[tick])).status_code == 400


async def test_more_than_a_page_is_refused(clinic: MappedClinic) -> None:
    assert (await clinic.post(BULK, pilih=["1:a:C1"] * 101)).status_code == 400


async def test_who_may_not_map_sees_why_and_changes_nothing(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    boxes = ticks(await clinic.page(BULK))
    await allow(clinic.antar, "satusehat")
    assert "Peran Anda tidak mengizinkan pemetaan" in await clinic.page(BULK)
    assert (await clinic.post(BULK, pilih=boxes)).status_code == 403


async def test_without_anything_exact_the_page_says_what_would_be(clinic: MappedClinic) -> None:
    await clinic.hand_in(TEA)
    page = await clinic.page(BULK)
    assert ("Tidak ada barang yang dapat" in page, "Nama, Kekuatan, Bentuk" in page) == (True, True)
