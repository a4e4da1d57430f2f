"""What a row and the head of a list say: the cause, the code that explains it, counts as filters, the place."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from adapters.base import Verdict
from adapters.messages import message
from admin.pages.shared.formatting import badge_code
from engine.outbox.waits import tell_circles
from tests.admin.pages.test_types import VISITS, failed_visit, link
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio


async def test_a_refused_row_says_its_cause(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await failed_visit(antar)
    assert '<span class="note" title="Ditolak oleh Kementerian">' in (await person.get(VISITS)).text


async def test_a_row_that_waits_names_the_record_and_leads_to_it(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "RM-1"})
    await antar.work()
    page = html.unescape((await person.get(VISITS)).text)
    assert '<a href="/integrasi/ministry/Person?text=RM-1">menunggu ' in page
    assert " RM-1</a>" in page


async def test_a_row_that_waits_in_a_circle_says_so(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "RM-1"})
    await antar.work()
    circle = message("delivery.circle", chain="Kunjungan V1 → Orang RM-1 → Kunjungan V1")
    await antar.hub.database.write(tell_circles, [((await antar.row("Visit", "V1")).id, circle)])
    assert '<span class="note">Saling menunggu: <a href=' in (await person.get(VISITS)).text


@pytest.mark.parametrize(
    ("http_status", "code", "badge"),
    [(400, "10457", "400"), (200, "201", "201"), (200, None, ""), (None, "412", "412"), (None, None, "")],
)
def test_the_badge_has_the_code_that_says_why(http_status: int | None, code: str | None, badge: str) -> None:
    assert badge_code(http_status, code) == badge


async def test_counts_are_filters(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await failed_visit(antar)
    await antar.hand_in("Visit", {"id": "V2"}, {"id": "V3"})
    page = " ".join((await person.get(VISITS, params={"status": "queued"})).text.split())
    assert "Semua <strong>3</strong>" in page
    chosen = re.search(r's-queued" href="\?status=queued" aria-current="true">.*?</a>', page)
    assert chosen
    assert "Belum Terkirim <strong>2</strong>" in chosen[0]
    assert "Tidak Terkirim <strong>1</strong>" in page
    searched = (await person.get(VISITS, params={"text": "V2"})).text
    assert "<strong>3</strong>" not in searched


async def test_counts_follow_the_rows(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    id_ = (await antar.row("Visit", "V1")).id
    await antar.work()
    part = (await person.get(f"{VISITS}/perubahan", params={"ids": id_, "top": "true"})).text
    assert "Terkirim <strong>1</strong>" in part


@pytest.mark.parametrize("query", [{}, {"text": "RM-1"}])
async def test_a_page_says_where_it_stands(person: httpx.AsyncClient, antar: SmallHub, query: dict[str, str]) -> None:
    await antar.hand_in("Person", {"id": "RM-1", "nik": "3171010101010001"})
    days = ("2026-03-08", "2026-03-09", "2026-03-10")
    await antar.hand_in("Visit", *({"id": f"V{n:02}", "person": "RM-1", "at": days[n % 3]} for n in range(60)))
    pages = [(await person.get(VISITS, params=query)).text]
    for _ in range(2):
        pages.append((await person.get(VISITS + link(pages[-1], "next"))).text)
    for page, place in zip(pages, ("1–25", "26–50", "51–60"), strict=True):
        assert f'<span class="place">{place}' in page
    assert ("dari 60</span>" in pages[1]) is not bool(query)
    assert '<span class="place">26–50' in (await person.get(VISITS + link(pages[2], "prev"))).text


async def test_a_set_filter_can_be_taken_off_alone(person: httpx.AsyncClient, antar: SmallHub) -> None:
    page = html.unescape((await person.get(VISITS, params={"status": ["failed", "queued"], "code": "7"})).text)
    assert '<a href="?code=7&status=failed" aria-label="Hapus filter Belum Terkirim">' in page
    assert '<a href="?status=queued&status=failed" aria-label="Hapus filter Kode galat 7">' in page


async def test_a_resend_that_fails_again_says_so(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    id_ = address.rpartition("/")[2]
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await person.post(f"{address}/resend", headers={"Sec-Fetch-Site": "same-origin"})
    await antar.work()
    part = (await person.get(f"{VISITS}/perubahan", params={"ids": id_, "awaited": id_})).text
    assert "V1 ditolak lagi: Ditolak oleh Kementerian." in part
