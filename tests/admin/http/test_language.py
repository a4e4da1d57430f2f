"""Languages of the panel: Indonesian, and English on request; both have every message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from admin.http.language import COOKIE
from admin.text.words import LANGUAGES, catalogue, language, number, say, speaking
from tests.admin.text import untranslated_text, used_message_keys

pytestmark = pytest.mark.anyio

UNITS = {"ms", "kB", "JSON", "CSV", "UTC", "HTTP", "Enter", "Esc"}
"""Texts that are written alike in both languages."""
OWN = {"Sec-Fetch-Site": "same-origin"}


def test_every_language_knows_every_word_with_the_same_gaps_to_fill() -> None:
    gaps = [
        {key: sorted(re.findall(r"{\w+}", words)) for key, words in catalogue(language).items()}
        for language in LANGUAGES
    ]
    assert all(other == gaps[0] for other in gaps[1:])


def test_every_word_that_is_said_is_in_the_catalogue() -> None:
    keys = "\n".join(catalogue())
    missing = [
        f"{use.place}: {use.pattern}"
        for use in used_message_keys.key_uses()
        if not re.search(f"^(?:{use.pattern})$", keys, re.MULTILINE)
    ]
    assert missing == []


def test_whoever_says_a_word_fills_its_gaps_and_no_others() -> None:
    words = catalogue()
    filled_keys = [
        (use, use.pattern.replace("\\", "")) for use in used_message_keys.key_uses() if use.filled is not None
    ]
    assert [
        use for use, key in filled_keys if key in words and use.filled != frozenset(re.findall(r"{(\w+)}", words[key]))
    ] == []


def test_every_word_of_the_catalogue_is_used() -> None:
    used = re.compile("|".join({f"(?:{use.pattern})" for use in used_message_keys.key_uses()}))
    constants = used_message_keys.constants()
    # tests/admin/text/test_stored_messages.py looks for the users of stored messages.
    keys = [key for key in catalogue() if not key.startswith("stored.")]
    unused = [key for key in keys if key not in constants and not used.fullmatch(key)]
    assert unused == []


@pytest.mark.parametrize(
    "words", [untranslated_text.in_templates, untranslated_text.in_pages, untranslated_text.in_scripts]
)
def test_a_person_reads_nothing_that_no_catalogue_has(words: Callable[[], Iterator[str]]) -> None:
    assert [literal for literal in words() if literal.split(": ", 1)[1].strip("· ") not in UNITS] == []


def test_words_outside_the_catalogue_are_found() -> None:
    template = "<p title=\"{{ 'Dua kata' if x else say('a') }}\">Satu {{ say(\"b\") }}</p><code>cat</code>"
    assert [words for _, words in untranslated_text.untranslated(template)] == ["Dua kata", "Satu"]


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
