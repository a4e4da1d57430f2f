"""Codes for which a record is refused at the door, because a trusted copy of their list does not have them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.base import Problem
from engine.code_lists import synchronisations
from engine.database.database import Database
from engine.intake.intake import Accepted, Refused
from engine.specs.code_list import CodeListRow
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, open_small_hub
from tests.engine.withdrawable import WITHDRAWABLE

pytestmark = pytest.mark.anyio

TRUSTED_HOURS = 24
STRICT = WITHDRAWABLE.replace(
    "code_lists:\n",
    """code_lists:
  wards:
    label: {id: Bangsal, en: Wards}
    group: {id: Referensi, en: Reference}
    upstream: ministry
    path: /Ward
    rows: "{{ body.found }}"
    key: "{{ row.id }}"
    columns: {code: {label: Kode, value: "{{ row.id }}"}, name: {label: Nama, value: "{{ row.name }}"}}
  rooms:
    label: {id: Kamar, en: Rooms}
    group: {id: Referensi, en: Reference}
    upstream: ministry
    path: "/Ward/{{ each.code }}/Room"
    each: {list: wards}
    parent: "{{ key[:1] }}"
    trusted: 24
    rows: "{{ body.found }}"
    key: "{{ row.id }}"
    columns: {code: {label: Kode, value: "{{ row.id }}"}, name: {label: Nama, value: "{{ row.name }}"}}
""",
).replace(
    "    columns: {note: {label: Catatan",
    """    codes:
      room: {list: rooms, key: "{{ record.note }}", refuse_at: note}
      further: {list: rooms, each: "{{ record.findings }}", key: "{{ item }}", refuse_at: "findings[{{ index }}]"}
    columns: {note: {label: Catatan""",
)


@pytest.fixture
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, database_url, clock, STRICT)
    yield opened
    await opened.hub.close()


async def read(antar: SmallHub, list_: str, **rows: str) -> None:
    """Store a complete reading of a list with these rows (key -> name)."""
    await synchronisations.begin(antar.hub.database, antar.facility.id, list_, "sari")
    held = await synchronisations.lease_next(antar.hub.database)
    assert held is not None
    stored = [CodeListRow(key, {"code": key, "name": name}) for key, name in rows.items()]
    await synchronisations.store_page(antar.hub.database, held, stored, done=1, offset=0, total=1)
    await synchronisations.finish(antar.hub.database, held)


async def hand_in(antar: SmallHub, **record: object) -> list[Problem] | list[str]:
    """Return the problems of a record, or its warnings if it was taken."""
    [result] = await antar.hand_in("Visit", {"id": "V1", **record})
    if isinstance(result, Accepted):
        return list(result.warnings)
    assert isinstance(result, Refused)
    return list(result.problems)


async def test_an_unknown_code_is_refused_with_its_path_its_parent_and_what_would_be_right(antar: SmallHub) -> None:
    await read(antar, "wards", A="Anggrek")
    await read(antar, "rooms", A1="Kamar 1", A2="Kamar 2", A4="Kamar 4", B1="Kamar lain")
    words = "'A3' is not in Reference, Rooms; A (Anggrek) has A1 (Kamar 1), A2 (Kamar 2), A4 (Kamar 4)"
    assert await hand_in(antar, note="A3") == [Problem("$.note", words, "code")]
    assert await hand_in(antar, note="A2", findings=["A1", "B1"]) == []


async def test_each_item_of_a_list_has_its_own_path(antar: SmallHub) -> None:
    await read(antar, "rooms", A1="Kamar 1")
    problems = await hand_in(antar, findings=["A1", "A7"])
    assert [problem.path for problem in problems if isinstance(problem, Problem)] == ["$.findings[1]"]


async def test_a_list_that_was_never_read_refuses_nothing(antar: SmallHub) -> None:
    assert await hand_in(antar, note="A3") == []


async def test_a_list_that_has_nothing_of_the_parent_says_nothing(antar: SmallHub) -> None:
    await read(antar, "rooms", A1="Kamar 1", C1="Kamar lain")
    assert await hand_in(antar, note="B1") == []
    assert await hand_in(antar, note="D1") == []


async def test_a_copy_that_is_too_old_only_warns(antar: SmallHub, clock: Clock) -> None:
    await read(antar, "rooms", A1="Kamar 1")
    clock.pass_(TRUSTED_HOURS * 3600 + 1)
    [warning] = await hand_in(antar, note="A3")
    assert isinstance(warning, str)


async def test_a_reading_that_is_under_way_or_failed_refuses_nothing(antar: SmallHub) -> None:
    await synchronisations.begin(antar.hub.database, antar.facility.id, "rooms", "sari")
    held = await synchronisations.lease_next(antar.hub.database)
    assert held is not None
    row = CodeListRow("A1", {"code": "A1", "name": "Kamar 1"})
    await synchronisations.store_page(antar.hub.database, held, [row], done=0, offset=1, total=2)
    assert await hand_in(antar, note="A3") == []
    await synchronisations.fail(antar.hub.database, held, "no answer")
    assert await hand_in(antar, note="A3") == []


async def test_a_code_that_vanished_from_the_list_only_warns(antar: SmallHub) -> None:
    await read(antar, "rooms", A1="Kamar 1", A2="Kamar 2")
    await read(antar, "rooms", A1="Kamar 1")
    [warning] = await hand_in(antar, note="A2")
    assert isinstance(warning, str)


async def test_a_withdrawal_is_taken_whatever_code_is_in_it(antar: SmallHub) -> None:
    await read(antar, "rooms", A1="Kamar 1")
    [warning] = await hand_in(antar, note="A3", state="wrong")
    assert isinstance(warning, str)


async def test_good_records_are_stored_beside_a_refused_one(antar: SmallHub) -> None:
    await read(antar, "rooms", A1="Kamar 1")
    first, second = await antar.hand_in("Visit", {"id": "V1", "note": "A3"}, {"id": "V2", "note": "A1"})
    assert isinstance(first, Refused)
    assert (first.index, first.key) == (0, "V1")
    assert isinstance(second, Accepted)
    assert (second.index, second.key) == (1, "V2")
