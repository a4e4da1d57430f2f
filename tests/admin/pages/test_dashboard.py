"""Dashboard: cards of the chosen days, search, and figures that link to their lists."""

from __future__ import annotations

import re

import httpx
import pytest

from adapters.base import Verdict
from engine.facilities.facilities import set_credentials
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

HOME = "/integrasi/ministry"


async def test_the_chosen_days_stand_in_the_address_and_go_on_to_the_lists(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2", "at": "2026-01-01"})
    day = (await person.get(HOME, params={"date_from": "2026-03-10", "date_to": "2026-03-10"})).text
    everything = (await person.get(HOME)).text
    assert "/ 1" in day
    assert "/ 2" in everything
    assert f'href="{HOME}/Visit?date_from=2026-03-10&amp;date_to=2026-03-10&amp;status=queued"' in day
    assert f'href="{HOME}/Visit?status=queued"' in everything


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


async def test_the_strip_keeps_silent_of_an_upstream_that_the_clinic_does_not_use(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hub.database.on_connection(lambda connection: connection.exec_driver_sql("DELETE FROM credentials"))
    assert "Kementerian" not in (await person.get("/strip/ministry")).text
    await set_credentials(antar.hub.database, antar.hub.vault, antar.facility.id, "ministry", {"secret": "x"})
    assert "Kementerian lancar" in (await person.get("/strip/ministry")).text
