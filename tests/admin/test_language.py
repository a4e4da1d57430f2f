"""Indonesian is spoken, English on request; both know every word."""

from __future__ import annotations

import re

import httpx
import pytest

from admin.language import COOKIE
from admin.words import LANGUAGES, catalogue, language, number, say, speaking

pytestmark = pytest.mark.anyio

OWN = {"Sec-Fetch-Site": "same-origin"}


def test_every_language_knows_every_word_with_the_same_gaps_to_fill() -> None:
    gaps = [{key: sorted(re.findall(r"{\w+}", words)) for key, words in catalogue(each).items()} for each in LANGUAGES]
    assert all(each == gaps[0] for each in gaps)


def test_a_language_is_spoken_only_for_as_long_as_it_is_wanted() -> None:
    with speaking("en"):
        assert (say("logout"), number(1_204)) == ("Log out", "1,204")
    assert (say("logout"), number(1_204), language()) == ("Keluar", "1.204", "id")


def test_an_unknown_language_is_indonesian() -> None:
    with speaking("../../etc/passwd"):
        assert language() == "id"


async def test_a_person_may_choose_a_language_and_comes_back_to_their_page(person: httpx.AsyncClient) -> None:
    here = "http://antar.test/integrasi/ministry?period=week"
    answer = await person.post("/language", data={"language": "en"}, headers={**OWN, "Referer": here})
    page = (await person.get(answer.headers["location"])).text
    assert answer.headers["location"] == "/integrasi/ministry?period=week"
    assert '<html lang="en">' in page
    assert "Log out on all devices" in page


async def test_indonesian_is_spoken_to_whoever_chose_nothing(person: httpx.AsyncClient) -> None:
    page = (await person.get("/integrasi/ministry")).text
    assert '<html lang="id">' in page
    assert "Keluar dari semua perangkat" in page


@pytest.mark.parametrize(
    "referer",
    [
        "http://antar.test//evil.example",
        "http://antar.test/\\evil.example",
        "javascript:alert(1)",
        "",
        "//",
        "http://[",
    ],
)
async def test_the_way_back_leads_nowhere_else(nobody: httpx.AsyncClient, referer: str) -> None:
    answer = await nobody.post("/language", data={"language": "en"}, headers={**OWN, "Referer": referer})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_language_that_we_do_not_speak_is_not_remembered(nobody: httpx.AsyncClient) -> None:
    await nobody.post("/language", data={"language": "<script>"}, headers=OWN)
    assert nobody.cookies[COOKIE] == "id"


async def test_an_error_offers_what_can_help(person: httpx.AsyncClient) -> None:
    assert "Ke halaman depan" in (await person.get("/nowhere")).text
