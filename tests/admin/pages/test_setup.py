"""Setup of a clinic as a checklist: each step with its page, a tick when it is done, and the way back."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy import text

from engine.database.transaction import ModelTransaction
from engine.delivery.types import Channel
from engine.facilities.facilities import new_api_key
from engine.limits.breaker import CircuitBreaker
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

HOME = "/integrasi/ministry"
CHECKLIST = "Persiapan klinik"


async def promote(antar: SmallHub) -> None:
    await antar.hub.database.write_models(lambda tx: tx.execute(text("UPDATE users SET role = 'superadmin'")))


async def empty(antar: SmallHub, *tables: str) -> None:
    for table in tables:
        await antar.hub.database.write_models(ModelTransaction.execute, text(f"DELETE FROM {table}"))


def state_of(page: str, step: str) -> str:
    """Return the class of a step in the checklist: done, here or empty."""
    steps = page.partition('<ol class="setup-steps">')[2].partition("</ol>")[0]
    states = re.findall(r'<li class="(\w*)"[^>]*>.*?<strong>(.*?)</strong>', steps, re.DOTALL)
    return str({name: state for state, name in states}[step])


async def test_a_fresh_installation_begins_with_the_clinic_and_names_no_command(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await promote(antar)
    await empty(antar, "credentials", "facilities")
    page = (await person.get(HOME)).text
    assert state_of(page, "Klinik") == "here"
    assert 'href="/persiapan/facility"' in page
    assert 'href="/persiapan/credentials"' not in page  # there is no clinic yet to enter them for
    assert "antar facility" not in page


async def test_a_step_leads_to_its_page_and_from_there_back(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await promote(antar)
    await empty(antar, "credentials", "facilities")
    answer = await person.get("/persiapan/facility")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/facilities/create")
    for address in ("/admin/facilities/create", "/kesehatan"):
        page = (await person.get(address)).text
        assert "Kembali ke daftar langkah" in page
        assert f'href="{HOME}"' in page
    await person.get(HOME)
    assert "Kembali ke daftar langkah" not in (await person.get("/kesehatan")).text


async def test_steps_are_ticked_as_they_are_done(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await new_api_key(antar.hub.database, antar.facility.id, "simrs")
    page = (await person.get(HOME)).text
    assert [state_of(page, step) for step in ("Klinik", "Kunci API")] == ["done", "done"]
    assert state_of(page, "Kredensial dan uji koneksi") == "here"
    assert "Kementerian sudah diisi, belum diuji" in page
    assert "2 dari 4 selesai" in page


async def test_a_refused_account_leads_back_to_its_form(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await promote(antar)
    breaker = CircuitBreaker(antar.hub.database)
    await breaker.close_without_account(Channel("ministry", antar.facility.id), "ClientId is invalid")
    assert "Kementerian menolak akunnya: betulkan isiannya" in (await person.get(HOME)).text
    answer = await person.get("/persiapan/credentials")
    assert answer.headers["location"] == f"/admin/facilities/edit/{antar.facility.id}"


async def test_one_way_in_is_enough_the_database_of_the_clinic_or_a_key(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    database, source, key = antar.hub.database, "Baca database sistem klinik", "Kunci API"
    page = (await person.get(HOME)).text
    assert (state_of(page, source), state_of(page, key)) == ("", "")
    await new_api_key(database, antar.facility.id, "simrs")
    page = (await person.get(HOME)).text
    assert (source in page, state_of(page, key)) == (False, "done")


async def test_the_first_record_turns_green_while_one_looks(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    waiting = (await person.get("/persiapan")).text
    assert "1 diterima, sedang diproses" in waiting
    await antar.work()
    sent = (await person.get("/persiapan")).text
    assert state_of(sent, "Data pertama terkirim") == "done"
    assert "Klinik siap" in sent
    assert CHECKLIST not in (await person.get(HOME)).text


async def test_a_person_without_the_right_is_told_to_ask(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hub.database.write_models(
        lambda tx: tx.execute(text("""UPDATE roles SET permissions = '["satusehat"]'"""))
    )
    page = (await person.get(HOME)).text
    assert "Mintalah kepada admin" in page
    assert 'href="/persiapan/credentials"' not in page


async def test_a_step_that_does_not_exist_is_not_found(person: httpx.AsyncClient) -> None:
    assert (await person.get("/persiapan/terbang")).status_code == 404


async def test_the_sign_in_the_header_is_not_green_without_credentials(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await empty(antar, "credentials")
    assert "Belum siap: kredensial belum diisi" in (await person.get("/strip/ministry")).text
