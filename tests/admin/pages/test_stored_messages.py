"""Stored messages on the pages, in the table and over the API: each reader's language, older rows as they are."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from adapters.base import Problem, Verdict
from adapters.messages import message
from admin.http.language import COOKIE
from tests.admin.pages.test_types import OWN
from tests.engine.small_hub import SmallHub, accepted, refused

pytestmark = pytest.mark.anyio

EARLIER = "Ditemukan 2 yang cocok; seseorang perlu memilih."
ENGLISH = "2 matches were found; somebody has to choose."
PLACES = ("", "?tab=percobaan", "?tab=response")


async def ambiguous(antar: SmallHub) -> int:
    """Hand in a person whom the upstream has twice; return the id of the delivery."""
    antar.ministry.script = [lambda _: accepted(found=[{"id": "a"}, {"id": "b"}])]
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    return int((await antar.row("Person", "P1")).id)


async def pages(person: httpx.AsyncClient, id_: int) -> str:
    addresses = [f"/integrasi/ministry/Person/{id_}{place}" for place in PLACES]
    addresses += [
        "/integrasi/ministry/Person",
        "/integrasi/ministry/Person/masalah",
        f"/admin/raw-Person/details/{id_}",
    ]
    return "\n".join([(await person.get(address)).text for address in addresses])


async def test_a_person_reads_a_message_in_their_language(person: httpx.AsyncClient, antar: SmallHub) -> None:
    id_ = await ambiguous(antar)
    indonesian = await pages(person, id_)
    person.cookies.set(COOKIE, "en")
    english = await pages(person, id_)
    assert (EARLIER in indonesian, ENGLISH in english) == (True, True)
    assert EARLIER not in english
    assert "find.several&#34;" not in indonesian + english


async def test_a_sentence_of_an_earlier_version_stays_readable(person: httpx.AsyncClient, antar: SmallHub) -> None:
    id_ = await ambiguous(antar)
    await antar.hub.database.write_models(
        lambda tx: tx.execute(text("UPDATE deliveries SET problem = :words"), {"words": EARLIER})
    )
    person.cookies.set(COOKIE, "en")
    assert EARLIER in (await person.get(f"/integrasi/ministry/Person/{id_}")).text


async def test_the_table_says_messages(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await ambiguous(antar)
    table = (await person.post("/integrasi/ministry/Person/ekspor", data={"all": "yes"}, headers=OWN)).text
    assert EARLIER in table


async def test_the_api_gives_sentences(his: httpx.AsyncClient, antar: SmallHub) -> None:
    id_ = await ambiguous(antar)
    his.cookies.set(COOKIE, "en")
    one = (await his.get(f"/api/v1/deliveries/{id_}")).json()
    several = (await his.get("/api/v1/deliveries?spec=Person")).json()
    assert (one["problem"], several["deliveries"][0]["problem"]) == (EARLIER, EARLIER)
    assert [attempt["message"] for attempt in one["attempts"]] == [""]


async def test_the_api_gives_the_faults_of_the_check_in_english(his: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.problems = [Problem("$.status", message("preflight.empty"))]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    one = (await his.get(f"/api/v1/deliveries/{(await antar.row('Visit', 'V1')).id}")).json()
    words = "$.status: must not be empty; leave it out"
    assert (one["problem"], one["attempts"][0]["message"]) == (words, words)


async def test_a_closed_queue_says_why(person: httpx.AsyncClient, antar: SmallHub) -> None:
    refusal = message("credentials.client_refused", words="ClientId is Invalid")
    antar.ministry.script = [refused(Verdict.UNAUTHORIZED, message=refusal)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    indonesian = (await person.get("/kesehatan")).text
    person.cookies.set(COOKIE, "en")
    english = (await person.get("/kesehatan")).text
    assert "Client ID atau client secret ditolak: ClientId is Invalid" in indonesian
    assert "The client ID or the client secret was refused: ClientId is Invalid" in english
    assert "client_refused" not in indonesian + english
