"""Lists of deliveries: matches of each filter, their order, pages in both directions, and their number."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.base import Verdict
from engine.database.database import Database
from engine.queries import paging, parts
from engine.queries.deliveries import Filters
from engine.queries.paging import Count, Cursor
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub, refused

pytestmark = pytest.mark.anyio

NAMED = CATALOG.replace(
    'patient: {norm: "{{ record.person }}"}', 'patient: {norm: "{{ record.person }}", name: "{{ record.note }}"}'
)
VISITS = Filters(("Visit",))


@pytest.fixture
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, database_url, clock, NAMED)
    yield opened
    await opened.hub.close()


async def keys(antar: SmallHub, filters: Filters, size: int = 50) -> list[str]:
    page = await paging.page(antar.hub.database, antar.facility.id, filters, size)
    return [row.key for row in page.rows]


async def hand_in_people(antar: SmallHub) -> None:
    """Submit three patients, one of them twice."""
    people = (("A", "RM-0012", "Budi Santoso"), ("B", "RM-0013", "Siti Budiarti"), ("C", "RM-0113", "Wayan, Ketut"))
    for key, norm, name in (*people, ("D", "RM-0012", "BUDI SANTOSO")):
        await antar.hand_in("Person", {"id": norm, "nik": "3171010101010001"})
        await antar.hand_in("Visit", {"id": key, "person": norm, "note": name})


async def test_the_newest_day_comes_first_whenever_it_was_handed_in(antar: SmallHub) -> None:
    for key, day in (("V1", "2026-03-09"), ("V2", "2026-03-10"), ("V3", "2026-03-08"), ("V4", "2026-03-10")):
        await antar.hand_in("Visit", {"id": key, "at": day})
    assert await keys(antar, VISITS) == ["V4", "V2", "V1", "V3"]


async def test_pages_meet_in_both_directions_without_gap_or_double(antar: SmallHub) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n}", "at": f"2026-03-{1 + n % 4:02}"} for n in range(10)))
    everything = await keys(antar, VISITS)
    database, facility = antar.hub.database, antar.facility.id
    first = await paging.page(database, facility, VISITS, 4)
    second = await paging.page(database, facility, VISITS, 4, after=first.after)
    third = await paging.page(database, facility, VISITS, 4, after=second.after)
    back = await paging.page(database, facility, VISITS, 4, before=third.before)
    assert [row.key for page in (first, second, third) for row in page.rows] == everything
    assert [row.key for row in back.rows] == [row.key for row in second.rows]
    assert (first.before, third.after) == (None, None)


async def test_several_statuses_are_one_list(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V3"})
    assert await keys(antar, Filters(("Visit",), ("failed", "queued"))) == ["V3", "V1"]


@pytest.mark.parametrize(
    ("phrase", "matching"),
    [
        ("budi", ["D", "B", "A"]),
        ("BUDI san", ["D", "A"]),
        ("ketut", ["C"]),
        ("wayan", ["C"]),
        ("rm-001", ["D", "B", "A"]),
        ("RM-0113", ["C"]),
        ("B", ["D", "B", "A"]),
        ("udi", []),
        ("budi wayan", []),
        ("%", []),
        (".", []),
    ],
)
async def test_a_patient_is_found_by_norm_or_the_beginning_of_each_word(
    antar: SmallHub, phrase: str, matching: list[str]
) -> None:
    await hand_in_people(antar)
    assert await keys(antar, Filters(("Visit",), text=phrase)) == matching


async def test_a_common_beginning_is_looked_for_among_the_newest(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hand_in_people(antar)
    monkeypatch.setattr(parts, "MAX_PATIENTS", 1)
    assert await keys(antar, Filters(("Visit",), text="budi")) == ["D", "B", "A"]
    assert await keys(antar, Filters(("Visit",), ("queued",), text="B")) == ["D", "B", "A"]


async def test_a_delivery_is_found_by_its_own_id_and_the_upstreams(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.work()
    assert await keys(antar, Filters(("Visit",), text="V2")) == ["V2"]
    assert await keys(antar, Filters(("Visit",), text="id-V1")) == ["V1"]
    assert await keys(antar, Filters(reference="id-V1")) == ["V1"]


async def test_an_earlier_name_goes_on_finding_a_patient(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "RM-1", "note": "Bayi Ny. Siti"})
    await antar.hand_in("Visit", {"id": "V1", "person": "RM-1", "note": "Putri Lestari"})
    assert await keys(antar, Filters(("Visit",), text="siti")) == ["V1"]
    assert await keys(antar, Filters(("Visit",), text="lestari")) == ["V1"]


@pytest.mark.parametrize(
    ("code", "matching"), [("400", ["V1"]), ("10457", ["V1"]), ("503", ["V2"]), ("201", []), ("1", []), ("9" * 50, [])]
)
async def test_a_code_is_of_http_or_of_the_business(antar: SmallHub, code: str, matching: list[str]) -> None:
    down = refused(Verdict.UNAVAILABLE, 503)
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="10457", message="wrong"), down]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"}, {"id": "V3"})
    await antar.work()
    assert await keys(antar, Filters(("Visit",), code=code)) == matching
    assert await keys(antar, Filters(("Visit",), ("failed", "retrying"), code=code)) == matching


async def test_what_the_page_shows_is_what_the_conditions_say(antar: SmallHub) -> None:
    await hand_in_people(antar)
    filters = Filters(("Visit",), ("queued",), text="budi", date_from="2026-03-10", date_to="2026-03-10")
    query = paging.select(paging.Delivery.key).where(*filters.conditions()).order_by(paging.Delivery.id.desc())
    assert [key for (key,) in await antar.hub.database.fetch(query)] == await keys(antar, filters)


async def test_days_and_statuses_are_counted_from_the_counters(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2", "at": "2026-03-01"})
    database, facility = antar.hub.database, antar.facility.id
    assert await paging.count(database, facility, VISITS) == Count(2)
    assert await paging.count(database, facility, Filters(("Visit",), ("sent",))) == Count(0)
    assert await paging.count(database, facility, Filters(("Visit",), date_from="2026-03-02")) == Count(1)


@pytest.mark.parametrize(("most", "counted"), [(2, Count(2, more=True)), (3, Count(3))])
async def test_what_no_counter_knows_is_counted_so_far_only(antar: SmallHub, most: int, counted: Count) -> None:
    await hand_in_people(antar)
    filters = Filters(("Visit",), text="budi")
    assert await paging.count(antar.hub.database, antar.facility.id, filters, most) == counted


async def test_neighbours_follow_the_order_of_the_list(antar: SmallHub) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(3)))
    rows = (await paging.page(antar.hub.database, antar.facility.id, VISITS, 5)).rows
    places = [Cursor(row.date, row.id) for row in rows]
    neighbours = [await paging.neighbours(antar.hub.database, antar.facility.id, VISITS, place) for place in places]
    ids = [row.id for row in rows]
    assert neighbours == [(None, ids[1]), (ids[0], ids[2]), (ids[1], None)]


@pytest.mark.parametrize("written", ["", "5", "2026-03-10", "2026-03-10.x", f"2026-03-10.{'9' * 30}", "2026-03-10.1\n"])
def test_a_cursor_is_what_we_wrote_or_none(written: str) -> None:
    assert Cursor.read(written) is None
    assert Cursor.read(str(Cursor("2026-03-10", 7))) == Cursor("2026-03-10", 7)
