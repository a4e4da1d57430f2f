"""Pages after years: a patient, a visit, the matrix of a day, what was not handed in, the search, what failed alike."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import NamedTuple

import asyncpg
import uvloop
from sqlalchemy import text

from bench.alike import AlikeReader, store_alike
from bench.clinic import BenchClinic, clinic, plain
from bench.options import Options
from bench.rows import Row
from engine.database.transaction import ModelTransaction
from engine.queries import completeness, patients, visits
from engine.queries.visits import DayFilters

OF_VISIT = 25  # deliveries
VISITS_A_DAY = 50
FIRST = date(2024, 1, 1)
CAUSES = 50  # of those that failed
PATIENTS = 8_000
TRIES = 40
START = 1_000  # ids up to this one belong to the clinic itself
BOUND_MS = 50.0  # reached by 19 of 20 pages
APPLY_MS = 1_000.0  # the same of what a person does once
PAGE = 25
LACKING_FROM_MS = 1_700_000_000_000  # when the first visit lacks something
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :many) "
VISITS = """
INSERT INTO visits (id, facility_id, key, day, patient_norm, delivery_id, use_cases, lacks, lacks_from, changes,
  reviewed)
SELECT i + 1, :facility, 'RJ-' || i, {day}, 'RM-' || (i * 7919 % :patients), i * :of + {start} + 1, '["outpatient"]',
  CASE WHEN i % 10 = 0 THEN '[["outpatient", "summary", 0, 1]]' ELSE '[]' END,
  CASE WHEN i % 10 = 0 THEN {lacking} + i END, 1, 1
FROM n
"""
DELIVERIES = """
INSERT INTO deliveries (id, facility_id, spec, upstream, key, date, patient_norm, patient_name, record, record_hash,
  version, status, in_doubt, lane, tries, deaths, trigger, created_at, changed_at, settled_at, cause)
SELECT i + {start} + 1, :facility, t.name, t.upstream, 'K' || i, {day}, 'RM-' || (i / :of * 7919 % :patients),
  'Pasien Contoh', :record, 'x', 1, CASE WHEN i % 100 = 0 THEN 'failed' ELSE 'sent' END, false, 0, 1, 0, 'auto',
  1, 1, 1, CASE WHEN i % 100 = 0 THEN 'rejected:400:' || (i / 100 % {causes}) END
