"""*Masalah*: one row per root cause, with its effect, what helps, a list on paper and a message to share."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from urllib.parse import unquote

import httpx
import pytest
from sqlalchemy import text

from adapters.base import Verdict
from admin.pages.shared.explanations import RESPONSIBLE, explain
from admin.text.words import say
from engine.delivery.causes import cause_text
from engine.facilities.facilities import add_facility
from engine.queries.todo import todo_facts
from engine.specs.remedies import Remedies, Remedy
from engine.specs.text import Text
from tests.admin.conftest import log_in
from tests.admin.pages.test_jobs import OWN, permit
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

PROBLEMS = "/integrasi/ministry/Visit/masalah"
ALL = "/masalah"
EFFECT = re.compile(r"<strong>(\d+)</strong> kiriman")


async def fail(antar: SmallHub, *keys: str, code: str = "10457", message: str = "Element not found: 'x'") -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code=code, message=message) for _ in keys]
    await antar.hand_in("Visit", *({"id": key} for key in keys))
    await antar.work()


async def test_failures_that_are_alike_stand_in_one_group(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1", "V2")
    await fail(antar, "V3", code="10003", message="Code not found: 'X99'")
    page = (await person.get(PROBLEMS)).text
    assert EFFECT.findall(page) == ["2", "1"]
    assert "Element not found: &#39;x&#39;" in page
    assert "2 akar masalah menahan 3 kiriman" in page


async def test_failures_of_several_types_with_one_remedy_are_one_row(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)] * 2
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.hand_in("Visit", {"id": "V9"})
    await antar.work()
    page = (await person.get(ALL)).text
    assert EFFECT.findall(page) == ["2"]
    assert re.search(r"Kunjungan, Orang|Orang, Kunjungan", page)


async def test_a_group_leads_to_its_list(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    page = (await person.get(PROBLEMS)).text
    assert 'href="/integrasi/ministry/Visit?cause=rejected%3A10457%3AElement+not+found%3A+%23"' in page


async def test_what_waits_is_folded_into_what_it_waits_for(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="10457")]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2", "person": "P1"})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"}, {"id": "F2", "visit": "V2"})
    await antar.work()
    page = (await person.get(ALL)).text
    assert EFFECT.findall(page) == ["2", "2"]
    assert "1 kiriman ikut terkirim" in page  # F1 waits for V1
    assert "<strong>2</strong> kiriman ikut terkirim" in page  # V2 waits for P1, and F2 for V2
    assert "1 Orang belum diserahkan" in page
    assert "Menunggu data lain" not in page
    assert page.count('value="resend"') == 1


async def test_the_tab_of_a_type_says_how_many_wait_elsewhere(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.work()
    page = (await person.get(PROBLEMS)).text
    assert "1 kiriman jenis ini menunggu data lain" in page
    assert "Kirim ulang semua" not in page


async def test_what_waits_for_something_set_aside_has_that_as_its_root(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await fail(antar, "V1")
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    row = await antar.row("Visit", "V1")
    await person.post(f"/integrasi/ministry/Visit/{row.id}/abaikan", data={"reason": "ganda"}, headers=OWN)
    assert await antar.status("Visit", "V1") == "ignored"
    page = (await person.get(ALL)).text
    assert "1 Kunjungan diabaikan, padahal ada yang menunggu" in page
    assert 'href="/integrasi/ministry/Visit?status=ignored"' in page


async def test_the_act_that_helps_is_the_loud_one(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    antar.ministry.script = [refused(Verdict.UNSURE)]
    await antar.hand_in("Finding", {"id": "F1", "visit": "V0"})
    await antar.hand_in("Visit", {"id": "V0"})
    await antar.work()
    page = (await person.get(ALL)).text
    assert re.search(r'btn-primary" href="/integrasi/ministry/Visit\?cause=rejected', page)
    assert re.search(r'btn-outline-secondary" name="action" value="resend"', page)


async def test_an_unsure_delivery_is_resent_with_the_loud_button(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE)] * 9
    await antar.hand_in("Visit", {"id": "V1"})
    for _ in range(4):
        await antar.work()
        antar.clock.pass_(120)
    assert await antar.status("Visit", "V1") == "failed"
    page = (await person.get(ALL)).text
    assert re.search(r'btn-primary" name="action" value="resend"', page)


async def test_the_trend_compares_the_last_day_with_the_one_before(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1", "V2")
    antar.clock.pass_(25 * 3600)
    await fail(antar, "V3")
    await log_in(person)
    page = (await person.get(ALL)).text
    assert "Turun: 1 dalam 24 jam terakhir, 2 pada 24 jam sebelumnya" in page


async def test_the_former_address_leads_to_the_page(person: httpx.AsyncClient) -> None:
    assert (await person.get("/integrasi/ministry/masalah")).headers["location"] == "/masalah?area=ministry"
    assert (await person.get("/masalah?area=nowhere")).status_code == 404


async def test_the_message_to_share_holds_no_patient(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1", message="NIK 3171010101010001 of Budi unknown")
    page = (await person.get(ALL)).text
    [message] = re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert "Budi" not in message
    assert "1 kiriman tertahan (Kunjungan)" in message
    assert "Yang membereskan: Admin" in message
    [link] = re.findall(r'href="https://wa\.me/\?text=([^"]+)"', page)
    assert unquote(link) == unescape(message)


async def test_the_list_on_paper_has_a_row_per_patient_and_is_audited(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)] * 3
    await antar.hand_in("Person", {"id": "RM1", "nik": "3171010101010001"})
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.work()
    [id_] = re.findall(r'name="id" value="(m-\w+)"', (await person.get(ALL)).text)
    answer = await person.post("/masalah/cetak", data={"id": id_}, headers=OWN)
    assert answer.status_code == 200
    assert answer.text.count("<tr><td>") == 3
    entry = await antar.hub.database.first(text("SELECT action, reason FROM audit WHERE action = 'export'"))
    assert entry is not None
    assert entry.reason.endswith("(3)")
    assert (await person.post("/masalah/cetak", data={"id": "m-0"}, headers=OWN)).status_code == 404
    await permit(antar, "satusehat")
    assert (await person.post("/masalah/cetak", data={"id": id_}, headers=OWN)).status_code == 403


async def test_what_is_missing_is_listed_by_its_key(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"}, {"id": "V2", "person": "P1"})
    await antar.work()
    [id_] = re.findall(r'name="id" value="(m-\w+)"', (await person.get(ALL)).text)
    page = (await person.post("/masalah/cetak", data={"id": id_}, headers=OWN)).text
    assert re.search(r"<td>P1</td><td>–</td><td>P1</td><td class=\"text-end\">2</td>", page)


async def test_without_failures_there_is_a_friendly_word(person: httpx.AsyncClient) -> None:
    assert "Tidak ada masalah." in (await person.get(PROBLEMS)).text


async def test_identifiers_in_the_upstreams_words_are_masked(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1", message="NIK 3171010101010001 unknown")
    page = (await person.get(PROBLEMS)).text
    assert "3171010101010001" not in page
    assert "0001 unknown" in page


async def test_another_clinics_failures_are_not_shown(antar: SmallHub) -> None:
    await fail(antar, "V1")
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    specs = list(antar.hub.catalog.specs.values())
    assert len((await todo_facts(antar.hub.database, antar.facility.id, specs)).failures) == 1
    assert (await todo_facts(antar.hub.database, other.id, specs)).failures == ()


@pytest.mark.parametrize(
    ("act", "own_value", "offered"), [("list", False, True), ("list", True, False), ("map", False, False)]
)
async def test_one_value_for_all_is_offered_only_where_it_helps(
    person: httpx.AsyncClient, antar: SmallHub, act: str, own_value: bool, offered: bool
) -> None:
    remedy = Remedy(Text.plain("NIK salah"), Text.plain("Betulkan."), "admin", act=act, own_value=own_value)
    await fail(antar, "V1")
    ministry = replace(antar.hub.catalog.upstreams["ministry"], remedies=Remedies((remedy,)))
    antar.hub.catalog = replace(antar.hub.catalog, upstreams={"ministry": ministry})
    assert ("/perbaiki?" in (await person.get(ALL)).text) == offered


@pytest.mark.parametrize("kind", sorted(RESPONSIBLE))
async def test_every_kind_of_failure_is_told_even_without_a_remedy(antar: SmallHub, kind: str) -> None:
    upstream = antar.hub.catalog.upstreams["ministry"]
    explanation = explain(cause_text(kind, 1, words="anything"), upstream, "Visit")
    assert explanation.title
    assert explanation.remedy
    assert explanation.who in {say(f"who.{who}") for who in RESPONSIBLE.values()}


async def test_unknown_types_have_no_page(person: httpx.AsyncClient) -> None:
    for address in ("/integrasi/ministry/Nothing/masalah", "/integrasi/nowhere/masalah"):
        assert (await person.get(address)).status_code == 404


async def test_who_may_not_act_in_bulk_is_told_so(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    await permit(antar, "satusehat")
    page = (await person.get(PROBLEMS)).text
    assert re.search(r'value="resend" disabled title="Tindakan massal perlu izin', page)
    assert (await person.post("/integrasi/ministry/Visit/massal", headers=OWN)).status_code == 403
