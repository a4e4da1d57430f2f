"""The list of a type: filters, live rows, quick resend with undo, ticking."""

from __future__ import annotations

import html
import re

import httpx
import pytest
from sqlalchemy import text

from admin.people import users
from tests.admin.conftest import PASSWORD, log_in
from tests.admin.pages.test_types import OWN, VISITS, failed_visit
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

HTMX = {**OWN, "HX-Request": "true"}


async def notes(person: httpx.AsyncClient, **params: str | list[str]) -> list[str]:
    """Return the notes of the listed visits."""
    return re.findall(r'data-label="Catatan">([^<]*)<', (await person.get(VISITS, params=params)).text)


async def test_days_statuses_and_words_filter_together(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await failed_visit(antar, note="gagal")
    await antar.hand_in("Visit", {"id": "V2", "note": "antre"}, {"id": "V3", "note": "lama", "at": "2026-01-05"})
    assert await notes(person) == ["antre", "gagal", "lama"]
    assert await notes(person, status=["failed", "queued"], date_from="2026-03-01") == ["antre", "gagal"]
    assert await notes(person, date_from="2026-01-05", date_to="2026-01-05") == ["lama"]
    assert await notes(person, text="V3") == ["lama"]
    assert await notes(person, code="10457") == ["gagal"]
    assert await notes(person, text="tidak ada") == []


async def test_a_cause_is_a_filter_that_can_be_taken_off(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await failed_visit(antar, note="gagal")
    cause = (await antar.row("Visit", "V1")).cause
    page = (await person.get(VISITS, params={"cause": cause, "status": "failed"})).text
    assert "gagal" in page
    assert 'href="?status=failed" aria-label="Hapus filter penyebab"' in page


async def test_presets_keep_the_other_conditions(person: httpx.AsyncClient, antar: SmallHub) -> None:
    page = html.unescape((await person.get(VISITS, params={"status": "failed"})).text)
    assert 'href="?date_from=2026-03-10&date_to=2026-03-10&status=failed"' in page
    assert 'href="?date_from=2026-03-04&date_to=2026-03-10&status=failed"' in page


async def test_the_page_says_how_many_match(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(30)))
    page = (await person.get(VISITS)).text
    assert "30 kiriman" in page
    assert "Pilih semua 30 yang cocok" in page


async def test_nothing_yet_and_nothing_that_matches_are_told_apart(person: httpx.AsyncClient) -> None:
    assert "Belum ada data" in (await person.get(VISITS)).text
    assert "Tidak ada yang cocok" in (await person.get(VISITS, params={"status": "sent"})).text


@pytest.mark.parametrize(
    "query", ["date_from=kemarin", "date_to=2026-02-30", "text=" + "x" * 201, "after=5", "buka=-1", "cause=%00"]
)
async def test_a_filter_that_nobody_can_mean_is_refused_in_words(person: httpx.AsyncClient, query: str) -> None:
    answer = await person.get(f"{VISITS}?{query}")
    assert (answer.status_code, "tidak dapat dibaca" in answer.text) == (400, True)


async def changes(person: httpx.AsyncClient, **params: object) -> str:
    return (await person.get(f"{VISITS}/perubahan", params={"top": "true", **params}, headers=HTMX)).text


async def test_rows_change_where_they_are(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    id_ = (await antar.row("Visit", "V1")).id
    await antar.work()
    part = await changes(person, ids=id_)
    assert f'<template><td id="s{id_}"' in part
    assert "Terkirim" in part
    assert "<html" not in part


async def test_new_rows_are_announced_and_not_shown(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    id_ = (await antar.row("Visit", "V1")).id
    await antar.hand_in("Visit", {"id": "V2", "note": "baru"}, {"id": "V3"}, {"id": "V0", "at": "2026-01-01"})
    part = await changes(person, ids=id_)
    assert "2 baru, tampilkan" in part
    assert ">baru<" not in part
    assert "4 kiriman" in part


async def test_what_no_counter_knows_is_counted_when_the_page_asks(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "RM-1"})
    assert "menghitung" in (await person.get(VISITS, params={"text": "RM-1"})).text
    assert "1 kiriman" in await changes(person, text="RM-1", count="true")
    assert "kiriman" not in await changes(person, text="RM-1")


async def test_an_older_page_announces_nothing(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    assert "baru, tampilkan" not in await changes(person, ids=1, top="false")


async def test_ids_of_others_change_nothing(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    assert "<td" not in await changes(person, ids=(await antar.row("Person", "P1")).id)
    assert (await person.get(f"{VISITS}/perubahan", params={"ids": "1,x"})).status_code == 400


async def test_a_quick_resend_can_be_taken_back(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    part = (await person.post(f"{address}/kirim-ulang", headers=HTMX)).text
    assert "Urungkan" in part
    assert "Urungkan" in (await person.get(VISITS)).text
    assert "Kirim ulang diurungkan." in (await person.post(f"{address}/urungkan", headers=HTMX)).text
    antar.clock.pass_(10)
    await antar.work()
    assert await antar.status("Visit", "V1") == "failed"


async def test_a_quick_resend_goes_out_though_the_browser_is_gone(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    clicks = [await person.post(f"{address}/kirim-ulang", headers=OWN) for _ in range(2)]
    assert {click.status_code for click in clicks} == {303}
    antar.clock.pass_(6)
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"
    assert len(antar.ministry.posts) == 2


async def test_without_a_script_one_comes_back_to_the_same_list(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = f"{await failed_visit(antar)}/kirim-ulang"
    there = {**OWN, "Referer": f"http://antar.test{VISITS}?status=failed"}
    elsewhere = {**OWN, "Referer": "http://antar.test/login?status=failed"}
    assert (await person.post(address, headers=there)).headers["location"] == f"{VISITS}?status=failed"
    assert (await person.post(address, headers=elsewhere)).headers["location"] == VISITS


async def test_whoever_may_only_look_gets_no_buttons(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await allow(antar, "satusehat")
    address = await failed_visit(antar)
    page = (await person.get(VISITS)).text
    assert 'name="ids"' not in page
    assert "kirim-ulang" not in page
    for act in (f"{address}/kirim-ulang", f"{address}/urungkan", f"{VISITS}/ekspor"):
        assert (await person.post(act, headers=OWN)).status_code == 403


async def allow(antar: SmallHub, *permissions: str) -> None:
    """Set the permissions of the role of `person`."""
    listed = "[" + ", ".join(f'"{permission}"' for permission in permissions) + "]"
    query = text("UPDATE roles SET permissions = :said")
    await antar.hub.database.write_models(lambda tx: tx.execute(query, {"said": listed}))


async def test_anothers_delivery_can_neither_be_resent_nor_seen(person: httpx.AsyncClient, antar: SmallHub) -> None:
    id_ = (await failed_visit(antar)).rpartition("/")[2]
    for address in (f"/integrasi/ministry/Person/{id_}", f"{VISITS}/999999"):
        assert (await person.post(f"{address}/kirim-ulang", headers=OWN)).status_code == 404


async def test_no_page_asks_a_row_a_query(person: httpx.AsyncClient, antar: SmallHub) -> None:
    """However many rows: the number of queries stays."""
    asked: list[str] = []
    fetch = antar.hub.database.fetch

    async def counted(query, parameters=None):  # type: ignore[no-untyped-def]
        asked.append(str(query))
        return await fetch(query, parameters)

    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(25)))
    antar.hub.database.fetch = counted  # type: ignore[method-assign]
    await person.get(VISITS)
    assert len([query for query in asked if "deliveries" in query]) <= 4


async def test_somebody_elses_session_sees_the_same_under_the_same_address(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await failed_visit(antar, note="gagal")
    first = await notes(person, status="failed")
    await users.add_user(antar.hub.database, "tono", PASSWORD)
    await log_in(person, "tono")
    assert await notes(person, status="failed") == first == ["gagal"]
