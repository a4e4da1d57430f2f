"""Deliveries that the upstream still holds with the content from before a declared correction of their entry.

Each attempt keeps the hash of the entry version that made its request. The versions that declare a correction are kept
by their hashes; a delivery is affected if its last accepted request was made by any other version and the correction's
`when` holds for its record. The stored deliveries are searched once per clinic and correction, in small batches that
follow an index; bodies are not needed, so pruned ones do not matter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog

from engine.catalog.catalog import Catalog
from engine.corrections.affected import AffectedFinder, OpenSearch, SentDelivery
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.facilities.cache import FacilityCache
from engine.outbox.locks import lock_deliveries
from engine.specs.record_type import Spec

BATCH_DELIVERIES = 200
REST_FACTOR = 4.0  # seconds of pause for each second of searching: deliveries come first
SHORTEST_REST_SECONDS = 0.02
REST_MS = 60_000  # between two looks for searches when none was open and nothing has changed
SEARCHES = 2
# A second search finds deliveries of workers that had not yet loaded the correction while the first search ran.
SECOND_SEARCH_AFTER_MS = 24 * 3600_000

log = structlog.get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class CorrectionSearch:
    """Searches the stored deliveries of every clinic for those that a correction affects; one per worker."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        facilities: FacilityCache,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._database = database
        self._facilities = facilities
        self._catalog = catalog
        self._sleep = sleep
        self._registered = ""
        self._rest: tuple[str, int, int] | None = None  # configuration, version of the clinics, and until when

    async def tick(self) -> int:
        """Run until every search has ended; return the number of deliveries that were examined."""
        catalog = self._catalog()
        specs = [spec for spec in catalog.specs.values() if spec.corrections]
        if not specs:
            return 0
        if self._registered != catalog.hash:
            await self._database.write(_register, specs)
            self._registered = catalog.hash
        version, now = await self._facilities.version(), self._database.clock()
        until = self._rest[2] if self._rest is not None and self._rest[:2] == (catalog.hash, version) else 0
        if now < until <= now + REST_MS:  # farther ahead: the clock was set back
            return 0
        count = 0
        searches = await self._searches(specs)
        for search in searches:
            while n := await self._paused(self._step(search)):
                count += n
        self._rest = None if searches else (catalog.hash, version, now + REST_MS)
        return count

    async def _searches(self, specs: Sequence[Spec]) -> list[OpenSearch]:
        """Return the searches that have not ended or are due a second time."""
        versions: dict[tuple[str, str], dict[str, int]] = {}
        for row in await self._database.fetch(_VERSIONS):
            versions.setdefault((row.spec, row.name), {})[row.spec_hash] = row.loaded_at
        rows = await self._database.fetch(_ENDED)
        ended = {
            (row.facility_id, row.spec, row.name) for row in rows if not self._is_due_again(row.searches, row.ended_at)
        }
        facilities = (await self._facilities.all()).values()
        return [
            OpenSearch(facility, spec, correction, frozenset(hashes), min(hashes.values()))
            for spec in specs
            for correction in spec.corrections
            if (hashes := versions.get((spec.name, correction.name)))
            for facility in facilities
            if (facility.id, spec.name, correction.name) not in ended
        ]

    async def _paused(self, work: Awaitable[int]) -> int:
        begun = time.monotonic()
        n = await work
        if n:
            await self._sleep(max(SHORTEST_REST_SECONDS, REST_FACTOR * (time.monotonic() - begun)))
        return n

    async def _step(self, search: OpenSearch) -> int:
        """Examine the next batch and return its size; 0 when the search has ended."""
        state = await self._state(search)
        if state is None:
            return 0
        place = {"date": state.date, "id": state.delivery_id}
        rows = await self._database.fetch(_NEXT, {**search.key, **place, "batch": BATCH_DELIVERIES})
        finder = AffectedFinder(self._database, self._catalog().items, search)
        affected = await finder.affected([row for row in rows if search.may_be_affected(row)])
        after = (rows[-1].date, rows[-1].id) if rows else (state.date, state.delivery_id)

        async def run(tx: Transaction) -> int:
            unchanged = await _unchanged(tx, affected)
            ended = {"ended": None if rows else tx.now, "searches": state.searches + (not rows)}
            moved = {**search.key, **place, "after_date": after[0], "after_id": after[1], **ended}
            # another worker may have done this batch
            if not await tx.execute(_MOVE, moved):
                return 0
            await _note(tx, search, unchanged)
            return len(rows)

        return await self._database.write(run)

    async def _state(self, search: OpenSearch) -> _SearchPosition | None:
        """Return the position of the search, None if it has ended; begin it, and once more a day after its end."""
        state = await self._database.first(_STATE, search.key)
        if state is None or (state.ended_at is not None and self._is_due_again(state.searches, state.ended_at)):
            due = {"again": self._database.clock() - SECOND_SEARCH_AFTER_MS, "most": SEARCHES}
            await self._database.execute(_BEGIN, {**search.key, **due})
            state = await self._database.first(_STATE, search.key)
        return state if state is not None and state.ended_at is None else None

    def _is_due_again(self, searches: int, ended_at: int) -> bool:
        return searches < SEARCHES and ended_at <= self._database.clock() - SECOND_SEARCH_AFTER_MS


