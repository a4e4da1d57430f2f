"""Search and filters over the columns of a list: by words, by values, with other conditions, in pages and in bulk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from engine.database.database import Database
from engine.queries import column_search, paging, parts
from engine.queries.column_search import ColumnFilter
from engine.queries.deliveries import Filters
from engine.queries.paging import Count
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub

pytestmark = pytest.mark.anyio

COLUMNS = """columns:
      note: {label: Catatan, value: "{{ record.note }}"}
      poli: {label: Poli, value: "{{ record.person }}", filter: true}
      findings: {label: Temuan, value: "{{ record.findings }}", filter: true}
      state: {label: Selesai, value: "{{ 'Selesai' if record.done else 'Batal' }}", filter: true,
        words: [{id: Selesai, en: Completed}, {id: Batal, en: Cancelled}]}
"""
WITH_COLUMNS = CATALOG.replace('columns: {note: {label: Catatan, value: "{{ record.note }}"}}\n', COLUMNS)
NIK = "3171010101010001"


@pytest.fixture
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, database_url, clock, WITH_COLUMNS)
    await opened.hand_in(
        "Visit",
        {"id": "V1", "person": "Umum", "note": "Amoxicillin 500 mg", "findings": ["J06.9", "A09"], "at": "2026-03-08"},
        {"id": "V2", "person": "Gigi", "note": "RJ-0012", "findings": ["K02.1"], "done": True, "at": "2026-03-09"},
        {"id": "V3", "person": "UMUM", "note": "RJ-0013", "findings": ["J06.9"], "at": "2026-03-10"},
        {"id": "V4", "person": "Umum Lansia", "note": f"kartu {NIK}", "at": "2026-03-10"},
    )
    await opened.index()
    yield opened
    await opened.hub.close()


def of(*columns: tuple[str, str], **more: object) -> Filters:
    return Filters(("Visit",), columns=tuple(ColumnFilter(*column) for column in columns), **more)  # type: ignore[arg-type]


async def keys(antar: SmallHub, filters: Filters, size: int = 50) -> list[str]:
    page = await paging.page(antar.hub.database, antar.facility.id, filters, size)
    return [row.key for row in page.rows]


@pytest.mark.parametrize(
    ("phrase", "matching"),
    [
        ("RJ-0012", ["V2"]),
        ("rj-00", ["V3", "V2"]),
        ("j06", ["V3", "V1"]),
        ("500 amox", ["V1"]),
        ("completed", ["V2"]),
        ("selesai", ["V2"]),
        ("amox gigi", []),
        ("oxi", []),
        ("V3", ["V3"]),
        ("%", []),
    ],
)
async def test_a_search_finds_the_words_that_a_row_shows(antar: SmallHub, phrase: str, matching: list[str]) -> None:
    assert await keys(antar, Filters(("Visit",), text=phrase)) == matching


@pytest.mark.parametrize(
    ("column", "typed", "matching"),
    [
        ("poli", "Umum", ["V3", "V1"]),
        ("poli", "umum lansia", ["V4"]),
        ("poli", "um", ["V4", "V3", "V1"]),
        ("poli", "Lansia", []),
        ("findings", "J06.9", ["V3", "V1"]),
        ("findings", "k02", ["V2"]),
        ("state", "Selesai", ["V2"]),
        ("note", "Umum", []),
    ],
)
async def test_a_filter_takes_a_value_or_else_its_beginning(
    antar: SmallHub, column: str, typed: str, matching: list[str]
) -> None:
    assert await keys(antar, of((column, typed))) == matching


CHOICES = [
    (of(("poli", "Umum"), ("findings", "A09")), ["V1"]),
    (of(("poli", "Umum"), text="rj"), ["V3"]),
    (of(("poli", "Umum"), statuses=("queued",)), ["V3", "V1"]),
    (of(("poli", "Umum"), statuses=("sent",)), []),
    (of(("poli", "Umum"), date_from="2026-03-09"), ["V3"]),
    (of(("poli", "Umum"), date_to="2026-03-09"), ["V1"]),
    (of(("poli", "Umum"), key="V1"), ["V1"]),
    (of(("poli", "Umum"), code="400"), []),
    (of(("poli", "Bedah")), []),
    (Filters(text="j06"), ["V3", "V1"]),
    (Filters(("Visit",), text="j06", statuses=("queued", "failed")), ["V3", "V1"]),
]


@pytest.mark.parametrize(("filters", "matching"), CHOICES)
@pytest.mark.parametrize("many", [False, True])
async def test_filters_combine_however_many_deliveries_have_a_value(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch, filters: Filters, matching: list[str], many: bool
) -> None:
    if many:
        monkeypatch.setattr(column_search, "MAX_DELIVERIES", 0)
    assert await keys(antar, filters) == matching
    assert await paging.count(antar.hub.database, antar.facility.id, filters) == Count(len(matching))


@pytest.mark.parametrize("filters", [filters for filters, _ in CHOICES])
async def test_more_values_than_are_looked_up_are_found_by_looking_through(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch, filters: Filters
) -> None:
    before = await keys(antar, filters)
    monkeypatch.setattr(column_search, "MAX_VALUES", 0)
    monkeypatch.setattr(parts, "MAX_VALUE_PARTS", 0)
    assert await keys(antar, filters) == before


@pytest.mark.parametrize(
    ("filters", "since"),
    [
        (Filters(("Visit",), text="um"), "2026-03-09"),
        (of(("poli", "um")), "2026-03-09"),
        (of(("poli", "um"), date_from="2026-03-10"), "2026-03-10"),
        (of(("poli", "um"), date_to="2026-03-08"), None),
        (Filters(("Visit",), statuses=("queued",)), None),
    ],
)
async def test_a_search_that_too_many_values_match_looks_through_the_newest_days(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch, filters: Filters, since: str | None
) -> None:
    database, facility = antar.hub.database, antar.facility.id
    monkeypatch.setattr(paging, "MAX_LOOKED_THROUGH", 3)
    assert await paging.newest(database, facility, filters) == filters
    monkeypatch.setattr(column_search, "MAX_VALUES", 0)
    assert (await paging.newest(database, facility, filters)).date_from == since


@pytest.mark.parametrize(("filters", "matching"), CHOICES)
async def test_a_bulk_action_takes_what_the_page_shows(antar: SmallHub, filters: Filters, matching: list[str]) -> None:
    query = paging.select(paging.Delivery.key).where(*filters.conditions())
    ordered = query.order_by(paging.Delivery.date.desc(), paging.Delivery.id.desc())
    assert [key for (key,) in await antar.hub.database.fetch(ordered)] == matching


async def test_pages_of_a_filter_meet_in_both_directions(antar: SmallHub) -> None:
    database, facility, filters = antar.hub.database, antar.facility.id, of(("poli", "um"))
    first = await paging.page(database, facility, filters, 2)
    second = await paging.page(database, facility, filters, 2, after=first.after)
    back = await paging.page(database, facility, filters, 2, before=second.before)
    assert [[row.key for row in page.rows] for page in (first, second, back)] == [["V4", "V3"], ["V1"], ["V4", "V3"]]
    assert second.before is not None
    assert await paging.count_before(database, facility, filters, second.before) == Count(2)


async def test_no_identifier_of_a_person_is_in_the_index(antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": NIK})
    await antar.index()
    stored = [*await antar.hub.database.fetch(text("SELECT value, text FROM column_values"))]
    stored += await antar.hub.database.fetch(text("SELECT word, '' FROM column_words"))
    assert [row for row in stored if NIK[-4:] in "".join(row)] == []
    assert await keys(antar, Filters(("Visit",), text=NIK)) == []


async def test_no_identifier_of_a_marked_place_is_in_the_index(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V8", "note": "paspor X1234567", "passport": "X1234567"})
    await antar.index()
    assert await keys(antar, Filters(("Visit",), text="X1234567")) == []
    assert await keys(antar, Filters(("Visit",), text="paspor")) == []


async def test_the_values_that_occur_are_listed_once(antar: SmallHub) -> None:
    database, facility = antar.hub.database, antar.facility.id
    assert await column_search.distinct_values(database, facility, "Visit", "poli", 5) == [
        "Gigi",
        "Umum",
        "Umum Lansia",
    ]
    assert await column_search.distinct_values(database, facility, "Visit", "poli", 2) == ["Gigi", "Umum"]
