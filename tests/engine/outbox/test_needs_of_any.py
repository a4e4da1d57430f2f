"""A need that names several types is met by a record of any of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.database.database import Database
from engine.outbox.outdated_waits import release_outdated
from engine.queries.todo import Missing, todo_facts
from engine.sending.preview import payload_of
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, House, open_house, refused

pytestmark = pytest.mark.anyio

SUMMARY = """
  Result:
    label: Hasil
    group: Uji
    upstream: ministry
    endpoint: {path: /Result}
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    record: {required: [id, at], properties: {id: {type: string}, at: {type: string}}}
    columns: {id: {label: Id, value: "{{ record.id }}"}}
    payload: {kind: Result, identifier: "{{ 'R-' ~ record.id }}"}
    example: {id: R1, at: "2026-03-10"}
  Summary:
    label: Resume
    group: Uji
    upstream: ministry
    endpoint: {path: /Summary}
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    record:
      required: [id, at]
      properties:
        id: {type: string}
        at: {type: string}
        parts: {type: array, items: {type: string}}
        visits: {type: array, items: {type: string}}
        results: {type: array, items: {type: string}}
    needs:
      parts: {spec: [Visit, Result], each: "{{ record.parts }}", key: "{{ item }}"}
      visits: {spec: Visit, each: "{{ record.visits }}", key: "{{ item }}"}
      results: {spec: [Result, Visit], each: "{{ record.results }}", key: "{{ item }}"}
    columns: {id: {label: Id, value: "{{ record.id }}"}}
    payload:
      kind: Summary
      identifier: "{{ record.id }}"
      parts: {$for: "{{ needs.parts }}", $as: part, $each: "{{ part.spec }}/{{ part.reference }}"}
    example: {id: S1, at: "2026-03-10", parts: [R1]}
"""
CASE = CATALOG + SUMMARY


@pytest.fixture
async def house(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[House]:
    """Its counters must be right when the test is done with it."""
    opened = await open_house(tmp_path, database_url, clock, CASE)
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()


def parts(house: House) -> list[str]:
    """What the last summary that was sent names."""
    return list([body for body in house.ministry.posts if body["kind"] == "Summary"][-1]["parts"])


@pytest.mark.parametrize(("spec", "reference"), [("Visit", "Visit/id-X"), ("Result", "Result/id-R-X")])
async def test_it_waits_for_all_and_the_first_that_is_sent_lets_it_go(house: House, spec: str, reference: str) -> None:
    await house.hand_in("Summary", {"id": "S1", "parts": ["X"]})
    await house.work()
    assert await house.waits("Summary", "S1") == [("Result", "X"), ("Visit", "X")]
    assert (await house.row("Summary", "S1")).cause == "blocked:Visit|Result:"
    await house.hand_in(spec, {"id": "X"})
    await house.work()
    assert (parts(house), await house.waits("Summary", "S1")) == ([reference], [])


async def test_each_of_several_records_is_waited_for(house: House) -> None:
    await house.hand_in("Summary", {"id": "S1", "parts": ["X", "Y"]})
    await house.work()
    await house.hand_in("Result", {"id": "X"})
    await house.work()
    assert await house.status("Summary", "S1") == "blocked"
    assert await house.waits("Summary", "S1") == [("Result", "Y"), ("Visit", "Y")]
    await house.hand_in("Visit", {"id": "Y"})
    await house.work()
    assert parts(house) == ["Result/id-R-X", "Visit/id-Y"]


async def test_of_two_that_were_sent_the_first_declared_counts(house: House) -> None:
    await house.hand_in("Result", {"id": "X"})
    await house.hand_in("Visit", {"id": "X"})
    await house.hand_in("Summary", {"id": "S1", "parts": ["X"]})
    await house.work()
    assert parts(house) == ["Visit/id-X"]


async def test_one_that_was_sent_goes_before_one_that_was_not(house: House) -> None:
    house.ministry.script = [refused(Verdict.REJECTED, 400)]
    await house.hand_in("Visit", {"id": "X"})
    await house.work()
    await house.hand_in("Result", {"id": "X"})
    await house.hand_in("Summary", {"id": "S1", "parts": ["X"]})
    await house.work()
    assert parts(house) == ["Result/id-R-X"]


async def test_another_need_of_one_type_is_not_met_by_the_other_type(house: House) -> None:
    await house.hand_in("Summary", {"id": "S1", "parts": ["X"], "visits": ["X"]})
    await house.work()
    assert await house.waits("Summary", "S1") == [("Visit", "X")]
    await house.hand_in("Result", {"id": "X"})
    await house.work()
    assert await house.status("Summary", "S1") == "blocked"
    await house.hand_in("Visit", {"id": "X"})
    await house.work()
    assert await house.status("Summary", "S1") == "sent"


async def test_what_nobody_handed_in_is_told_once_for_all_types(house: House) -> None:
    await house.hand_in("Summary", {"id": "S1", "parts": ["X"], "results": ["Y"]})
    await house.work()
    specs = list(house.hub.catalog.specs.values())
    told = await todo_facts(house.hub.database, house.facility.id, specs)
    assert told.missing == (Missing(("Visit", "Result"), ("X", "Y"), 1, more=False),)
    house.ministry.script = [refused(Verdict.REJECTED, 400)]
    await house.hand_in("Result", {"id": "X"})
    await house.work()
    told = await todo_facts(house.hub.database, house.facility.id, specs)
    assert told.missing == (Missing(("Visit", "Result"), ("Y",), 1, more=False),)
    assert [(failure.spec, failure.behind) for failure in told.failures] == [("Result", 1)]


async def test_the_payload_of_now_shows_the_one_that_was_sent(house: House) -> None:
    await house.hand_in("Result", {"id": "X"})
    await house.hand_in("Summary", {"id": "S1", "parts": ["X", "Y"]})
    await house.work()
    hub, row = house.hub, await house.row("Summary", "S1")
    payload = await payload_of(hub.database, hub.catalog.items, hub.catalog.specs["Summary"], row, house.facility)
    assert payload["parts"] == ["Result/id-R-X", "Visit/<Visit Y>"]


async def test_what_waits_by_an_earlier_configuration_is_looked_at_again(house: House) -> None:
    """It was blocked when the need named one type, as all databases hold it that are older than the grammar."""
    await house.hand_in("Summary", {"id": "S1", "parts": ["X"]}, {"id": "S2", "parts": ["Y"]})
    await house.work()
    older = ["DELETE FROM waits WHERE spec = 'Result'", "UPDATE waits SET alternative = (1 = 0)"]
    await house.hub.database.write(lambda connection: [connection.execute(text(each)) for each in older])
    await house.hand_in("Result", {"id": "X"})
    await house.work()
    assert await house.status("Summary", "S1") == "blocked"
    assert await release_outdated(house.hub.database, house.hub.catalog.specs.values()) == {house.channel}
    await house.work()
    assert (await house.status("Summary", "S1"), await house.status("Summary", "S2")) == ("sent", "blocked")
    assert await house.waits("Summary", "S2") == [("Result", "Y"), ("Visit", "Y")]
    assert await release_outdated(house.hub.database, house.hub.catalog.specs.values()) == set()
