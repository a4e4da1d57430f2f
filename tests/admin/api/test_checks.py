"""Checks of an entry: records that are refused at the door, and records that are taken with a warning."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests import databases
from tests.conftest import Clock
from tests.engine.small_hub import AT, CATALOG, SmallHub, open_small_hub

pytestmark = pytest.mark.anyio

CHECKED = CATALOG.replace(
    "    columns: {note:",
    """    checks:
      early: {at: at, when: "{{ record.at | before('2026-01-01') }}", refuse: "is before {{ facility.name }} began"}
      finding:
        each: "{{ record.findings }}"
        at: "findings[{{ index }}]"
        when: "{{ item == record.id }}"
        refuse: {id: sama dengan id, en: is the visit itself}
      long: {at: note, when: "{{ record.note == 'x' }}", warn: {id: "{{ record.note }} saja", en: just x}}
    columns: {note:""",
)


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, CHECKED)
    yield opened
    await opened.hub.close()


async def test_a_record_is_refused_with_the_path_of_each_part(his: httpx.AsyncClient, antar: SmallHub) -> None:
    record = {"id": "V1", "at": "2025-12-31T23:00", "findings": ["F1", "V1"]}
    answer = await his.post("/api/v1/records/Visit", json=record)
    assert (answer.status_code, answer.json()["results"][0]["key"]) == (422, "V1")
    assert answer.json()["results"][0]["problems"] == [
        {"path": "$.at", "message": f"is before {antar.facility.name} began"},
        {"path": "$.findings[1]", "message": "is the visit itself"},
    ]


async def test_a_warning_is_in_the_answer_and_on_the_delivery_even_when_it_was_sent(
    his: httpx.AsyncClient, person: httpx.AsyncClient, antar: SmallHub
) -> None:
    answer = await his.post("/api/v1/records/Visit", json={"id": "V1", "at": AT, "note": "x"})
    assert answer.json()["results"][0]["warnings"] == ["$.note: just x"]
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"
    page = (await person.get(f"/integrasi/ministry/Visit/{(await antar.row('Visit', 'V1')).id}")).text
    assert "$.note: x saja" in page


async def test_what_holds_for_no_check_is_taken_silently(his: httpx.AsyncClient) -> None:
    answer = await his.post("/api/v1/records/Visit", json={"id": "V1", "at": AT, "findings": ["F1"]})
    assert (answer.status_code, "warnings" in answer.json()["results"][0]) == (202, False)
