"""*Tampilan tersimpan*: a filter under a name, a person's own or everybody's, with a number and days that move on."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy import text

from admin.pages.views import counts
from admin.people import saved_views, users
from engine.facilities.facilities import add_facility
from tests.admin.conftest import PASSWORD, log_in
from tests.admin.http.test_rights import OWN, allow, confine
from tests.admin.pages.test_types import VISITS
from tests.conftest import Clock
from tests.engine.small_hub import AT, SmallHub

pytestmark = pytest.mark.anyio

LIST = {"halaman": "list", "jenis": "Visit"}
TODAY = {"date_from": "2026-03-10", "date_to": "2026-03-10"}


async def save(client: httpx.AsyncClient, name: str = "Hari ini", **fields: str) -> str:
    """Save a view and return the name of the result."""
    answer = await client.post("/tampilan", data={**LIST, "name": name, "scope": "mine", **fields}, headers=OWN)
    return answer.headers["location"].rpartition("=")[2]


async def opened(client: httpx.AsyncClient, id_: int = 1) -> str:
    return (await client.get(f"/tampilan/{id_}")).headers.get("location", "")


async def other_person(antar: SmallHub, client: httpx.AsyncClient) -> None:
    """Log the client in as somebody else."""
    await users.add_user(antar.hub.database, "budi", PASSWORD)
    await log_in(client, "budi")


async def numbers(client: httpx.AsyncClient) -> list[str]:
    page = (await client.get("/tampilan")).text
    return [re.sub(r"<[^>]*>", "", found) for found in re.findall(r'<strong class="figures[^>]*>(.*?)</strong>', page)]


async def test_a_view_leads_back_to_the_same_filter(person: httpx.AsyncClient) -> None:
    assert await save(person, status="failed", code="400", date_from="2026-03-01") == "done"
    assert await opened(person) == f"{VISITS}?date_from=2026-03-01&code=400&status=failed"


async def test_today_stays_today_on_the_next_day(person: httpx.AsyncClient, clock: Clock) -> None:
    await save(person, **TODAY, moving="yes")
    await save(person, "Tanggal itu", **TODAY)
    clock.now += 86_400_000
    await log_in(person)
    assert await opened(person) == f"{VISITS}?date_from=2026-03-11&date_to=2026-03-11"
    assert await opened(person, 2) == f"{VISITS}?date_from=2026-03-10&date_to=2026-03-10"


async def test_a_search_is_never_stored_and_the_menu_says_so(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await save(person, text="3171010101010001", **{"column.note": "3171010101010001"})
    rows = await antar.hub.database.fetch(text("SELECT query FROM saved_views"))
    assert [tuple(row) for row in rows] == [("",)]
    menu = (await person.get("/tampilan/menu", params={**LIST, "text": "Budi"})).text
    assert "Kata pencarian tidak ikut disimpan" in menu
    assert "Budi" not in menu


async def test_the_number_is_that_of_the_list(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n}", "at": AT} for n in range(3)))
    await save(person, "Semua")
    await save(person, "Terkirim", status="sent")
    await save(person, "Kode", code="400")
    assert await numbers(person) == ["0", "3", "0"]


async def test_what_no_counter_holds_is_counted_up_to_a_limit(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MAX_COUNTED", 2)
    await antar.hand_in("Visit", *({"id": f"V{n}", "at": AT} for n in range(3)))
    change = "UPDATE deliveries SET status = 'failed', code = '400', cause = 'rejected:400'"
    await antar.hub.database.write_models(lambda tx: tx.execute(text(change)))
    await save(person, code="400")
    assert await numbers(person) == ["2+"]


async def test_an_own_view_is_nobody_elses_and_a_shared_one_is_everybodys(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await save(person, "Punya saya")
    await save(person, "Untuk semua", scope="all")
    await other_person(antar, person)
    page = (await person.get("/tampilan")).text
    assert ("Punya saya" in page, "Untuk semua, dari sari" in page) == (False, True)
    assert (await person.get("/tampilan/1")).status_code == 404


async def test_only_its_owner_or_a_manager_changes_a_shared_view(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await save(person, scope="all")
    await allow(antar, "satusehat")
    await other_person(antar, person)
    assert (await person.post("/tampilan/1/hapus", headers=OWN)).status_code == 403
    await allow(antar, "satusehat", "manage")
    renamed = await person.post("/tampilan/1/nama", data={"name": "Baru"}, headers=OWN)
    assert renamed.headers["location"] == "/tampilan?told=renamed"
    assert (await person.post("/tampilan/1/hapus", headers=OWN)).headers["location"] == "/tampilan?told=removed"
    actions = [row.action for row in await antar.hub.database.fetch(text("SELECT action FROM audit ORDER BY id"))]
    assert actions == ["view.share", "view.rename", "view.remove"]


async def test_a_view_of_a_clinic_that_the_person_may_not_see_is_not_there(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await save(person, scope="all")
    await confine(antar, await add_facility(antar.hub.database, "lain", "Klinik Lain"))
    assert "Hari ini" not in re.sub(r"period\.", "", (await person.get("/tampilan")).text).split("<main")[1]
    assert (await person.get("/tampilan/1")).status_code == 404
    assert (await person.post("/tampilan/1/hapus", headers=OWN)).status_code == 404


async def test_a_name_is_taken_once_even_when_the_form_is_sent_twice(person: httpx.AsyncClient) -> None:
    assert [await save(person, scope=scope) for scope in ("mine", "mine", "all", "all")] == [
        *("done", "taken"),
        *("done", "taken"),
    ]
    assert await save(person, "  \n ") == "nameless"
    await save(person, "Lain")
    renamed = await person.post("/tampilan/3/nama", data={"name": "Hari ini"}, headers=OWN)
    assert renamed.headers["location"] == "/tampilan?told=taken"


async def test_there_are_at_most_so_many_views(person: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MAX_VIEWS", 1)
    assert [await save(person, name) for name in ("satu", "dua")] == ["done", "full"]


async def test_the_menu_marks_the_view_that_is_shown_and_says_that_it_was_saved(person: httpx.AsyncClient) -> None:
    form = {**LIST, "name": "<b>Gagal</b>", "scope": "mine", "status": "failed"}
    answer = await person.post("/tampilan", data=form, headers={**OWN, "HX-Request": "true"})
    assert answer.status_code == 200
    assert "Tersimpan." in answer.text
    assert "&lt;b&gt;Gagal&lt;/b&gt;" in answer.text
    assert 'aria-current="true"' in answer.text
    other = (await person.get("/tampilan/menu", params=LIST)).text
    assert 'aria-current="true"' not in other


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"halaman": "problems", "jenis": ""}, "/masalah"),
        ({"halaman": "problems", "jenis": "", "area": "ministry"}, "/masalah?area=ministry"),
        ({"halaman": "problems"}, f"{VISITS}/masalah"),
        ({"halaman": "visits", "jenis": "", "kurang": "ya", **TODAY}, "/kunjungan?{today}&kurang=ya"),
    ],
)
async def test_problems_and_visits_are_saved_too(
    person: httpx.AsyncClient, fields: dict[str, str], address: str
) -> None:
    assert await save(person, **fields) == "done"
    assert await opened(person) == address.format(today="date_from=2026-03-10&date_to=2026-03-10")
    assert len(await numbers(person)) == 1


@pytest.mark.parametrize("fields", [{"halaman": "x"}, {"jenis": "Tidak ada"}, {"halaman": "list", "jenis": ""}])
async def test_a_page_that_there_is_not_is_refused(person: httpx.AsyncClient, fields: dict[str, str]) -> None:
    answer = await person.post("/tampilan", data={**LIST, "name": "x", **fields}, headers=OWN)
    assert answer.status_code == 400


async def test_a_view_of_a_type_that_is_gone_can_still_be_deleted(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await save(person)
    change = text("UPDATE saved_views SET spec = 'Lama'")
    await antar.hub.database.write_models(lambda tx: tx.execute(change))
    assert "Jenis data Lama tidak ada lagi." in (await person.get("/tampilan")).text
    assert (await person.get("/tampilan/1")).status_code == 404
    assert (await person.post("/tampilan/1/hapus", headers=OWN)).status_code == 303
