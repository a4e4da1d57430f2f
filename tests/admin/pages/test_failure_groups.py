"""*Kelompok masalah*: failures with the same cause in one group, with its meaning and a resend."""

from __future__ import annotations

import re

import httpx
import pytest

from adapters.base import Verdict
from admin.pages.shared.explanations import RESPONSIBLE, explain
from admin.text.words import say
from engine.delivery.causes import cause_text
from engine.facilities.facilities import add_facility
from engine.queries.failure_groups import groups
from tests.admin.pages.test_jobs import OWN, permit
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

PROBLEMS = "/integrasi/ministry/Visit/masalah"


async def fail(antar: SmallHub, *keys: str, code: str = "10457", message: str = "Element not found: 'x'") -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code=code, message=message) for _ in keys]
    await antar.hand_in("Visit", *({"id": key} for key in keys))
    await antar.work()


async def test_failures_that_are_alike_stand_in_one_group(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1", "V2")
    await fail(antar, "V3", code="10003", message="Code not found: 'X99'")
    page = (await person.get(PROBLEMS)).text
    assert re.findall(r"<strong>(\d+)</strong> kiriman", page) == ["2", "1"]
    assert "Element not found: &#39;x&#39;" in page
    assert "2 kelompok, 3 kiriman" in page


async def test_the_groups_of_all_types_name_the_type(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    await antar.hand_in("Person", {"id": "P1", "nik": "none"})
    await antar.work()
    page = (await person.get("/integrasi/ministry/masalah")).text
    assert "Kunjungan ·" in page
    assert "Orang ·" in page


async def test_a_group_leads_to_its_list(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    page = (await person.get(PROBLEMS)).text
    assert 'href="/integrasi/ministry/Visit?cause=rejected%3A10457%3AElement+not+found%3A+%23"' in page


async def test_what_waits_is_told_but_not_offered_for_resending(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.work()
    page = (await person.get(PROBLEMS)).text
    assert "Menunggu data lain: Orang" in page
    assert "Kirim ulang semua yang cocok" not in page


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
    assert len(await groups(antar.hub.database, antar.facility.id, ["Visit"])) == 1
    assert await groups(antar.hub.database, other.id, ["Visit"]) == []


@pytest.mark.parametrize("kind", sorted(RESPONSIBLE))
async def test_every_kind_of_failure_is_told_even_without_a_remedy(antar: SmallHub, kind: str) -> None:
    upstream = antar.hub.catalog.upstreams["ministry"]
    explanation = explain(cause_text(kind, 1, words="anything"), upstream)
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
