"""Reviews visits whose records have changed: day, patient, use cases, and what was not handed in.

A visit is reviewed some seconds after its last record, once for all of them: its records come one after the other, and
judging them takes longer than storing them. Only this writes what a review finds out; pages read it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.facilities.facilities import FacilityRow, all_facilities
from engine.json_text import short_hash
from engine.specs.use_case import UseCase, lacking, recognised, visit_names
from engine.templates.filters import parse_time
from engine.templates.template import TemplateError
from engine.visits.visit_index import ReviewedVisit, StoredLack, members_of, store_reviews

MAX_VISITS = 50  # that are reviewed in one transaction
REST_FACTOR = 1.0  # seconds of pause for each second of reviewing: deliveries come first
REVIEW_DAYS = 40  # before today, of which visits are reviewed again once a use case changes

Sleep = Callable[[float], Awaitable[None]]


class VisitReview:
    """Reviews the visits that have changed."""

    def __init__(self, database: Database, catalog: Callable[[], Catalog], sleep: Sleep = asyncio.sleep) -> None:
        self._database = database
        self._catalog = catalog
        self._sleep = sleep
        self._noted = ""  # hash of the configuration whose use cases are known to be noted

    async def tick(self) -> int:
        """Review all changed visits; return their number."""
        catalog, reviewed = self._catalog(), 0
        if catalog.hash != self._noted:
            await self._database.write(_note_use_cases, use_cases_hash(catalog))
            self._noted = catalog.hash
        while True:
            begun = time.monotonic()
            visits = await self._database.fetch(_CHANGED, {"most": MAX_VISITS})
            if not visits:
                return reviewed
            members = await members_of(self._database, [visit.id for visit in visits])
            rows = await self._database.fetch(_RECORDS, {"rows": [tuple(member) for member in members]})
            facilities = {row.id: row for row in await all_facilities(self._database)}
            standing = (row for row in rows if row.withdrawn_at is None)
            records = {id_: list(group) for id_, group in groupby(standing, attrgetter("visit_id"))}
            reviews = [
                _review(catalog, facilities[visit.facility_id], visit, records.get(visit.id, [])) for visit in visits
            ]
            await self._database.write(store_reviews, reviews)
            reviewed += len(reviews)
            await self._sleep(REST_FACTOR * (time.monotonic() - begun))


def use_cases_hash(catalog: Catalog) -> str:
    """Return a hash of everything that decides what a visit lacks."""
    cases = catalog.use_cases.values()
    return short_hash([[case.name, case.visit, case.when.text, case.since.text, *_needs(case)] for case in cases])


def _needs(case: UseCase) -> Iterator[list[Any]]:
    for need in case.requirements:
        yield [need.name, need.spec, need.least, need.within_hours, need.where and need.where.text]


async def _note_use_cases(tx: Transaction, noted: str) -> None:
    """Let the visits of the last weeks be reviewed if the use cases are not those by which they were."""
    if await tx.execute(_NOTE, {"hash": noted}):
        since = datetime.fromtimestamp(tx.now / 1000, ZoneInfo("UTC")) - timedelta(days=REVIEW_DAYS)
        await tx.execute(_REVIEW_AGAIN, {"since": since.date().isoformat()})


class _ChangedVisit(NamedTuple):
    id: int
    facility_id: int
    changes: int


class _VisitRecord(NamedTuple):
    visit_id: int
    id: int
    spec: str
    date: str
    patient_norm: str | None
    record: str
    withdrawn_at: int | None


def _review(
    catalog: Catalog, facility: FacilityRow, visit: _ChangedVisit, rows: Sequence[_VisitRecord]
) -> ReviewedVisit:
    visit_types = catalog.visit_types
    own = next((row for row in rows if row.spec in visit_types), None)
    first = own or min(rows, key=attrgetter("date"), default=None)
    norm = next((row.patient_norm for row in (own, *rows) if row is not None and row.patient_norm), None)
    cases: list[str] = []
    lacks: list[StoredLack] = []
    if own is not None:
        records: dict[str, list[Any]] = {}
        for row in rows:
            if row.spec in catalog.specs:
                records.setdefault(row.spec, []).append(orjson.loads(row.record))
        names = visit_names(catalog.specs, own.spec, records)
        for case in catalog.use_cases.values():
            if case.visit == own.spec and (found := _judge(case, names, facility)) is not None:
                cases.append(case.name)
                lacks += found
    return ReviewedVisit(
        visit.id,
        visit.changes,
        first and first.date,
        norm,
        own and own.id,
        orjson.dumps(cases).decode(),
        orjson.dumps([list(lack) for lack in lacks]).decode(),
        min((lack.due_at for lack in lacks), default=None),
    )


def _judge(case: UseCase, names: Mapping[str, Any], facility: FacilityRow) -> list[StoredLack] | None:
    """Return what the visit lacks of a use case; None if it is not of that kind, or is older than its templates."""
    try:
        if not recognised(case, names):
            return None
        at = int(parse_time(case.since.render(names), facility.time_zone).timestamp() * 1000)
        return [
            StoredLack(case.name, lack.requirement.name, lack.found, at + lack.requirement.within_hours * 3_600_000)
            for lack in lacking(case, names)
        ]
    except (TemplateError, ValueError, TypeError, KeyError):
        return None


_CHANGED = Statement(
    "SELECT id, facility_id, changes FROM visits WHERE reviewed <> changes ORDER BY id DESC LIMIT :most", _ChangedVisit
)
_RECORDS = Statement(
    "SELECT v.visit_id, d.id, d.spec, d.date, d.patient_norm, d.record, d.withdrawn_at FROM {rows} AS v "
    "JOIN deliveries AS d ON d.id = v.id ORDER BY v.visit_id, d.id",
    _VisitRecord,
    rows="visit_id bigint, id bigint",
)
_NOTE = Command(
    "UPDATE installation SET use_cases_hash = :hash WHERE use_cases_hash IS NULL OR use_cases_hash <> :hash"
)
_REVIEW_AGAIN = Command("UPDATE visits SET changes = changes + 1 WHERE day >= :since")
