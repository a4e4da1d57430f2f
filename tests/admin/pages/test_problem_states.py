"""What people keep about a problem: assigned, noted, ignored until a day, and open again by itself."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy import text

from admin.people import users
from engine.recent_facts import CACHE_MS
from tests.admin.pages.test_jobs import OWN, permit
from tests.admin.pages.test_problems import fail
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

PAGE = "/masalah"
STATE = f"{PAGE}/keadaan"
DAY = 24 * 3600


async def key_of(person: httpx.AsyncClient) -> str:
    """Return the key of the first problem on the page."""
    found = re.search(r'<li id="m-(\w+)"', (await person.get(PAGE)).text)
    assert found is not None
    return found[1]


async def change(person: httpx.AsyncClient, do: str, **fields: str) -> str:
    """Change the first problem, or that of `key`; return the page that tells the result."""
    fields.setdefault("key", await key_of(person))
    answer = await person.post(STATE, data={"do": do, **fields}, headers=OWN)
    assert answer.status_code == 303, answer.text
    return (await person.get(answer.headers["location"])).text


async def actions(antar: SmallHub) -> list[str]:
    rows = await antar.hub.database.fetch(text("SELECT action FROM audit WHERE action LIKE 'problem.%' ORDER BY id"))
    return [row.action for row in rows]


async def test_a_problem_is_assigned_and_found_by_its_person(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    page = await change(person, "assign", name="sari")
    assert "ditugaskan kepada sari" in page
    assert "m-" + await key_of(person) in (await person.get(PAGE, params={"which": "saya"})).text
    assert "Tidak ada yang cocok." in (await person.get(PAGE, params={"which": "kosong"})).text
    assert await actions(antar) == ["problem.assign"]


async def test_only_people_who_may_open_the_page_are_offered(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    await users.add_user(antar.hub.database, "budi", "kata-sandi-yang-panjang")
    disable = text("UPDATE users SET disabled = true WHERE name = 'budi'")
    await antar.hub.database.write_models(lambda tx: tx.execute(disable))
    assert ">budi</option>" not in (await person.get(PAGE)).text
    refused = await person.post(STATE, data={"do": "assign", "key": "a", "name": "budi"}, headers=OWN)
    assert refused.status_code == 400


async def test_notes_say_who_and_a_second_click_adds_none(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    await change(person, "note", text="Sudah lapor <b>vendor</b>, NIK 3171010101010001")
    page = await change(person, "note", text="Sudah lapor <b>vendor</b>, NIK 3171010101010001")
    assert "Sudah tersimpan sebelumnya." in page
    assert "Sudah lapor &lt;b&gt;vendor&lt;/b&gt;, NIK ••••••••••••0001" in page
    assert await actions(antar) == ["problem.note"]


async def test_an_ignored_problem_is_folded_and_no_to_do(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    page = await change(person, "ignore", until="20/03/2026")
    assert "Diabaikan sampai 20/03/2026 oleh sari" in page
    assert "Diabaikan sampai tanggal tertentu (1)" in page
    assert "Perlu tindakan" not in (await person.get("/integrasi/ministry")).text
    assert await antar.status("Visit", "V1") == "failed"


async def test_it_opens_again_when_its_day_has_passed(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    await change(person, "ignore", until="11/03/2026")
    antar.clock.pass_(3 * 3600)
    assert "tanggal tertentu (1)" in (await person.get(PAGE)).text
    antar.clock.pass_(DAY)
    await person.post("/login", data={"name": "sari", "password": "kata-sandi-yang-panjang"}, headers=OWN)
    antar.clock.pass_(DAY)
    await person.post("/login", data={"name": "sari", "password": "kata-sandi-yang-panjang"}, headers=OWN)
    assert "masa abaikan berakhir 11/03/2026" in (await person.get(PAGE)).text


async def test_it_opens_again_when_something_fails_anew(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    await change(person, "ignore", until="20/03/2026")
    antar.clock.pass_(CACHE_MS / 1000 + 1)
    await fail(antar, "V2", "V3")
    page = (await person.get(PAGE)).text
    assert "muncul lagi: 2 baru" in page
    assert "tanggal tertentu" not in page
    assert "Perlu tindakan" in (await person.get("/integrasi/ministry")).text


async def test_a_problem_that_comes_back_has_its_notes(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    await change(person, "note", text="vendor tahu")
    await antar.hub.database.write_models(
        lambda tx: tx.execute(text("UPDATE deliveries SET status = 'ignored', cause = NULL"))
    )
    antar.clock.pass_(CACHE_MS / 1000 + 1)
    assert "vendor tahu" not in (await person.get(PAGE)).text
    await fail(antar, "V2")
    antar.clock.pass_(CACHE_MS / 1000 + 1)
    assert "vendor tahu" in (await person.get(PAGE)).text


async def test_of_two_tabs_the_second_is_told(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    await change(person, "assign", name="sari")
    assert "orang lain baru saja mengubah" in await change(person, "ignore", until="20/03/2026", version="0")
    assert "Tersimpan." in await change(person, "ignore", until="20/03/2026", version="1")
    assert await actions(antar) == ["problem.assign", "problem.ignore"]


async def test_it_can_be_opened_again(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    await change(person, "ignore", until="20/03/2026")
    assert "tanggal tertentu" not in await change(person, "open", version="1")


@pytest.mark.parametrize("until", ["", "kapan-kapan", "31/02/2026", "09/03/2026"])
async def test_a_day_that_is_none_or_past_is_refused(person: httpx.AsyncClient, antar: SmallHub, until: str) -> None:
    await fail(antar, "V1")
    assert "Tulis tanggal hari ini atau sesudahnya" in await change(person, "ignore", until=until)


async def test_ignoring_needs_the_right_to_act_on_many(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    await permit(antar, "satusehat")
    refused = await person.post(STATE, data={"do": "ignore", "key": "a", "until": "20/03/2026"}, headers=OWN)
    assert refused.status_code == 403


async def test_the_key_is_the_same_in_both_languages(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, "V1")
    key = await key_of(person)
    person.cookies.set("antar_language", "en")
    assert await key_of(person) == key
