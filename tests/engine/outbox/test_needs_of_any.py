"""Need of one of several types: satisfied by a record of any of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.database.database import Database
from engine.database.transaction import ModelTransaction
from engine.outbox.outdated_waits import release_outdated
from engine.queries.todo import Missing, Times, todo_facts
from engine.sending.preview import payload_of
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub, refused

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
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    """Yield the hub; its counters must be right when the test has finished."""
    opened = await open_small_hub(tmp_path, database_url, clock, CASE)
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()


def parts(antar: SmallHub) -> list[str]:
    """Return the parts named by the last summary that was sent."""
    return list([body for body in antar.ministry.posts if body["kind"] == "Summary"][-1]["parts"])


@pytest.mark.parametrize(("spec", "reference"), [("Visit", "Visit/id-X"), ("Result", "Result/id-R-X")])
async def test_it_waits_for_all_and_the_first_that_is_sent_lets_it_go(
    antar: SmallHub, spec: str, reference: str
) -> None:
    await antar.hand_in("Summary", {"id": "S1", "parts": ["X"]})
    await antar.work()
    assert await antar.waits("Summary", "S1") == [("Result", "X"), ("Visit", "X")]
    assert (await antar.row("Summary", "S1")).cause == "blocked:Visit|Result:"
    await antar.hand_in(spec, {"id": "X"})
    await antar.work()
    assert (parts(antar), await antar.waits("Summary", "S1")) == ([reference], [])


async def test_each_of_several_records_is_waited_for(antar: SmallHub) -> None:
    await antar.hand_in("Summary", {"id": "S1", "parts": ["X", "Y"]})
    await antar.work()
    await antar.hand_in("Result", {"id": "X"})
    await antar.work()
    assert await antar.status("Summary", "S1") == "blocked"
    assert await antar.waits("Summary", "S1") == [("Result", "Y"), ("Visit", "Y")]
    await antar.hand_in("Visit", {"id": "Y"})
    await antar.work()
    assert parts(antar) == ["Result/id-R-X", "Visit/id-Y"]


async def test_of_two_that_were_sent_the_first_declared_counts(antar: SmallHub) -> None:
    await antar.hand_in("Result", {"id": "X"})
    await antar.hand_in("Visit", {"id": "X"})
    await antar.hand_in("Summary", {"id": "S1", "parts": ["X"]})
    await antar.work()
    assert parts(antar) == ["Visit/id-X"]


async def test_one_that_was_sent_goes_before_one_that_was_not(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "X"})
    await antar.work()
    await antar.hand_in("Result", {"id": "X"})
    await antar.hand_in("Summary", {"id": "S1", "parts": ["X"]})
    await antar.work()
    assert parts(antar) == ["Result/id-R-X"]


async def test_another_need_of_one_type_is_not_met_by_the_other_type(antar: SmallHub) -> None:
    await antar.hand_in("Summary", {"id": "S1", "parts": ["X"], "visits": ["X"]})
    await antar.work()
    assert await antar.waits("Summary", "S1") == [("Visit", "X")]
    await antar.hand_in("Result", {"id": "X"})
    await antar.work()
    assert await antar.status("Summary", "S1") == "blocked"
    await antar.hand_in("Visit", {"id": "X"})
    await antar.work()
    assert await antar.status("Summary", "S1") == "sent"


async def test_what_nobody_handed_in_is_told_once_for_all_types(antar: SmallHub) -> None:
    await antar.hand_in("Summary", {"id": "S1", "parts": ["X"], "results": ["Y"]})
    await antar.work()
    specs = list(antar.hub.catalog.specs.values())
    facts = await todo_facts(antar.hub.database, antar.facility.id, specs)
    assert facts.missing == (
        Missing(("Visit", "Result"), ("X", "Y"), 1, more=False, times=Times(antar.clock(), antar.clock())),
    )
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Result", {"id": "X"})
    await antar.work()
    facts = await todo_facts(antar.hub.database, antar.facility.id, specs)
    assert facts.missing == (
        Missing(("Visit", "Result"), ("Y",), 1, more=False, times=Times(antar.clock(), antar.clock())),
    )
    assert [(failure.spec, failure.behind) for failure in facts.failures] == [("Result", 1)]


async def test_the_payload_of_now_shows_the_one_that_was_sent(antar: SmallHub) -> None:
    await antar.hand_in("Result", {"id": "X"})
    await antar.hand_in("Summary", {"id": "S1", "parts": ["X", "Y"]})
    await antar.work()
    hub, row = antar.hub, await antar.row("Summary", "S1")
    payload = await payload_of(hub.database, hub.catalog.items, hub.catalog.specs["Summary"], row, antar.facility)
    assert payload["parts"] == ["Result/id-R-X", "Visit/<Visit Y>"]


async def test_what_waits_by_an_earlier_configuration_is_looked_at_again(antar: SmallHub) -> None:
    """Databases older than the grammar hold a delivery that was blocked when the need named one type."""
    await antar.hand_in("Summary", {"id": "S1", "parts": ["X"]}, {"id": "S2", "parts": ["Y"]})
    await antar.work()
    older = ["DELETE FROM waits WHERE spec = 'Result'", "UPDATE waits SET alternative = (1 = 0)"]
    for statement in older:
        await antar.hub.database.write_models(ModelTransaction.execute, text(statement))
    await antar.hand_in("Result", {"id": "X"})
    await antar.work()
    assert await antar.status("Summary", "S1") == "blocked"
    assert await release_outdated(antar.hub.database, antar.hub.catalog.specs.values()) == {antar.channel}
    await antar.work()
    assert (await antar.status("Summary", "S1"), await antar.status("Summary", "S2")) == ("sent", "blocked")
    assert await antar.waits("Summary", "S2") == [("Result", "Y"), ("Visit", "Y")]
    assert await release_outdated(antar.hub.database, antar.hub.catalog.specs.values()) == set()
