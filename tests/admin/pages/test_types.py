"""Pages of a record type and of one delivery."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from adapters.base import Verdict
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

OWN = {"Sec-Fetch-Site": "same-origin"}
VISITS = "/integrasi/ministry/Visit"


async def failed_visit(antar: SmallHub, **record: str) -> str:
    """Return the address of a refused delivery."""
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="10457", message="Element not found")]
    await antar.hand_in("Visit", {"id": "V1", **record})
    await antar.work()
    return f"{VISITS}/{(await antar.row('Visit', 'V1')).id}"


async def test_the_list_shows_the_columns_of_the_entry(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk pilek"})
    page = (await person.get(VISITS)).text
    assert '<th scope="col">Catatan</th>' in page
    assert ">batuk pilek</td>" in page
    assert "Belum Terkirim" in page


async def test_filters_stand_in_the_address_and_can_be_cleared(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await failed_visit(antar, note="yang gagal")
    await antar.hand_in("Visit", {"id": "V2", "note": "yang antre"})
    page = (await person.get(VISITS, params={"status": "failed"})).text
    nothing = (await person.get(VISITS, params={"text": "V9"})).text
    assert "yang gagal" in page
    assert "yang antre" not in page
    assert "hapus filter" in nothing


async def test_pages_go_on_where_the_last_one_ended(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n:02}", "note": f"catatan-{n:02}"} for n in range(30)))
    first = (await person.get(VISITS)).text
    older = link(first, "next")
    second = (await person.get(VISITS + older)).text
    assert "catatan-29" in first
    assert "catatan-05" in first
    assert "catatan-04" not in first
    assert "catatan-04" in second
    assert "catatan-00" in second
    assert "catatan-29" in (await person.get(VISITS + link(second, "prev"))).text


def link(page: str, rel: str) -> str:
    """Return the query of the link to the next or previous page."""
    return html.unescape(re.search(f'rel="{rel}" href="([^"]+)"', page)[1])  # type: ignore[index]


async def test_a_failed_delivery_tells_why_with_its_exact_exchange(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    page, request = [(await person.get(f"{address}{tab}")).text for tab in ("", "?tab=request")]
    for words in ("Element not found", "10457", "Kirim ditolak", "Tidak Terkirim"):
        assert words in page
    assert "POST /Visit" in request


async def test_a_resend_queues_it_and_says_so(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    answer = await person.post(f"{address}/resend", headers=OWN, follow_redirects=True)
    assert "Belum dapat dikirim: tidak ada pengirim aktif" in answer.text
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"
    assert (await antar.row("Visit", "V1")).trigger == "resend: sari"


async def test_what_was_sent_is_sent_again_only_with_a_reason(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    address = f"{VISITS}/{(await antar.row('Visit', 'V1')).id}/resend"
    results = [
        (await person.post(address, data=data, headers=OWN)).headers["location"].rpartition("=")[2]
        for data in ({}, {"force": "yes", "reason": " "}, {"force": "yes", "reason": "diminta dinas"})
    ]
    assert results == ["needs_force", "needs_force", "done"]


async def test_what_it_waits_for_is_linked(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    address = f"/integrasi/ministry/Finding/{(await antar.row('Finding', 'F1')).id}"
    assert "Kunjungan V1" in (await person.get(address)).text
    assert "belum diserahkan" in (await person.get(address)).text


async def test_hostile_text_is_shown_as_text(person: httpx.AsyncClient, antar: SmallHub) -> None:
    note = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    address = await failed_visit(antar, note=note)
    for page in ((await person.get(VISITS)).text, (await person.get(address)).text):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;" in page


async def test_identifiers_are_masked_wherever_a_body_is_shown(person: httpx.AsyncClient, antar: SmallHub) -> None:
    page = (await person.get(await failed_visit(antar, note="NIK 3171010101010001"))).text
    assert "3171010101010001" not in page
    assert "0001" in page


async def test_another_types_delivery_is_not_here(person: httpx.AsyncClient, antar: SmallHub) -> None:
    id_ = (await failed_visit(antar)).rpartition("/")[2]
    for address in (f"/integrasi/ministry/Person/{id_}", f"{VISITS}/999999", "/integrasi/ministry/Nothing"):
        assert (await person.get(address)).status_code == 404
