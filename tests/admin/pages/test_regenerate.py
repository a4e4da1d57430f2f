"""*Regenerate*: a preview, a job, and a card with its progress."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from engine.jobs.runner import run_jobs
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

HOME = "/integrasi/ministry"
PERSON = f"{HOME}/Person/regenerate"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def one_sent(antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()


@pytest.mark.usefixtures("one_sent")
async def test_the_preview_says_what_would_be_done_and_does_nothing(person: httpx.AsyncClient, antar: SmallHub) -> None:
    page = (await person.get(PERSON)).text
    assert "1 akan dicari ulang" in page
    assert "Kirim 1 sekarang (DEMO)" in page
    assert await antar.status("Person", "P1") == "sent"


@pytest.mark.usefixtures("one_sent")
async def test_the_card_shows_the_job_to_everybody_until_it_ends(person: httpx.AsyncClient, antar: SmallHub) -> None:
    assert f'href="{PERSON}"' in (await person.get(HOME)).text
    begun = await person.post(PERSON, headers=SAME_SITE)
    running = (await person.get(f"{HOME}/cards")).text
    await run_jobs(antar.hub.database, antar.rung.add, lambda: False)
    being_sent = (await person.get(f"{HOME}/cards")).text
    await antar.work()
    ended = (await person.get(f"{HOME}/cards")).text
    assert (begun.status_code, begun.headers["location"]) == (303, HOME)
    assert "Regenerate 0 / 1" in running
    assert "spinner" in being_sent
    assert "spinner" not in ended


@pytest.mark.usefixtures("one_sent")
async def test_who_may_not_act_on_many_is_offered_nothing(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hub.database.write_models(
        lambda tx: tx.execute(text("UPDATE roles SET permissions = '[\"satusehat\"]'"))
    )
    assert "Regenerate" not in (await person.get(HOME)).text
    assert (await person.get(PERSON)).status_code == 403


async def test_only_foundation_types_are_regenerated(person: httpx.AsyncClient) -> None:
    assert (await person.get(f"{HOME}/Visit/regenerate")).status_code == 404


async def test_where_nothing_was_sent_nothing_is_to_be_done(person: httpx.AsyncClient) -> None:
    assert "tidak ada yang perlu diperbarui" in (await person.get(PERSON)).text
