"""Plans of the pages about visits: what they read does not grow with what is stored, also by a plan that is kept."""

from __future__ import annotations

from functools import partial

import pytest

from engine.database.database import Database
from engine.queries import completeness, patients, visits
from engine.queries.visits import DayFilters
from tests.engine.database import test_plans
from tests.engine.database.plans import reading
from tests.engine.database.test_plans import execute_all
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

database_url = test_plans.database_url  # a database with statistics of its own
__all__ = ["database_url"]

OF_VISIT = 10  # deliveries
VISITS_A_DAY = 50
DAYS = 80
VISITS = DAYS * VISITS_A_DAY
PATIENTS = VISITS // 2
LACKING = VISITS // 40
NIK = "3171010101010007"
# Rows that a statement may read: those of a day and some more. Patients are so few that all may be read.
LIMIT = 3 * VISITS_A_DAY * OF_VISIT + PATIENTS


@pytest.fixture
async def stored(antar: SmallHub, database: Database) -> SmallHub:
    """Return a hub with the visits of some days, analysed since; the numbers of patients have come after that."""
    facility = antar.facility.id
    names = {"facility": facility, "n": VISITS * OF_VISIT, "of": OF_VISIT, "patients": PATIENTS}
    names |= {"visits": VISITS, "a_day": VISITS_A_DAY, "lacking": VISITS // LACKING}
    hashed = {"hash": antar.hub.vault.number_hashes(facility, NIK)[0], "norm": f"RM-{PATIENTS - 1}"}
    await database.on_connection(partial(execute_all, [*_STORED, "ANALYZE", *_NUMBERS], names | hashed))
    return antar


async def test_no_page_of_a_patient_or_visit_reads_what_it_does_not_show(stored: SmallHub) -> None:
    database, facility, norm = stored.hub.database, stored.facility.id, f"RM-{PATIENTS - 1}"
    with reading() as seen:
        found = await visits.visits_of_patient(database, facility, norm, 21)
        assert len(await visits.deliveries_of(database, facility, [row.id for row in found])) == 2 * OF_VISIT
        assert await patients.records_without_visit(database, facility, norm) == []
        assert len(await visits.deliveries_of(database, facility, [VISITS])) == OF_VISIT
        assert len(await visits.events_of(database, VISITS, 60)) == OF_VISIT
    assert not (over := seen.over(LIMIT)), over


async def test_no_page_of_a_day_reads_other_days(stored: SmallHub) -> None:
    database, facility = stored.hub.database, stored.facility.id
    with reading() as seen:
        for incomplete in (False, True):
            filters = DayFilters(str(DAYS - 1), incomplete)
            rows = await visits.visits_of_day(database, facility, filters, 26)
            await visits.deliveries_of(database, facility, [row.id for row in rows])
            assert await visits.count_of_day(database, facility, filters)
        await visits.totals_of_day(database, facility, str(DAYS - 1))
    assert not (over := seen.over(LIMIT)), over


async def test_what_was_not_handed_in_is_found_among_what_lacks_something(stored: SmallHub) -> None:
    database, facility = stored.hub.database, stored.facility.id
    with reading() as seen:
        assert len(await completeness.overdue_visits(database, facility, VISITS, 51)) == 51
        assert (await completeness.count_overdue(database, facility, VISITS)).n == LACKING
    assert not (over := seen.over(2 * LACKING)), over


@pytest.mark.parametrize("typed", [f"RM-{PATIENTS - 1}", NIK, f"RJ-{VISITS - 1}"])
async def test_the_search_reads_what_it_finds(stored: SmallHub, typed: str) -> None:
    database, facility = stored.hub.database, stored.facility.id
    with reading() as seen:
        visit = await visits.visit_by_key(database, facility, typed)
        hashes = stored.hub.vault.number_hashes(facility, typed)
        found = await patients.search(database, facility, typed, hashes, 8)
    assert visit or found
    assert not (over := seen.over(LIMIT)), over


_NUMBERED = "WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < :{})"
_STORED = (
    f"""
INSERT INTO deliveries (id, facility_id, spec, upstream, key, date, patient_norm, record, record_hash, version, status,
  in_doubt, lane, tries, deaths, trigger, created_at, changed_at, settled_at)
{_NUMBERED.format("n")}
SELECT i + 1, CAST(:facility AS INTEGER), 'Visit', 'ministry', 'K' || i, '2026-03-09', 'RM-' || (i / :of % :patients),
  '{{}}', '-', 1, 'sent', false, 0, 1, 0, 'auto', 1, 1, 1
FROM numbers
""",
    f"""
INSERT INTO visits (id, facility_id, key, day, patient_norm, delivery_id, lacks_from, changes, reviewed)
{_NUMBERED.format("visits")}
SELECT i + 1, CAST(:facility AS INTEGER), 'RJ-' || i, CAST(i / :a_day AS TEXT), 'RM-' || (i % :patients), i * :of + 1,
  CASE WHEN i % :lacking = 0 THEN i END, 1, 1
FROM numbers
""",
    "INSERT INTO visit_deliveries (visit_id, delivery_id) SELECT (id - 1) / :of + 1, id FROM deliveries",
    """
INSERT INTO attempts (delivery_id, facility_id, at, milliseconds, operation, trigger, spec_hash, version, verdict,
  message)
SELECT id, facility_id, 1, 1, 'create', 'auto', '-', 1, 'accepted', '' FROM deliveries
""",
    "INSERT INTO patients (facility_id, norm) SELECT DISTINCT facility_id, patient_norm FROM visits",
    "INSERT INTO patient_words (facility_id, norm, word) SELECT facility_id, norm, lower(norm) FROM patients",
    """
INSERT INTO counters (facility_id, date, spec, status, n)
SELECT facility_id, date, spec, status, COUNT(*) FROM deliveries GROUP BY facility_id, date, spec, status
""",
    "INSERT INTO totals (facility_id, spec, status, n) SELECT facility_id, spec, status, n FROM counters",
)
_NUMBERS = (
    """
INSERT INTO patient_numbers (hash, delivery_id)
SELECT CASE WHEN patient_norm = :norm THEN :hash ELSE patient_norm END, id FROM deliveries
""",
)