FROM n JOIN ({types}) AS t ON t.place = i % :of
"""
REST = (
    "INSERT INTO visit_deliveries (visit_id, delivery_id) SELECT (id - {start} - 1) / :of + 1, id FROM deliveries "
    "WHERE id > {start}",
    "INSERT INTO patients (facility_id, norm) SELECT DISTINCT facility_id, patient_norm FROM visits",
    "INSERT INTO patient_words (facility_id, norm, word) SELECT facility_id, norm, lower(norm) FROM patients",
    "INSERT INTO patient_numbers (hash, delivery_id) SELECT patient_norm, id FROM deliveries "
    "WHERE id > {start} AND id % :of = 1",
    "INSERT INTO attempts (delivery_id, facility_id, at, milliseconds, operation, trigger, spec_hash, version, "
    "verdict, message) SELECT id, facility_id, 1, 1, 'create', 'auto', 'x', 1, 'accepted', '' FROM deliveries",
)


def rows(options: Options) -> Iterator[Row]:
    """Yield one row for each page and database."""
    for name in ("SQLite", "PostgreSQL"):
        with TemporaryDirectory() as folder:
            if url := options.databases(folder).get(name):
                yield from uvloop.run(_measure(name, url, options.many))


async def _measure(name: str, url: str, many: int) -> list[Row]:
    async with clinic(plain(url)) as here:
        await _fill(here, many, is_sqlite=name == "SQLite")
        await _analyse(here, url)
        n_visits, report = many // OF_VISIT, []
        for what, page in _pages(here, n_visits).items():
            slow = quantiles([await _milliseconds(page) for _ in range(TRIES + 1)][1:], n=20)[-1]
            label = f"{what}, {many:,} deliveries, {name}, p95"
            report.append(Row(label, f"{page.bound_ms:.0f} ms", slow / page.bound_ms, "<= 1", slow, "ms"))
        return report


async def _milliseconds(page: _Page) -> float:
    started = time.perf_counter()
    await page.read()
    spent = (time.perf_counter() - started) * 1e3
    if page.undo is not None:
        await page.undo()
    return spent


async def _fill(here: BenchClinic, many: int, *, is_sqlite: bool) -> None:
    """Store visits of some years with everything that the pages read."""
    types = [spec for spec in here.hub.catalog.specs.values() if spec.visit is not None][:OF_VISIT]
    listed = " UNION ALL ".join(
        f"SELECT {place} AS place, '{spec.name}' AS name, '{spec.upstream.name}' AS upstream"
        for place, spec in enumerate(types * OF_VISIT)
        if place < OF_VISIT
    )
    of_visit, of_delivery = (_day(each, is_sqlite) for each in ("i", f"i / {OF_VISIT}"))
    write, model = here.hub.database.write_models, ModelTransaction.execute
    constants = {"facility": here.facility.id, "patients": PATIENTS, "of": OF_VISIT}
    await store_alike(here)  # before the others, whose ids are greater
    stored = _numbered(VISITS.format(day=of_visit, start=START, lacking=LACKING_FROM_MS), is_sqlite)
    await write(model, text(stored), {**constants, "many": many // OF_VISIT})
    stored = _numbered(DELIVERIES.format(day=of_delivery, types=listed, start=START, causes=CAUSES), is_sqlite)
    await write(model, text(stored), {**constants, "many": many, "record": '{"note": "' + "x" * 400 + '"}'})
    for statement in REST:
        await write(model, text(statement.format(start=START)), constants if ":of" in statement else {})


async def _analyse(here: BenchClinic, url: str) -> None:
    """Do what PostgreSQL does by itself in years: analyse tables, and note the pages that nobody changes any more."""
    if here.hub.database.dialect == "sqlite":
        await here.hub.database.write_models(ModelTransaction.execute, text("ANALYZE"))
        return
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM (ANALYZE)")
    await connection.close()


def _numbered(statement: str, is_sqlite: bool) -> str:
    """Return the statement with the numbers from 0 to `many` - 1 as the database makes them."""
    if is_sqlite:
        return NUMBERS + statement
    return statement.replace("FROM n", "FROM generate_series(CAST(0 AS BIGINT), CAST(:many AS BIGINT) - 1) AS n(i)")


def _day(visit: str, is_sqlite: bool) -> str:
    """Return SQL for the day of the visit of that number."""
    days = f"{visit} / {VISITS_A_DAY}"
    if is_sqlite:
        return f"date('{FIRST}', '+' || ({days}) || ' days')"
    return f"to_char(DATE '{FIRST}' + CAST({days} AS INTEGER), 'YYYY-MM-DD')"


class _Page(NamedTuple):
    """What a page reads, the time for it, and what makes it possible to do it again."""

    read: Callable[[], Awaitable[None]]
    bound_ms: float = BOUND_MS
    undo: Callable[[], Awaitable[None]] | None = None


def _pages(here: BenchClinic, n_visits: int) -> dict[str, _Page]:
    """Return the pages; those about visits are of another patient, visit or day each time."""
    reader, alike = _Reader(here, n_visits), AlikeReader(here)
    return {
        "page of a patient": _Page(reader.patient),
        "page of a visit": _Page(reader.visit),
        "matrix of a day": _Page(reader.matrix),
        "matrix, what is not complete": _Page(lambda: reader.matrix(incomplete=True)),
        "not handed in": _Page(reader.absent),
        "search of the header": _Page(reader.search),
        "problems": _Page(alike.problems),
        "mend 40 alike: their values": _Page(alike.values),
        "mend 40 alike: preview": _Page(alike.preview),
        "mend 40 alike: apply": _Page(alike.apply, APPLY_MS, alike.undo),
    }


class _Reader:
    """Reads what pages read."""

    def __init__(self, here: BenchClinic, n_visits: int) -> None:
        self._dice = random.Random(1)
        self._database = here.hub.database
        self._facility = here.facility.id
        self._vault = here.hub.vault
        self._n_visits = n_visits

    async def patient(self) -> None:
        norm = f"RM-{self._dice.randrange(min(PATIENTS, self._n_visits))}"
        found = await visits.visits_of_patient(self._database, self._facility, norm, 21)
        await visits.deliveries_of(self._database, self._facility, [row.id for row in found])
        await patients.records_without_visit(self._database, self._facility, norm)

    async def visit(self) -> None:
        id_ = self._dice.randrange(self._n_visits) + 1
        await visits.visit(self._database, self._facility, id_)
        await visits.deliveries_of(self._database, self._facility, [id_])
        await visits.events_of(self._database, id_, 60)

    async def matrix(self, *, incomplete: bool = False) -> None:
        days = max(1, self._n_visits // VISITS_A_DAY)
        shown = (FIRST + timedelta(days=self._dice.randrange(days))).isoformat()
        of_day = DayFilters(shown, incomplete)
        found = await visits.visits_of_day(self._database, self._facility, of_day, PAGE + 1)
        await visits.deliveries_of(self._database, self._facility, [row.id for row in found])
        await visits.totals_of_day(self._database, self._facility, shown)
        for only in (False, True):
            await visits.count_of_day(self._database, self._facility, DayFilters(shown, only))

    async def absent(self) -> None:
        now = LACKING_FROM_MS + self._dice.randrange(self._n_visits)
        await completeness.overdue_visits(self._database, self._facility, now, 51)
        await completeness.count_overdue(self._database, self._facility, now)

    async def search(self) -> None:
        typed = f"RM-{self._dice.randrange(PATIENTS)}"
        await visits.visit_by_key(self._database, self._facility, typed)
        hashes = self._vault.number_hashes(self._facility, typed)
        await patients.search(self._database, self._facility, typed, hashes, 8)
