"""*Perbaiki semuanya*: choose a field, enter new values, see what changes, apply, undo; and the page of rules."""

from __future__ import annotations

import re

import httpx
import pytest

from engine.jobs.mend import HOLD_MS
from engine.jobs.runner import run_jobs
from engine.value_rules.store import listed
from tests.admin.pages.test_jobs import OWN, permit
from tests.engine.jobs.test_mend import CAUSE, fail, picky
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

HOME = "/integrasi/ministry/Visit"
PAGE = f"{HOME}/perbaiki"
RULES = "/masalah/aturan"
GROUP = {"cause": CAUSE}
ENTERED = {"place": "note", "old-0": '"Baik"', "new-0": "baik", "reason": "salah ketik"}


@pytest.fixture(autouse=True)
def picky_ministry(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(antar.ministry, "answer", picky)


async def submit(person: httpx.AsyncClient, act: str, **fields: str) -> httpx.Response:
    return await person.post(f"{PAGE}/{act}", params=GROUP, data={**ENTERED, **fields}, headers=OWN)


async def run(antar: SmallHub) -> None:
    antar.clock.pass_(HOLD_MS / 1000)
    await run_jobs(antar.hub.database, antar.rung.add, lambda: False)
    await antar.work()


async def test_the_page_of_problems_leads_to_it(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "Baik")
    page = (await person.get("/masalah")).text
    assert f'href="{PAGE}?cause=rejected%3A10457%3AVisit.note+invalid"' in page


async def test_its_entry_in_the_sidebar_is_that_of_the_problems(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "Baik")
    for page in (await person.get(PAGE, params=GROUP), await submit(person, "pratinjau")):
        [current] = re.findall(r'<a class="sidebar-link" href="([^"]+)"[^>]*aria-current', page.text)
        assert current == "/masalah"


async def test_the_field_that_the_answer_names_is_chosen_and_its_values_are_counted(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await fail(antar, "Baik", "Baik", "Ckp")
    page = (await person.get(PAGE, params=GROUP)).text
    assert '<option value="note" selected>Catatan (note) · disebut jawaban</option>' in page
    assert "Nilai sekarang pada 3 kiriman" in page
    assert page.index("<code>Baik</code>") < page.index("<code>Ckp</code>")
    assert 'value="id"' not in page  # the key is not offered


async def test_the_preview_shows_record_and_payload_before_and_after(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await fail(antar, "Baik", "Ckp")
    page = (await submit(person, "pratinjau")).text
    assert "Ganti nilai pada 1 kiriman?" in page
    assert page.count("&#34;note&#34;: &#34;Baik&#34;") == 2  # gone from the record and from what is sent
    assert page.count("&#34;note&#34;: &#34;baik&#34;") == 2
    assert "1 contoh lolos pemeriksaan sebelum kirim." in page
    assert await listed(antar.hub.database, antar.facility.id) == []


async def test_one_value_can_be_entered_for_all(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "Baik", "Ckp")
    fields = {"all": "cukup", "old-1": '"Ckp"', "new-1": ""}
    assert "Ganti nilai pada 2 kiriman?" in (await submit(person, "pratinjau", **fields)).text


async def test_applying_sends_the_group_after_the_time_to_undo(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "Baik", "Baik")
    applied = await submit(person, "terapkan")
    job = (await person.get(applied.headers["location"])).text
    assert "Perbaikan massal" in job
    assert "note: &#39;Baik&#39; menjadi &#39;baik&#39;" in job
    assert "Mulai dikirim dalam 10 dtk" in job
    assert 'value="pause"' not in job
    await run(antar)
    assert "2 terkirim" in (await person.get(applied.headers["location"])).text


async def test_it_can_be_undone_until_it_is_sent(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "Baik")
    job = (await submit(person, "terapkan")).headers["location"]
    undone = await person.post(job, data={"how": "undo"}, headers=OWN)
    assert "Tidak ada yang dikirim" in (await person.get(undone.headers["location"])).text
    again = await person.post(job, data={"how": "undo"}, headers=OWN)
    assert again.headers["location"].endswith("told=late")
    await run(antar)
    assert await antar.status("Visit", "V1") == "failed"


async def test_the_second_tab_is_told(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "Baik")
    first, second = await submit(person, "terapkan"), await submit(person, "terapkan")
    assert second.headers["location"] == f"{first.headers['location']}?told=twice"
    assert "Perbaikan yang sama sudah dimulai" in (await person.get(second.headers["location"])).text


async def test_the_delivery_names_the_rule_that_it_was_sent_with(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "Baik")
    await submit(person, "terapkan")
    await run(antar)
    address = f"{HOME}/{(await antar.row('Visit', 'V1')).id}"
    words = "Nilai Catatan (note) diganti: &#39;Baik&#39; menjadi &#39;baik&#39;, aturan oleh sari, 10/03/2026"
    for tab in ("ringkasan", "request", "asal"):
        assert words in (await person.get(address, params={"tab": tab})).text
    assert "&#34;Baik&#34;" in (await person.get(address, params={"tab": "asal"})).text


async def test_the_list_of_rules_shows_their_uses_and_ends_them(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "Baik", "Baik")
    await submit(person, "terapkan")
    await run(antar)
    assert "dipakai 2 kali, terakhir" in (await person.get(RULES)).text
    [rule] = await listed(antar.hub.database, antar.facility.id)
    ended = await person.post(f"{RULES}/{rule.id}/hapus", headers=OWN)
    page = (await person.get(ended.headers["location"])).text
    assert "Aturan dihapus." in page
    assert "dihapus sari" in page
    again = await person.post(f"{RULES}/{rule.id}/hapus", headers=OWN)
    assert "Aturan itu sudah tidak berlaku." in (await person.get(again.headers["location"])).text


@pytest.mark.parametrize(("place", "words"), [("id", "data seorang pasien"), ("nothing", "tidak ada pada jenis ini")])
async def test_what_may_not_be_replaced_is_refused_in_words(
    person: httpx.AsyncClient, antar: SmallHub, place: str, words: str
) -> None:
    await fail(antar, "Baik")
    assert words in (await submit(person, "terapkan", place=place)).text
    assert await listed(antar.hub.database, antar.facility.id) == []


@pytest.mark.parametrize("value", ["3171010101010001", "08123456789"])
async def test_no_identifier_is_entered_for_many(person: httpx.AsyncClient, antar: SmallHub, value: str) -> None:
    await fail(antar, "Baik")
    assert "Nomor identitas" in (await submit(person, "terapkan", **{"new-0": value})).text
    assert await listed(antar.hub.database, antar.facility.id) == []


async def test_without_a_new_value_nothing_happens(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "Baik")
    assert "Isi dahulu nilai penggantinya." in (await submit(person, "terapkan", **{"new-0": ""})).text


@pytest.mark.parametrize("lacking", ["bulk", "edit", "bodies"])
async def test_it_needs_three_rights(person: httpx.AsyncClient, antar: SmallHub, lacking: str) -> None:
    await fail(antar, "Baik")
    await permit(antar, "satusehat", *({"bulk", "edit", "bodies"} - {lacking}))
    assert (await person.get(PAGE, params=GROUP)).status_code == 403
    assert (await submit(person, "terapkan")).status_code == 403
    assert "perbaiki?cause" not in (await person.get("/masalah")).text


async def test_of_a_group_that_is_gone_the_page_says_so(person: httpx.AsyncClient) -> None:
    assert "Tidak ada lagi kiriman gagal" in (await person.get(PAGE, params=GROUP)).text
    assert "Tidak ada lagi kiriman gagal" in (await submit(person, "terapkan")).text


async def test_hostile_values_are_shown_as_text(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "<script>alert(1)</script>")
    page = (await person.get(PAGE, params=GROUP)).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
