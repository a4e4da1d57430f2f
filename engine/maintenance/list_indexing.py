"""Enters deliveries in the indexes of lists and of visits: what intake has queued, and everything once what is declared
changes (columns, `visit`, the numbers of a patient).

The queue is the only position: it is worked off in small batches, the newest first, by any worker at any time, and a
worker that dies leaves the rest to the next one. Deliveries that were stored before there was an index are entered in
the same way, because then no columns have been noted yet.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import structlog

from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import KEY_LENGTH
from engine.facilities.facilities import FacilityRow, all_facilities
from engine.facilities.vault import Vault
from engine.json_text import short_hash
from engine.outbox.list_index import MAX_RANGE, IdRange, IndexedDelivery, day_number, enter
from engine.specs.column_values import column_values
from engine.specs.context import context, optional_text
from engine.specs.record_type import Spec
from engine.visits.visit_index import IndexedRecord

MAX_RANGES = 100  # of the queue in one batch
REST_FACTOR = 1.0  # seconds of pause for each second of entering: deliveries come first
SHORTEST_REST_SECONDS = 0.02

log = structlog.get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class ListIndexing:
    """Works the queue of the index off."""

    def __init__(
        self, database: Database, catalog: Callable[[], Catalog], vault: Vault, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._vault = vault
        self._sleep = sleep
        self._noted = ""  # hash of the configuration whose columns are known to be noted

    async def tick(self) -> int:
        """Enter all queued deliveries; return their number."""
        catalog, entered = self._catalog(), 0
        if catalog.hash != self._noted:
            await self._database.write(
                _note_columns, short_hash([columns_hash(catalog), self._vault.number_hash(0, "")])
            )
            self._noted = catalog.hash
        while True:
            begun = time.monotonic()
            ranges = _fitting(await self._database.fetch(_NEXT, {"most": MAX_RANGES}))
            if not ranges:
                return entered
            rows = await self._database.fetch(_DELIVERIES, {"rows": [tuple(row) for row in ranges]})
            facilities = {row.id: row for row in await all_facilities(self._database)}
            deliveries = [self._indexed(catalog, facilities, row) for row in rows]
            if await self._database.write(enter, ranges, deliveries):
                entered += len(deliveries)
            await self._sleep(max(SHORTEST_REST_SECONDS, REST_FACTOR * (time.monotonic() - begun)))

    def _indexed(self, catalog: Catalog, facilities: dict[int, FacilityRow], row: _StoredRecord) -> IndexedDelivery:
        """Return a delivery with what is entered of it; nothing is if its type is no longer declared."""
        spec, facility = catalog.specs.get(row.spec), facilities.get(row.facility_id)
        values, record = [], IndexedRecord(row.id, row.facility_id, None, row.patient_norm, ())
        if spec is not None and facility is not None:
            scope = context(spec, orjson.loads(row.record), facility)
            values, record = column_values(spec, scope), self._told(spec, scope, row)
        return IndexedDelivery(row.id, row.facility_id, row.spec, day_number(row.date), row.version, values, record)

    def _told(self, spec: Spec, scope: Mapping[str, Any], row: _StoredRecord) -> IndexedRecord:
        """Return what a record tells of its visit and its patient."""
        visit = optional_text(spec.visit, scope)
        numbers = (optional_text(number.value, scope) for number in spec.patient_numbers)
        hashes = tuple(self._vault.number_hash(row.facility_id, number) for number in numbers if number)
        fits = visit is not None and len(visit) <= KEY_LENGTH
        return IndexedRecord(row.id, row.facility_id, visit if fits else None, row.patient_norm, hashes)


def columns_hash(catalog: Catalog) -> str:
    """Return a hash of everything that decides which values of a record are entered."""
    columns = {
        name: [(column.name, column.value.text, list(column.words), column.hidden) for column in spec.columns]
        for name, spec in catalog.specs.items()
    }
    tables = {name: spec.tables for name, spec in catalog.specs.items()}
    visits = {name: spec.visit.text for name, spec in catalog.specs.items() if spec.visit is not None}
    numbers = {name: [number.value.text for number in spec.patient_numbers] for name, spec in catalog.specs.items()}
    return short_hash([columns, tables, visits, numbers])


async def _note_columns(tx: Transaction, noted: str) -> None:
    """Queue all deliveries if the columns are not those by which they were entered."""
    if await tx.execute(_NOTE, {"hash": noted}):
        await tx.execute(_QUEUE_ALL, {"size": MAX_RANGE})


def _fitting(ranges: Sequence[IdRange]) -> list[IdRange]:
    """Return the first ranges, as many as fit into one batch."""
    fitting: list[IdRange] = []
    ids = 0
    for row in ranges:
        ids += row.last - row.first + 1
        if fitting and ids > MAX_RANGE:
            break
        fitting.append(row)
    return fitting


class _StoredRecord(NamedTuple):
    id: int
    facility_id: int
    spec: str
    date: str
    version: int
    patient_norm: str | None
    record: str


_NEXT = Statement("SELECT id, first, last FROM index_queue ORDER BY id DESC LIMIT :most", IdRange)
_DELIVERIES = Statement(
    "SELECT d.id, d.facility_id, d.spec, d.date, d.version, d.patient_norm, d.record FROM {rows} AS v "
    "JOIN deliveries AS d ON d.id BETWEEN v.first AND v.last",
    _StoredRecord,
    rows="id bigint, first bigint, last bigint",
)
_NOTE = Command("UPDATE installation SET columns_hash = :hash WHERE columns_hash IS NULL OR columns_hash <> :hash")
_QUEUE_ALL = Command(
    """
WITH RECURSIVE starts(first) AS (
  SELECT CAST(1 AS BIGINT)
  UNION ALL SELECT first + :size FROM starts WHERE first + :size <= (SELECT MAX(id) FROM deliveries)
)
INSERT INTO index_queue (first, last)
SELECT first, first + :size - 1 FROM starts WHERE EXISTS (SELECT 1 FROM deliveries) ORDER BY first
"""
)
