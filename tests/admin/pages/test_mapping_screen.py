"""Mapping screen: suggestions with reasons, live search, comparison of a code, and a person's confirmation."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from adapters.base import Verdict
from engine.facilities.facilities import add_facility
from tests.admin.http.test_rights import allow
from tests.admin.mapped_clinic import COFFEE, HOME, OWN, TEA, MappedClinic
from tests.admin.mapped_clinic import clinic as clinic
from tests.engine.small_hub import refused

pytestmark = pytest.mark.anyio


async def screen(clinic: MappedClinic, key: str = "B1", **query: str) -> str:
    return await clinic.page(f"{HOME}/{await clinic.id(key)}", **query)


async def confirm(clinic: MappedClinic, code: str, key: str = "B1", **fields: object) -> httpx.Response:
    return await clinic.post(f"{HOME}/{await clinic.id(key)}", kode=code, **fields)


def message_of(answer: httpx.Response) -> str:
    return parse_qs(urlsplit(answer.headers["location"]).query).get("pesan", [""])[0]


async def test_an_item_is_shown_with_what_is_read_from_it_and_the_likeliest_codes(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    page = await screen(clinic)
    assert re.findall('data-choose="([^"]+)"', page)[0] == "C1"
    for words in ("<dt>Rak</dt><dd>A-7</dd>", "<dt>Bentuk</dt><dd>Bubuk</dd>", "Saran", "Kekuatan", "berbeda"):
        assert words in page
    assert re.search('id="konfirmasi".*<h2[^>]*>Kopi 10 mg Bubuk</h2>', page, re.DOTALL)


async def test_what_must_be_ticked_is_not_proposed(clinic: MappedClinic) -> None:
    await clinic.hand_in({"code": "B1", "name": "Kopi bubuk 50 mg"})
    page = await screen(clinic)
    assert "Pilih salah satu Kode Register" in page
    assert re.findall('data-choose="([^"]+)" data-vetoed', page) == re.findall('data-choose="([^"]+)"', page)
    assert "<kbd" not in page.partition("<dialog")[0].partition('id="calon"')[2]


async def test_a_search_puts_away_what_it_does_not_list(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    address = f"{HOME}/{await clinic.id()}/calon"

    async def pane(**query: str) -> str:
        return (await clinic.client.get(address, params=query)).text.partition('id="pilihan"')[2]

    assert "Pilih salah satu Kode Register" in await pane(q="zzzz", kode="C1")
    assert "Pilih salah satu Kode Register" in await pane(q="kopi")
    assert await pane(q="kopi cair", kode="C3") == ""
    assert "Kopi 10 mg Bubuk</h2>" in await pane()


async def test_a_search_forgives_misspellings_and_its_address_can_be_sent_on(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    address = f"{HOME}/{await clinic.id()}"
    answer = await clinic.client.get(f"{address}/calon", params={"q": "kpoi cair", "kode": "C1"})
    assert re.findall('data-choose="([^"]+)"', answer.text)[0] == "C3"
    assert answer.headers["HX-Replace-Url"] == f"{address}?q=kpoi+cair&kode=C1"
    assert "Tidak ada yang cocok dengan zzzz" in await screen(clinic, q="zzzz")


async def test_a_chosen_code_stands_beside_the_item_with_what_differs(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    page = await screen(clinic, kode="C2")
    assert re.search('<tr class="t-different"><th scope="row">Kekuatan<.*berbeda.*<td>10.*</td><td>20', page)
    assert 'name="setuju" value="amount" required' in page
    part = await clinic.page(f"{HOME}/{await clinic.id()}/pilihan", kode="C1")
    assert ("setuju" in part, "<html" in part, "Konfirmasi" in part) == (False, False, True)


async def test_confirming_releases_what_waits_and_goes_on_to_the_next(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE, TEA)
    await clinic.order()
    answer = await confirm(clinic, "C1", tab="belum")
    next_ = f"{HOME}/{await clinic.id('B2')}"
    assert answer.headers["location"] == f"{next_}?tab=belum&selesai={await clinic.id()}&lepas=1"
    page = await clinic.page(answer.headers["location"])
    assert "1 kiriman tidak lagi menunggunya" in page
    await clinic.antar.work()
    assert await clinic.antar.status("Order", "O1") == "sent"


async def test_after_the_last_item_the_list_is_shown(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    answer = await confirm(clinic, "C1", tab="belum")
    assert urlsplit(answer.headers["location"]).path == HOME
    assert "Semuanya sudah dipetakan." in await clinic.page(answer.headers["location"])


async def test_skipping_leads_past_every_item(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE, TEA, {"code": "B3", "name": "Es"})
    keys = ["B1"]
    for _ in range(3):
        match = re.search(r'href="(/pemetaan/goods/\d+)[^"]*" data-next', await screen(clinic, keys[-1]))
        assert match
        keys += [key for key in ("B1", "B2", "B3") if match[1] == f"{HOME}/{await clinic.id(key)}"]
    assert keys == ["B1", "B2", "B3", "B1"]


async def test_a_strength_that_differs_must_be_confirmed_expressly(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    assert message_of(await confirm(clinic, "C2")) == "veto"
    assert message_of(await confirm(clinic, "C2", setuju="form")) == "veto"
    assert (await clinic.drugs.item("B1")).code is None
    assert "nyatakan dahulu" in await screen(clinic, kode="C2", pesan="veto")
    await confirm(clinic, "C2", setuju="amount")
    assert (await clinic.drugs.item("B1")).code == "C2"


async def test_every_difference_must_be_confirmed(clinic: MappedClinic) -> None:
    await clinic.hand_in({"code": "B1", "name": "Kopi cair 20 mg"})
    assert message_of(await confirm(clinic, "C1", setuju="amount")) == "veto"
    await confirm(clinic, "C1", setuju=["amount", "form"])
    assert (await clinic.drugs.item("B1")).code == "C1"


async def test_who_comes_second_is_told_who_was_first(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.drugs.confirm("B1", "C1", actor="budi")
    answer = await confirm(clinic, "C3", dilihat="", setuju="form")
    assert message_of(answer) == "overtaken"
    assert "sementara itu budi memberinya kode C1" in await clinic.page(answer.headers["location"])
    assert (await clinic.drugs.item("B1")).code == "C1"


@pytest.mark.parametrize("code", ["P1", "nowhere", "", "\x00"])
async def test_a_code_that_may_not_be_chosen_changes_nothing(clinic: MappedClinic, code: str) -> None:
    await clinic.hand_in(COFFEE)
    clinic.antar.ministry.script = [refused(Verdict.REJECTED, 404)]
    assert message_of(await confirm(clinic, code, setuju=["amount", "form"])) in {"unknown", "no_code"}
    assert (await clinic.drugs.item("B1")).state == "unmapped"


async def test_a_code_of_another_level_is_shown_but_cannot_be_confirmed(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    assert "Kode dari tingkat ini tidak dapat dipilih." in await screen(clinic, kode="P1")


async def test_a_code_that_nobody_can_tell_says_why(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    clinic.antar.ministry.script = [refused(Verdict.REJECTED, 503, message="sedang dirawat")] * 2
    assert "sedang dirawat" in await screen(clinic, kode="X9")
    clinic.antar.ministry.script = [refused(Verdict.REJECTED, 503, message="sedang dirawat")] * 2
    assert "sedang dirawat" in await clinic.page(f"{HOME}/kode", kode="X9")


async def test_a_withdrawn_code_is_reviewed_beside_the_code_itself(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.drugs.confirm("B1", "C1")
    await clinic.drugs.read_register("C1")
    page = await screen(clinic, tab="tinjau")
    assert "Kode yang ditarik tidak dapat dipilih." in page
    assert "Kode ditarik dari referensi sejak" in page
    assert message_of(await confirm(clinic, "C1", dilihat="C1")) == "unknown"


async def test_an_item_that_changed_is_confirmed_with_the_code_it_has(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.drugs.confirm("B1", "C1")
    await clinic.hand_in({**COFFEE, "name": "Kopi bubuk hitam 10 mg"})
    assert 'name="kode" value="C1"' in await screen(clinic, tab="tinjau")
    await confirm(clinic, "C1", dilihat="C1", tab="tinjau")
    assert (await clinic.drugs.item("B1")).state == "mapped"


async def test_a_change_offers_to_send_again_what_went_out_with_the_old_code(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.drugs.confirm("B1", "C1")
    await clinic.order()
    answer = await confirm(clinic, "C3", dilihat="C1", setuju="form", tab="sudah")
    page = await clinic.page(answer.headers["location"])
    assert "1 kiriman memakai kode lama." in page
    assert "Kirim ulang dengan kode baru" in await screen(clinic)


async def test_the_history_tells_who_did_what(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await confirm(clinic, "C1")
    await confirm(clinic, "C3", dilihat="C1", setuju="form")
    page = await screen(clinic)
    assert page.count("sari memetakan") == 2
    assert page.index('kode=C1" data-code', page.index('id="riwayat"')) > 0


async def test_removing_asks_first_and_holds_back_what_comes(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.drugs.confirm("B1", "C1")
    assert "Hapus pemetaan Kopi bubuk 10 mg?" in await screen(clinic, hapus="ya")
    answer = await clinic.post(f"{HOME}/{await clinic.id()}/hapus")
    assert "Pemetaan Kopi bubuk 10 mg dihapus." in await clinic.page(answer.headers["location"])
    await clinic.order()
    assert await clinic.antar.status("Order", "O1") == "blocked"


async def test_who_may_not_map_reads_why_and_changes_nothing(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await allow(clinic.antar, "satusehat")
    page = await screen(clinic, kode="C1")
    assert "Peran Anda tidak mengizinkan pemetaan" in page
    assert [(await confirm(clinic, "C1")).status_code, (await clinic.post(f"{HOME}/1/hapus")).status_code] == [403, 403]


async def test_the_deliveries_that_wait_are_named(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.order("O-77")
    row = await clinic.antar.row("Order", "O-77")
    assert f'href="/integrasi/ministry/Order/{row.id}">Pesanan O-77</a>' in await screen(clinic)


async def test_an_item_of_another_clinic_is_that_clinics(clinic: MappedClinic) -> None:
    other = await add_facility(clinic.antar.hub.database, "lain", "Klinik Lain")
    await clinic.antar.hub.intake.hand_in(other, "Good", [COFFEE])
    id_ = await clinic.id()
    assert "Klinik Lain" in await clinic.page(f"{HOME}/{id_}")
    switched = {"facility": str(clinic.antar.facility.id)}
    headers = {**OWN, "Referer": f"http://antar.test{HOME}/{id_}"}
    assert (await clinic.client.post("/klinik", data=switched, headers=headers)).headers["location"] == HOME


@pytest.mark.parametrize("path", ["999", "999/calon", "999/pilihan"])
async def test_an_item_that_is_not_there_is_not_found(clinic: MappedClinic, path: str) -> None:
    assert (await clinic.client.get(f"{HOME}/{path}")).status_code == 404


async def test_what_the_clinic_wrote_is_never_markup(clinic: MappedClinic) -> None:
    await clinic.hand_in({"code": "B1", "name": "<script>alert(1)</script> 10 mg", "shelf": '"><img src=x>'})
    for page in (await clinic.page(), await screen(clinic), await screen(clinic, q="<b>x</b>", kode="C1")):
        assert ("<script>alert" in page, "<img src=x" in page, "<b>x</b>" in page) == (False, False, False)