async def _register(tx: Transaction, specs: Sequence[Spec]) -> None:
    rows = [[spec.name, correction.name, spec.hash, tx.now] for spec in specs for correction in spec.corrections]
    await tx.execute(_REGISTER, {"rows": rows})


async def _unchanged(tx: Transaction, rows: Sequence[SentDelivery]) -> list[int]:
    """Lock these deliveries; return the ids of those that were not sent again since they were read."""
    if not rows:
        return []
    ids = [row.id for row in rows]
    await lock_deliveries(tx, ids)
    last = {row.id: row.attempt for row in await tx.rows(_LAST, {"ids": ids})}
    return [row.id for row in rows if row.id in last and last[row.id] == row.attempt]


async def _note(tx: Transaction, search: OpenSearch, ids: Sequence[int]) -> None:
    if not ids:
        return
    added = len(await tx.rows(_ADD, {**search.key, "ids": ids}))
    await tx.execute(_COUNT, {**search.key, "n": added})
    log.info("correction_affects", spec=search.spec.name, correction=search.correction.name, deliveries=added)


class _Version(NamedTuple):
    """A version of an entry that declares a correction."""

    spec: str
    name: str
    spec_hash: str
    loaded_at: int


class _SearchPosition(NamedTuple):
    """Position of a search."""

    date: str
    delivery_id: int
    searches: int
    ended_at: int | None


class _Ended(NamedTuple):
    """A search that has ended."""

    facility_id: int
    spec: str
    name: str
    searches: int
    ended_at: int


class _LastAttempt(NamedTuple):
    """A sent delivery with the id of its last request that may have arrived."""

    id: int
    attempt: int | None


_REGISTER = Command(
    """
INSERT INTO correction_versions (spec, name, spec_hash, loaded_at)
SELECT spec, name, spec_hash, loaded_at FROM {rows} AS v WHERE true ON CONFLICT DO NOTHING
""",
    rows="spec text, name text, spec_hash text, loaded_at bigint",
)
_KEY = "facility_id = :facility AND spec = :spec AND name = :name"
_VERSIONS = Statement("SELECT spec, name, spec_hash, loaded_at FROM correction_versions", _Version)
_STATE = Statement(
    f"SELECT date, delivery_id, searches, ended_at FROM correction_searches WHERE {_KEY}", _SearchPosition
)
_ENDED = Statement(
    "SELECT facility_id, spec, name, searches, ended_at FROM correction_searches WHERE ended_at IS NOT NULL", _Ended
)
_BEGIN = Command(
    """
INSERT INTO correction_searches (facility_id, spec, name, date, delivery_id, searches, affected)
VALUES (:facility, :spec, :name, '', 0, 0, 0)
ON CONFLICT (facility_id, spec, name) DO UPDATE SET date = '', delivery_id = 0, ended_at = NULL
WHERE correction_searches.ended_at <= :again AND correction_searches.searches < :most
"""
)
_LAST_ATTEMPT = """(
  SELECT MAX(b.id) FROM attempts AS b
  WHERE b.delivery_id = d.id AND b.operation IN ('create', 'update') AND b.verdict IN ('accepted', 'unsure')
)"""
_SENT_DELIVERIES = """
SELECT id, date, record, reference, body, sent_at FROM deliveries
WHERE facility_id = :facility AND spec = :spec AND status = 'sent'"""
# Two ranges: SQLite does not compare (date, id) as one value where id is the rowid.
_NEXT = Statement(
    f"""
SELECT d.id, d.date, d.record, d.reference, d.body, d.sent_at, a.id AS attempt, a.spec_hash
FROM (
  SELECT * FROM ({_SENT_DELIVERIES} AND date = :date AND id > :id ORDER BY id LIMIT :batch) AS same_day
  UNION ALL
  SELECT * FROM ({_SENT_DELIVERIES} AND date > :date ORDER BY date, id LIMIT :batch) AS later
  ORDER BY date, id LIMIT :batch
) AS d
LEFT JOIN attempts AS a ON a.id = {_LAST_ATTEMPT}
ORDER BY d.date, d.id
""",
    SentDelivery,
)
_LAST = Statement(
    f"""
SELECT d.id, {_LAST_ATTEMPT} AS attempt FROM {{ids}} AS v JOIN deliveries AS d ON d.id = v.id WHERE d.status = 'sent'
""",
    _LastAttempt,
    ids="id bigint",
)
_MOVE = Command(
    f"""
UPDATE correction_searches SET date = :after_date, delivery_id = :after_id, ended_at = :ended, searches = :searches
WHERE {_KEY} AND date = :date AND delivery_id = :id AND ended_at IS NULL
"""
)
_ADD = Statement(
    """
INSERT INTO correction_deliveries (facility_id, spec, name, delivery_id)
SELECT CAST(:facility AS INTEGER), :spec, :name, v.id FROM {ids} AS v WHERE true
ON CONFLICT DO NOTHING RETURNING delivery_id
""",
    int,
    ids="id bigint",
)
_COUNT = Command(f"UPDATE correction_searches SET affected = affected + :n WHERE {_KEY}")
