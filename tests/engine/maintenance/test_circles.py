"""Circles: records that wait for each other are told, and go out once one of them lets go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from admin.text.words import sentence
from engine.database.database import Database
from engine.maintenance.circles import PATIENCE_MS, CircleSearch
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub

pytestmark = pytest.mark.anyio


def entry(name: str, needs: str) -> str:
    """Return an entry whose records may name another one as `after`."""
    return f"""
  {name}:
    label: {name}
    group: Uji
    upstream: ministry
    endpoint: {{path: /{name}}}
    key: "{{{{ record.id }}}}"
    date: "{{{{ record.at }}}}"
    record: {{required: [id, at], properties: {{id: {{type: string}}, at: {{type: string}}, after: {{type: string}}}}}}
    needs: {{before: {{spec: {needs}, key: "{{{{ record.after }}}}"}}}}
    payload: {{identifier: "{{{{ record.id }}}}"}}
    example: {{id: X1, at: "2026-03-10"}}
"""


ENTRIES = entry("Order", "Act") + entry("Act", "Order") + entry("Note", "[Act, Order]")
CHAIN = "Order O1 → Act A1 → Order O1"


@pytest.fixture
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    """Yield a hub whose orders and acts may name each other."""
    opened = await open_small_hub(tmp_path, database_url, clock, CATALOG + ENTRIES)
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()


@pytest.fixture
def search(antar: SmallHub) -> CircleSearch:
    return CircleSearch(antar.hub.database, lambda: antar.hub.catalog, antar.rung.add)


async def hand_in_a_circle(antar: SmallHub) -> None:
    await antar.hand_in("Order", {"id": "O1", "after": "A1"})
    await antar.work()
    await antar.hand_in("Act", {"id": "A1", "after": "O1"})
    await antar.work()


async def later(antar: SmallHub, search: CircleSearch) -> None:
    antar.clock.now += PATIENCE_MS + 1
    await search.tick()


async def test_a_circle_of_records_is_told_with_its_members(antar: SmallHub, search: CircleSearch) -> None:
    await hand_in_a_circle(antar)
    await later(antar, search)
    for spec, key in (("Order", "O1"), ("Act", "A1")):
        row = await antar.row(spec, key)
        assert (row.status, row.cause) == ("blocked", "circle::")
        assert sentence(row.problem).startswith(f"Saling menunggu: {CHAIN}.")


async def test_a_told_circle_is_written_once(antar: SmallHub, search: CircleSearch) -> None:
    await hand_in_a_circle(antar)
    await later(antar, search)
    before = await antar.row("Order", "O1")
    await later(antar, search)
    assert await antar.row("Order", "O1") == before


async def test_a_circle_opens_when_one_record_lets_go(antar: SmallHub, search: CircleSearch) -> None:
    await hand_in_a_circle(antar)
    await later(antar, search)
    await antar.hand_in("Act", {"id": "A1"})
    await antar.work()
    assert [await antar.status("Act", "A1"), await antar.status("Order", "O1")] == ["sent", "sent"]
    assert (await antar.row("Order", "O1")).problem is None


async def test_what_is_left_of_an_opened_circle_tells_what_it_waits_for_now(
    antar: SmallHub, search: CircleSearch
) -> None:
    await hand_in_a_circle(antar)
    await later(antar, search)
    await antar.hand_in("Act", {"id": "A1", "after": "O2"})
    await antar.work()
    await later(antar, search)
    await antar.work()
    row = await antar.row("Order", "O1")
    assert (row.status, row.cause, row.problem) == ("blocked", "blocked:Act:", None)


async def test_a_chain_is_no_circle(antar: SmallHub, search: CircleSearch) -> None:
    await antar.hand_in("Order", {"id": "O1", "after": "A1"})
    await antar.hand_in("Act", {"id": "A1", "after": "O2"})
    await antar.hand_in("Order", {"id": "O2", "after": "A9"})
    await antar.work()
    await later(antar, search)
    assert (await antar.row("Order", "O1")).cause == "blocked:Act:"


async def test_what_waits_behind_a_circle_is_no_member(antar: SmallHub, search: CircleSearch) -> None:
    await hand_in_a_circle(antar)
    await antar.hand_in("Order", {"id": "O2", "after": "A1"})
    await antar.work()
    await later(antar, search)
    assert (await antar.row("Order", "O2")).cause == "blocked:Act:"


async def test_a_need_that_another_record_may_satisfy_makes_no_circle(antar: SmallHub, search: CircleSearch) -> None:
    await antar.hand_in("Note", {"id": "N1", "after": "O1"})
    await hand_in_a_circle(antar)
    await later(antar, search)
    assert (await antar.row("Note", "N1")).cause == "blocked:Act|Order:"


async def test_a_new_worker_finds_the_circles_of_before(antar: SmallHub) -> None:
    await hand_in_a_circle(antar)
    antar.clock.now += 3_600_000
    await CircleSearch(antar.hub.database, lambda: antar.hub.catalog, antar.rung.add).tick()
    assert (await antar.row("Act", "A1")).cause == "circle::"
