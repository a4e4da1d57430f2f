"""Visits: which deliveries belong to one, what it lacks and from when, and how patients are found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from sqlalchemy import text

from engine.database.database import Database
from engine.facilities.vault import Vault, new_key
from engine.queries import patients, visits
from engine.queries.visits import DayFilters
from engine.visits.visit_index import ReviewedVisit, store_reviews
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, open_small_hub
from tests.engine.visits_clinic import (
    DAY,
    NIK,
    USE_CASES,
    VISITS_CATALOG,
    column,
    hand_in_visit,
    keys_of,
    review,
    visit_of,
)

pytestmark = pytest.mark.anyio
DAY_MS = 86_400_000


@pytest.fixture
async def antar(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, database_url, clock, VISITS_CATALOG)
    yield opened
    await opened.hub.close()


async def found(antar: SmallHub, phrase: str, vault: Vault | None = None) -> list[str]:
    hashes = (vault or antar.hub.vault).number_hashes(antar.facility.id, phrase)
    rows = await patients.search(antar.hub.database, antar.facility.id, phrase, hashes, 10)
    return [row.norm for row in rows]


async def test_records_of_any_type_join_the_visit_that_they_name(antar: SmallHub) -> None:
    await hand_in_visit(antar, "F1", "F2")
    assert await keys_of(antar) == ["V1", "F1", "F2"]
    assert (await visit_of(antar)).patient_norm == "RM1"


async def test_a_record_that_names_another_visit_leaves_the_former_one(antar: SmallHub) -> None:
    await hand_in_visit(antar, "F1")
    await antar.hand_in("Finding", {"id": "F1", "visit": "V2"})
    assert await review(antar) == 2
    assert (await keys_of(antar), await keys_of(antar, "V2")) == (["V1"], ["F1"])


async def test_a_visit_lacks_what_its_use_case_needs_until_that_is_handed_in(antar: SmallHub) -> None:
    await hand_in_visit(antar)
    visit = await visit_of(antar)
    [lack] = orjson.loads(visit.lacks)
    assert lack[:3] == ["treated", "finding", 0]
    assert visit.lacks_from == lack[3]
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await review(antar)
    assert (await visit_of(antar)).lacks_from is None


async def test_a_record_that_was_withdrawn_is_lacking_again(antar: SmallHub) -> None:
    await hand_in_visit(antar, "F1")
    withdraw = text("UPDATE deliveries SET withdrawn_at = 1 WHERE key = 'F1'")
    await antar.hub.database.write_models(lambda tx: tx.execute(withdraw))
    await antar.hub.database.write_models(lambda tx: tx.execute(text("UPDATE visits SET changes = changes + 1")))
    await review(antar)
    [lack] = orjson.loads((await visit_of(antar)).lacks)
    assert lack[:3] == ["treated", "finding", 0]


async def test_a_need_counts_from_the_time_that_the_use_case_names(antar: SmallHub) -> None:
    await hand_in_visit(antar)
    [_, _, _, due_at] = orjson.loads((await visit_of(antar)).lacks)[0]
    local = antar.facility.local(due_at)
    assert f"{local:%Y-%m-%d %H:%M}" == "2026-03-11 08:00"


async def test_a_visit_that_is_of_no_use_case_lacks_nothing(antar: SmallHub) -> None:
    await hand_in_visit(antar, done=False)
    visit = await visit_of(antar)
    assert (visit.use_cases, visit.lacks) == ("[]", "[]")


async def test_a_visit_that_changed_while_it_was_reviewed_is_reviewed_again(antar: SmallHub) -> None:
    await hand_in_visit(antar)
    before = await visit_of(antar)
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.index()
    stale = ReviewedVisit(before.id, before.changes, DAY, "RM1", None, "[]", "[]", None)
    await antar.hub.database.write(store_reviews, [stale])
    assert await review(antar) == 1
    assert (await visit_of(antar)).use_cases == '["treated"]'


async def test_visits_are_reviewed_again_once_a_use_case_changes(antar: SmallHub) -> None:
    await hand_in_visit(antar)
    antar.hub.catalog = replace(antar.hub.catalog, use_cases={}, hash="other")
    assert await review(antar) == 1
    assert (await visit_of(antar)).lacks_from is None


async def test_a_visit_is_not_complete_while_a_delivery_is_open(antar: SmallHub) -> None:
    await hand_in_visit(antar, "F1")
    day = DayFilters(DAY, incomplete=True)
    assert await visits.count_of_day(antar.hub.database, antar.facility.id, day) == 1
    await antar.work()
    assert await visits.count_of_day(antar.hub.database, antar.facility.id, day) == 0


async def test_a_patient_is_found_by_a_number_of_which_only_a_keyed_hash_is_stored(antar: SmallHub) -> None:
    await hand_in_visit(antar)
    assert await found(antar, NIK) == ["RM1"]
    assert await found(antar, NIK[:-1]) == []
    assert NIK not in str(await column(antar, "SELECT hash FROM patient_numbers"))


async def test_a_patient_is_found_by_the_corrected_number_only(antar: SmallHub) -> None:
    await hand_in_visit(antar)
    await antar.hand_in("Person", {"id": "RM1", "nik": "3171010101010002"})
    await antar.index()
    assert (await found(antar, NIK), await found(antar, "3171010101010002")) == ([], ["RM1"])


async def test_numbers_are_found_after_the_secret_key_was_rotated(antar: SmallHub) -> None:
    await hand_in_visit(antar)
    rotated = Vault([new_key(), *antar.hub.settings.secret_keys])
    assert await found(antar, NIK, rotated) == ["RM1"]
    antar.hub.vault = rotated
    assert await antar.index() == 2  # all are entered again, with the new key
    assert await found(antar, NIK, Vault([new_key()])) == []


async def test_the_example_day_of_the_use_case_is_complete(antar: SmallHub) -> None:
    assert "V9" in USE_CASES
    await hand_in_visit(antar, "F9", key="V9")
    assert (await visit_of(antar, "V9")).use_cases == '["treated"]'
    assert (await visit_of(antar, "V9")).lacks == "[]"
