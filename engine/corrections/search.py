"""Deliveries that the upstream still holds with the content from before a declared correction of their entry.

Each attempt keeps the hash of the entry version that made its request. The versions that declare a correction are kept
by their hashes; a delivery is affected if its last accepted request was made by any other version and the correction's
`when` holds for its record. The stored deliveries are searched once per clinic and correction, in small batches that
follow an index; bodies are not needed, so pruned ones do not matter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
import structlog

from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.errors import AntarError
from engine.facilities.facilities import FacilityRow, all_facilities
from engine.mapping.confirmed_codes import Mappings
from engine.sending.references import look_up
from engine.specs.context import context
from engine.specs.needs import NeedKeys, keys_of_needs, resolve, targets_of
from engine.specs.record_type import Correction, Spec
from engine.templates.template import Template

BATCH_DELIVERIES = 200
REST_FACTOR = 4.0  # seconds of pause for each second of searching: deliveries come first
SHORTEST_REST_SECONDS = 0.02
SEARCHES = 2
# A second search finds deliveries of workers that had not yet loaded the correction while the first search ran.
SECOND_SEARCH_AFTER_MS = 24 * 3600_000

log = structlog.get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Search:
    """One correction of one clinic, with the versions of the entry that declare it."""

    facility: FacilityRow
    spec: Spec
    correction: Correction
    hashes: frozenset[str]
    since: int  # time at which the first of these versions was loaded (epoch ms)

    @property
    def key(self) -> dict[str, Any]:
        return {"facility": self.facility.id, "spec": self.spec.name, "name": self.correction.name}

    def may_be_affected(self, row: _Sent) -> bool:
        """Return whether a sent delivery has the content of an earlier version that no person wrote."""
        return row.body is None and not self._is_corrected(row)

    def _is_corrected(self, row: _Sent) -> bool:
        """Judge by the version of the attempt, or by its time if the attempt is no longer kept."""
        return row.sent_at >= self.since if row.spec_hash is None else row.spec_hash in self.hashes


class _Judge:
    """Decides which deliveries a correction concerns; a record that cannot be judged counts as concerned."""

    def __init__(self, database: Database, mappings: Mappings, search: _Search) -> None:
        self._database = database
        self._mappings = mappings
        self._search = search

    async def concerned(self, rows: Sequence[_Sent]) -> list[_Sent]:
        """Return the rows that the correction concerns; all needs are looked up at once, in their present state."""
        when, spec, facility = self._search.correction.when, self._search.spec, self._search.facility
        if when is None or not rows:
            return list(rows)
        scopes = {row.id: context(spec, orjson.loads(row.record), facility, reference=row.reference) for row in rows}
        needs_by_id = {row.id: self._keys_of_needs(scopes[row.id]) for row in rows}
        targets = [target for row_needs in needs_by_id.values() for target in targets_of(row_needs, facility.id)]
        references = await look_up(self._database, targets, self._mappings)
        concerned = []
        for row in rows:
            needs = resolve(needs_by_id[row.id], spec.needs, facility.id, references).values
            if self._holds(when, {**scopes[row.id], "needs": needs}):
                concerned.append(row)
        return concerned

    def _keys_of_needs(self, scope: Mapping[str, Any]) -> list[NeedKeys]:
        try:
            return keys_of_needs(self._search.spec.needs, scope)
        except AntarError:
            return []

    def _holds(self, when: Template, scope: Mapping[str, Any]) -> bool:
        try:
            return bool(when.render(scope))
        except AntarError:
            return True


class CorrectionSearch:
    """Searches the stored deliveries of every clinic for those that a correction affects; one per worker."""

    def __init__(self, database: Database, catalog: Callable[[], Catalog], sleep: Sleep = asyncio.sleep) -> None:
        self._database = database
        self._catalog = catalog
        self._sleep = sleep
        self._registered = ""

    async def tick(self) -> int:
        """Run until every search has ended; return the number of deliveries that were examined."""
        catalog = self._catalog()
        specs = [spec for spec in catalog.specs.values() if spec.corrections]
        if not specs:
            return 0
        if self._registered != catalog.hash:
            await self._database.write(_register, specs)
            self._registered = catalog.hash
        count = 0
        for search in await self._searches(specs):
            while n := await self._paused(self._step(search)):
                count += n
        return count

    async def _searches(self, specs: Sequence[Spec]) -> list[_Search]:
        """Return the searches that have not ended or are due a second time."""
        versions: dict[tuple[str, str], dict[str, int]] = {}
        for row in await self._database.fetch(_VERSIONS):
            versions.setdefault((row.spec, row.name), {})[row.spec_hash] = row.loaded_at
        rows = await self._database.fetch(_ENDED)
        ended = {
            (row.facility_id, row.spec, row.name) for row in rows if not self._is_due_again(row.searches, row.ended_at)
        }
        facilities = await all_facilities(self._database)
        return [
            _Search(facility, spec, correction, frozenset(hashes), min(hashes.values()))
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

    async def _step(self, search: _Search) -> int:
        """Examine the next batch and return its size; 0 when the search has ended."""
        state = await self._state(search)
        if state is None:
            return 0
        place = {"date": state.date, "id": state.delivery_id}
        rows = await self._database.fetch(_NEXT, {**search.key, **place, "batch": BATCH_DELIVERIES})
        judge = _Judge(self._database, self._catalog().items, search)
        affected = await judge.concerned([row for row in rows if search.may_be_affected(row)])
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

    async def _state(self, search: _Search) -> _Position | None:
        """Return the position of the search, None if it has ended; begin it, and once more a day after its end."""
        state = await self._database.first(_STATE, search.key)
        if state is None or (state.ended_at is not None and self._is_due_again(state.searches, state.ended_at)):
            due = {"again": self._database.clock() - SECOND_SEARCH_AFTER_MS, "most": SEARCHES}
            await self._database.write(Transaction.execute, _BEGIN, {**search.key, **due})
            state = await self._database.first(_STATE, search.key)
        return state if state is not None and state.ended_at is None else None

    def _is_due_again(self, searches: int, ended_at: int) -> bool:
        return searches < SEARCHES and ended_at <= self._database.clock() - SECOND_SEARCH_AFTER_MS


async def _register(tx: Transaction, specs: Sequence[Spec]) -> None:
    rows = [[spec.name, correction.name, spec.hash, tx.now] for spec in specs for correction in spec.corrections]
    await tx.execute(_REGISTER, {"rows": rows})


async def _unchanged(tx: Transaction, rows: Sequence[_Sent]) -> list[int]:
    """Lock these deliveries; return the ids of those that were not sent again since they were read."""
    if not rows:
        return []
    ids = {"ids": [row.id for row in rows]}
    await tx.rows(_LOCK, ids)
    last = {row.id: row.attempt for row in await tx.rows(_LAST, ids)}
    return [row.id for row in rows if row.id in last and last[row.id] == row.attempt]


async def _note(tx: Transaction, search: _Search, ids: Sequence[int]) -> None:
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


class _Position(NamedTuple):
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


class _Sent(NamedTuple):
    """A sent delivery with its last request that may have arrived, None if the attempt is no longer kept."""

    id: int
    date: str
    record: str
    reference: str | None
    body: str | None
    sent_at: int
    attempt: int | None
    spec_hash: str | None


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
_STATE = Statement(f"SELECT date, delivery_id, searches, ended_at FROM correction_searches WHERE {_KEY}", _Position)
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
    _Sent,
)
_LOCK = Statement(
    "SELECT id FROM deliveries WHERE id IN (SELECT id FROM {ids} AS v) ORDER BY id {FOR UPDATE}", int, ids="id bigint"
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
