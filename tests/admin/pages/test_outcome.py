"""Outcome of a resend: shown once and truthfully, and polled cheaply until the delivery is settled."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.base import Verdict
from adapters.messages import message
from engine.database.database import Database
from engine.facilities.facilities import add_facility
from engine.outbox.delayed_resend import schedule_resend
from engine.outbox.waits import tell_circles
from engine.queries import deliveries
from engine.queries.deliveries import DeliveryState
from tests.admin.conftest import PASSWORD, log_in
from tests.admin.pages.test_delivery_page import OWN, VISITS, failed_visit
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio


async def execute(antar: SmallHub, query: str, **parameters: Any) -> None:
    await antar.hub.database.write_models(lambda tx: tx.execute(text(query), parameters))


@pytest.fixture
async def worker(antar: SmallHub) -> None:
    """Store a live worker."""
    query = "INSERT INTO workers (name, started_at, beat_at, in_flight) VALUES ('w', :now, :now, 0)"
    await execute(antar, query, now=antar.clock())


def outcome(page: str) -> str:
    """Return the page's sentence about the outcome; empty if there is none."""
    match = re.search(r'<div id="hasil-kiriman".*?</div>\s*</div>\s*</div>', page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", match[0])).split()) if match else ""


def moves(page: str) -> bool:
    match = re.search(r'<div id="hasil-kiriman"[^>]*>', page)
    assert match
    return "data-moving" in match[0]


def mark(page: str) -> str:
    match = re.search(r'data-mark="([^"]*)"', page)
    assert match
    return match[1]


async def resend(person: httpx.AsyncClient, address: str) -> str:
    """Resend and return the following page."""
    return (await person.post(f"{address}/resend", headers=OWN, follow_redirects=True)).text


async def again(person: httpx.AsyncClient, address: str) -> str:
    return (await person.get(f"{address}?told=done")).text


@pytest.mark.usefixtures("worker")
async def test_a_resend_says_that_it_is_under_way_and_then_that_it_arrived(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    page = await resend(person, address)
    assert (outcome(page), moves(page)) == ("Sedang dikirim ulang; hasilnya muncul di sini.", True)
    await antar.work()
    page = await again(person, address)
    assert (outcome(page), moves(page)) == ("Terkirim 08.00.00, nomor id-V1.", False)


async def test_a_refusal_is_told_as_one_more_with_its_cause_and_the_new_answer(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    antar.ministry.script = [refused(Verdict.REJECTED, 422, code="9", message="Still not match")]
    await resend(person, address)
    await antar.work()
    assert outcome(await again(person, address)) == "Ditolak lagi 08.00.00: Ditolak oleh Kementerian."
    page = (await person.get(f"{address}?told=done&tab=response")).text
    assert "Still not match" in outcome(page)


async def test_a_refused_change_says_that_what_was_there_stays(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1", "note": "lain"})
    await antar.work()
    page = await again(person, f"{VISITS}/{(await antar.row('Visit', 'V1')).id}")
    assert "Ditolak 08.00.00: Ditolak oleh Kementerian. Yang lama tetap ada di Kementerian." in outcome(page)


@pytest.mark.usefixtures("worker")
async def test_what_will_be_tried_again_says_when(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)]
    await resend(person, address)
    await antar.work()
    page = await again(person, address)
    assert re.match(r"Belum terkirim; akan dicoba lagi pukul 08\.00\.\d\d \(percobaan 1 dari 3\)\.", outcome(page))
    assert moves(page)


async def test_what_waits_for_another_says_for_what(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V2", "person": "P9"})
    await antar.work()
    page = (await person.get(f"{VISITS}/{(await antar.row('Visit', 'V2')).id}")).text
    assert outcome(page) == "Tertahan: menunggu Orang P9."


async def test_what_waits_in_a_circle_names_it(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V2", "person": "P9"})
    await antar.work()
    row = await antar.row("Visit", "V2")
    circle = message("delivery.circle", chain="Kunjungan V2 → Orang P9 → Kunjungan V2")
    await antar.hub.database.write(tell_circles, [(row.id, circle)])
    page = (await person.get(f"{VISITS}/{row.id}")).text
    assert outcome(page).startswith("Saling menunggu: Kunjungan V2 → Orang P9 → Kunjungan V2. Serahkan lagi")
    assert "Hapus salah satu rujukan" in page
    problems = (await person.get("/masalah")).text
    assert "Saling menunggu" in problems
    assert 'value="resend"' not in problems


async def test_what_may_have_arrived_says_so(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    antar.ministry.script = [refused(Verdict.UNSURE)]
    await resend(person, address)
    await antar.work()
    assert outcome(await again(person, address)).startswith(
        "Belum pasti apakah sudah sampai; diperiksa lagi di Kementerian pukul 08.00."
    )


@pytest.mark.usefixtures("worker")
async def test_what_cannot_be_sent_now_says_why_instead_of_promising(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    await execute(
        antar,
        "INSERT INTO channels (facility_id, upstream, cause, reason, since, probe_at) "
        "VALUES (:id, 'ministry', 'down', 'x', 0, 0)",
        id=antar.facility.id,
    )
    page = await resend(person, address)
    assert outcome(page) == "Belum dapat dikirim: Kementerian terganggu. Dikirim sendiri begitu pulih."


async def test_without_a_worker_nothing_is_promised(person: httpx.AsyncClient, antar: SmallHub) -> None:
    assert "tidak ada pengirim aktif" in outcome(await resend(person, await failed_visit(antar)))


async def test_a_resend_that_can_be_taken_back_is_on_its_way(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    await schedule_resend(antar.hub.database, antar.facility.id, int(address.rpartition("/")[2]), "sari")
    page = (await person.get(address)).text
    assert (outcome(page), moves(page)) == (
        "Akan dikirim ulang dalam beberapa detik; hasilnya muncul di sini.",
        True,
    )


async def test_what_rests_and_was_not_asked_for_tells_no_outcome(person: httpx.AsyncClient, antar: SmallHub) -> None:
    page = (await person.get(await failed_visit(antar))).text
    assert (outcome(page), moves(page)) == ("", False)


async def test_the_tabs_go_on_telling_what_became_of_it(person: httpx.AsyncClient, antar: SmallHub) -> None:
    page = await again(person, await failed_visit(antar))
    assert 'href="' in page
    assert "tab=response&amp;told=done" in page


async def test_the_page_learns_cheaply_whether_anything_moved(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    before = mark((await person.get(address)).text)

    async def ask() -> int:
        return (await person.get(f"{address}/keadaan", params={"mark": before})).status_code

    assert await ask() == 204
    await resend(person, address)
    assert await ask() == 200
    assert (await person.get(f"{address}/keadaan", params={"mark": before})).text == ""


async def test_a_page_of_a_state_that_ended_while_it_was_made_learns_of_the_next(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = await failed_visit(antar)
    await resend(person, address)
    read = deliveries.state

    async def read_late(database: Database, id_: int) -> DeliveryState | None:
        await execute(antar, "UPDATE deliveries SET status = 'sent', settled_at = 7, due_at = NULL")
        return await read(database, id_)

    monkeypatch.setattr(deliveries, "state", read_late)
    page = (await person.get(address)).text
    assert moves(page)
    monkeypatch.undo()
    assert (await person.get(f"{address}/keadaan", params={"mark": mark(page)})).status_code == 200
    assert not moves((await person.get(address)).text)


async def test_nobody_learns_of_another_clinics_delivery(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    from admin.people import users

    address = await failed_visit(antar)
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    await users.add_user(antar.hub.database, "budi", PASSWORD, facility_id=other.id)
    await log_in(nobody, "budi")
    assert (await nobody.get(f"{address}/keadaan")).status_code == 404


async def test_a_script_on_a_page_of_its_own_gets_the_way_back_to_the_list(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    headers = {"HX-Request": "true", "HX-Target": "kiriman"}
    part = (await person.get(address, headers=headers)).text
    assert part.lstrip().startswith("<article")
    assert f'href="{VISITS}?"' in part


async def test_the_list_tells_what_became_of_the_rows_that_are_awaited(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    id_ = address.rpartition("/")[2]
    part = (await person.get(f"{VISITS}/perubahan", params={"ids": id_, "awaited": id_})).text
    assert "V1 tidak terkirim: Ditolak oleh Kementerian." in part
    await schedule_resend(antar.hub.database, antar.facility.id, int(id_), "sari")
    held = (await person.get(f"{VISITS}/perubahan", params={"ids": id_, "awaited": id_})).text
    assert "data-moving" in held
    assert 'data-undo-ms="5000"' in held
    assert "V1 tidak terkirim" not in held
