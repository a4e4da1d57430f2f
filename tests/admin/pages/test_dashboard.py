"""Dashboard: cards of the chosen days, search, and figures that link to their lists."""

from __future__ import annotations

import re

import httpx
import pytest

from adapters.base import Verdict
from adapters.messages import message
from engine.delivery.types import Channel
from engine.facilities.facilities import set_credentials
from engine.limits.breaker import CircuitBreaker
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

HOME = "/integrasi/ministry"
IN_PROCESS = "status=queued&amp;status=sending&amp;status=retrying"


async def test_the_chosen_days_stand_in_the_address_and_go_on_to_the_lists(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2", "at": "2026-01-01"})
    day = (await person.get(HOME, params={"date_from": "2026-03-10", "date_to": "2026-03-10"})).text
    everything = (await person.get(HOME)).text
    assert "/ 1" in day
    assert "/ 2" in everything
    assert f'href="{HOME}/Visit?date_from=2026-03-10&amp;date_to=2026-03-10&amp;{IN_PROCESS}"' in day
    assert f'href="{HOME}/Visit?{IN_PROCESS}"' in everything


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "Semua tanggal"),
        ("?date_from=2026-03-01&date_to=2026-03-10", "01/03/2026 – 10/03/2026"),
        ("?date_from=2026-03-01&date_to=2026-03-01", "</span>01/03/2026"),
        ("?date_from=2026-03-01", "Sejak 01/03/2026"),
        ("?date_to=2026-03-10", "Sampai 10/03/2026"),
    ],
)
async def test_the_chosen_days_are_said_in_words(person: httpx.AsyncClient, address: str, words: str) -> None:
    assert words in (await person.get(HOME + address)).text


async def test_a_day_that_is_none_is_told(person: httpx.AsyncClient) -> None:
    assert (await person.get(HOME, params={"date_from": "kemarin"})).status_code == 400


async def test_every_status_of_a_card_is_a_link_to_its_deliveries(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2", "person": "P9"})
    await antar.work()
    page = (await person.get(HOME)).text
    for status in ("failed", "blocked"):
        assert f'href="{HOME}/Visit?status={status}"' in page
    assert "Dalam Proses 0" in page


async def test_the_bar_is_told_in_words_too(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(3)))
    await antar.work()
    await antar.hand_in("Visit", {"id": "V9"})
    page = (await person.get(HOME)).text
    assert 'aria-label="3 Terkirim, 1 Belum Terkirim"' in page
    assert "3 dari 4 terkirim, 1 Belum Terkirim" in page


async def test_the_search_leaves_the_cards_that_match(person: httpx.AsyncClient) -> None:
    page = (await person.get(HOME, params={"q": "kunj"})).text
    cards = dict(re.findall(r'<article [^>]*aria-labelledby="c-(\w+)"[^>]*data-words="[^"]*" (hidden)?', page))
    assert cards == {"Person": "hidden", "Visit": "", "Finding": "hidden"}


async def test_the_cards_alone_are_served_for_the_live_page(person: httpx.AsyncClient) -> None:
    part = (await person.get(f"{HOME}/cards")).text
    assert "<html" not in part
    assert "Kunjungan" in part


async def test_the_strip_says_how_each_upstream_is(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAUTHORIZED, 401, message="invalid_client")]
    good = (await person.get("/strip/ministry")).text
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    bad = (await person.get("/strip/ministry")).text
    assert "Kementerian lancar" in good
    assert "Kementerian: akun ditolak" in bad
    assert "Tidak ada pengirim aktif" in bad


async def test_the_strip_does_not_call_an_account_refused_that_nobody_has_entered(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hub.database.on_connection(lambda connection: connection.exec_driver_sql("DELETE FROM credentials"))
    await antar.hand_in("Visit", {"id": "V1"})
    channel = Channel("ministry", antar.facility.id)
    await CircuitBreaker(antar.hub.database).close_without_account(channel, message("credentials.missing", names="a"))
    strip = (await person.get("/strip/ministry")).text
    assert ("Kementerian: kredensial belum diisi" in strip, "akun ditolak" in strip) == (True, False)


async def test_the_strip_keeps_silent_of_an_upstream_that_the_clinic_does_not_use(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hub.database.on_connection(lambda connection: connection.exec_driver_sql("DELETE FROM credentials"))
    assert "Kementerian" not in (await person.get("/strip/ministry")).text
    await set_credentials(antar.hub.database, antar.hub.vault, antar.facility.id, "ministry", {"secret": "x"})
    assert "Kementerian lancar" in (await person.get("/strip/ministry")).text


async def test_what_is_queued_or_being_sent_is_in_process(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)]
    await antar.work()
    assert await antar.status("Visit", "V1") == "retrying"
    await antar.hand_in("Visit", {"id": "V2"}, {"id": "V3"})
    card = re.search(r'<article [^>]*"c-Visit".*?</article>', (await person.get(HOME)).text, re.DOTALL)
    assert card
    assert "Dalam Proses <strong>3</strong>" in card[0]


async def test_the_chart_has_a_bar_per_day_that_leads_to_it_and_a_table(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"}, {"id": "V3", "person": "P9"})
    await antar.work()
    page = (await person.get(HOME)).text
    assert page.count('class="chart-bar"') == 30
    assert (
        'href="?date_from=2026-03-10&amp;date_to=2026-03-10" aria-label="10/03/2026: 1 terkirim, 1 ditolak, 1' in page
    )
    assert '<th scope="row">10/03/2026</th><td>1</td><td>1</td><td>1</td><td>tidak</td>' in page
    assert "menurut waktu selesai" in page
    assert "style=" not in page


async def test_a_chosen_day_is_drawn_by_the_hour_of_the_clinic(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    page = (await person.get(HOME, params={"date_from": "2026-03-10", "date_to": "2026-03-10"})).text
    assert page.count('class="chart-bar"') == 24
    assert "08.00: gangguan" in page
    assert (await person.get(HOME, params={"date_from": "0001-01-01", "date_to": "0001-01-01"})).status_code == 200
    assert (await person.get(HOME, params={"date_to": "9999-12-31"})).status_code == 200


async def test_the_morning_line_says_how_yesterday_went_and_what_is_to_be_done(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    nothing = (await person.get(HOME)).text
    antar.clock.pass_(-24 * 3600)
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    yesterday = "2026-03-09T08:00:00+07:00"
    await antar.hand_in("Visit", *({"id": key, "at": yesterday} for key in ("V1", "V2", "V3")))
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1", "at": yesterday})  # held back by the refused visit
    await antar.work()
    antar.clock.pass_(24 * 3600 + 60)  # the to-dos are asked again after a while
    page = (await person.get(HOME)).text
    assert "Kemarin tidak ada kiriman" in nothing
    assert "Kemarin 50 % terkirim" in page
    assert ">1 perlu tindakan</a>" in page
    assert 'href="/masalah?area=ministry">semua masalah (1)' in page
    assert re.search(r"<span>Kementerian \d+ ms</span>", page)


async def test_a_day_without_a_delivery_says_so_and_keeps_regenerate(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    page = (await person.get(HOME, params={"date_from": "2026-01-01", "date_to": "2026-01-01"})).text
    assert page.count("Tidak ada pada tanggal ini") == 3
    assert 'id="c-Person-regenerate"' in page
    assert page.count('class="spark"') == 1
