"""Filters by the columns of a list: their fields, the address, the words of what is set, bulk actions and the API."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from litestar.datastructures import MultiDict
from sqlalchemy import text

from admin.pages.deliveries import column_fields
from admin.pages.jobs.selection import choice_in_words
from admin.pages.shared.filters import ListFilters
from engine.queries import column_search, paging
from tests import databases
from tests.admin.pages.test_types import OWN, VISITS
from tests.conftest import Clock
from tests.engine.queries.test_column_search import WITH_COLUMNS
from tests.engine.small_hub import SmallHub, open_small_hub

pytestmark = pytest.mark.anyio


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, WITH_COLUMNS)
    await opened.hand_in(
        "Visit",
        {"id": "V1", "person": "Umum", "note": "satu", "findings": ["J06.9"]},
        {"id": "V2", "person": "Gigi", "note": "dua", "findings": ["K02.1"], "done": True},
    )
    await opened.index()
    yield opened
    await opened.hub.close()


def notes(page: str) -> list[str]:
    return re.findall(r'data-label="Catatan">([^<]*)<', page)


async def test_a_column_with_few_values_is_a_drop_down(person: httpx.AsyncClient) -> None:
    page = (await person.get(VISITS, params={"column.poli": "umum"})).text
    assert '<option value="Umum" selected>Umum</option>' in page
    assert '<option value="Gigi" >Gigi</option>' in page
    assert '<select class="form-select" name="column.note"' not in page
    assert notes(page) == ["satu"]


async def test_a_column_with_many_values_is_typed(person: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_fields, "MAX_OPTIONS", 1)
    page = (await person.get(VISITS, params={"column.findings": "k02"})).text
    assert 'name="column.findings" value="k02"' in page
    assert notes(page) == ["dua"]


async def test_a_search_that_leaves_days_out_says_so(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await antar.hand_in("Visit", {"id": "V0", "person": "Umum", "note": "lama", "at": "2026-03-01"})
    await antar.index()
    words = "Hanya data sejak 10/03/2026 yang dicari"
    whole = (await person.get(VISITS, params={"text": "um"})).text
    assert (sorted(notes(whole)), words in whole) == (["lama", "satu"], False)
    monkeypatch.setattr(column_search, "MAX_VALUES", 0)
    monkeypatch.setattr(paging, "MAX_LOOKED_THROUGH", 2)
    cut = (await person.get(VISITS, params={"text": "um"})).text
    assert (notes(cut), words in cut) == (["satu"], True)


async def test_what_is_set_is_named_and_can_be_taken_off(person: httpx.AsyncClient) -> None:
    page = html.unescape((await person.get(VISITS, params={"column.poli": "Gigi", "status": "queued"})).text)
    assert 'Poli: Gigi <a href="?status=queued"' in page
    assert 'href="?date_from=2026-03-10&date_to=2026-03-10&status=queued&column.poli=Gigi"' in page
    assert '<input type="hidden" name="column.poli" value="Gigi">' in page


async def test_words_of_a_column_are_in_the_language_of_the_person(person: httpx.AsyncClient) -> None:
    person.cookies.set("lang", "en")
    page = (await person.get(VISITS, params={"column.state": "Selesai"})).text
    assert '<option value="Selesai" selected>' in page
    assert notes(page) == ["dua"]


async def test_a_column_of_another_type_is_no_filter(person: httpx.AsyncClient) -> None:
    assert notes((await person.get(VISITS, params={"column.nik": "3171", "column.x": "1"})).text) == ["dua", "satu"]


async def test_bulk_actions_and_exports_take_what_is_filtered(person: httpx.AsyncClient, antar: SmallHub) -> None:
    form = {"all": "yes", "column.poli": "Umum"}
    exported = (await person.post(f"{VISITS}/ekspor", data=form, headers=OWN)).text
    assert ("satu" in exported, "dua" in exported) == (True, False)
    drafted = await person.post(f"{VISITS}/massal", data={**form, "action": "ignore"}, headers=OWN)
    page = (await person.get(drafted.headers["location"])).text
    assert re.search(r"Poli\s*</\w+>\s*<\w+[^>]*>\s*Umum", page)
    keys = "SELECT d.key FROM job_items AS i JOIN deliveries AS d ON d.id = i.delivery_id"
    assert await antar.hub.database.fetch(text(keys)) == [("V1",)]


async def test_a_job_names_the_values_that_were_chosen(antar: SmallHub) -> None:
    spec = antar.hub.catalog.specs["Visit"]
    fields = MultiDict({"column.state": "Selesai", "column.poli": "Umum", "column.zz": "1"})
    chosen = ListFilters.read(fields, spec)
    words = choice_in_words(antar.hub, None, {"spec": "Visit", **dict(chosen.fields())})  # type: ignore[arg-type]
    assert words[1:] == [("Poli", "Umum"), ("Selesai", "Selesai")]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("column=poli:umum", ["V1"]),
        ("column=findings:K02", ["V2"]),
        ("column=poli:Umum&column=findings:K02.1", []),
    ],
)
async def test_the_api_filters_by_columns(his: httpx.AsyncClient, query: str, keys: list[str]) -> None:
    answer = (await his.get(f"/api/v1/deliveries?spec=Visit&{query}")).json()
    assert [row["key"] for row in answer["deliveries"]] == keys


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("column=poli:umum", "column_without_spec"),
        ("spec=Visit,Person&column=poli:umum", "column_without_spec"),
        ("spec=Visit&column=note:satu", "unknown_column"),
        ("spec=Visit&column=poli", "unknown_column"),
        ("spec=Person&column=nik:3171", "unknown_column"),
    ],
)
async def test_the_api_says_which_columns_there_are(his: httpx.AsyncClient, query: str, code: str) -> None:
    answer = await his.get(f"/api/v1/deliveries?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
