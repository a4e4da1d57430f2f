"""Index of lists: the values of the columns that lists show, and the deliveries that have them.

Intake only queues the ids of what it stores, because entering a record takes longer than storing it; a worker enters
them a moment later (engine.maintenance.list_indexing). So a list may find a new record a second after it shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.specs.column_values import ColumnValue
from engine.visits.visit_index import IndexedRecord, enter_visits

MAX_RANGE = 500  # ids of one row of the queue, and deliveries that are entered in one transaction


class IdRange(NamedTuple):
    """A row of the queue: ids from `first` to `last`, both included."""

    id: int
    first: int
    last: int


class IndexedDelivery(NamedTuple):
    """A delivery whose record has been read, with the values of its columns and what it tells of visit and patient."""

    id: int
    facility_id: int
    spec: str
    day: int
    version: int
    values: Sequence[ColumnValue]
    record: IndexedRecord


async def enqueue(tx: Transaction, ids: Iterable[int]) -> None:
    """Queue deliveries for the index."""
    runs: list[tuple[int, int]] = []
    for id_ in sorted(ids):
        first, last = runs[-1] if runs else (0, 0)
        if runs and id_ == last + 1 and id_ - first < MAX_RANGE:
            runs[-1] = first, id_
        else:
            runs.append((id_, id_))
    await tx.insert("index_queue", ("first", "last"), runs)


def day_number(date: str) -> int:
    """Return an ISO date as the index orders it: 20260310 for 2026-03-10."""
    return int(date.replace("-", ""))


async def enter(tx: Transaction, ranges: Sequence[IdRange], deliveries: Sequence[IndexedDelivery]) -> bool:
    """Enter the deliveries of queued ranges and take these from the queue.

    False: another worker has done so, or a record has changed since it was read; then nothing is entered.
    """
    if await tx.execute(_TAKE, {"rows": [tuple(row) for row in ranges]}) != len(ranges):
        return False
    stored = await tx.rows(_VERSIONS, {"ids": [delivery.id for delivery in deliveries]})
    versions = {row.id: row.version for row in stored}
    if any(versions.get(delivery.id) != delivery.version for delivery in deliveries):
        await tx.insert("index_queue", ("first", "last"), [(first, last) for _, first, last in ranges])
        return False
    ids = await _value_ids(tx, deliveries)
    await tx.execute(_FORGET, {"ids": [delivery.id for delivery in deliveries]})
    rows = {
        (ids[delivery.facility_id, delivery.spec, value.name, value.value], delivery.day, delivery.id)
        for delivery in deliveries
        for value in delivery.values
    }
    await tx.execute(_ENTER, {"rows": sorted(rows)})
    await enter_visits(tx, [delivery.record for delivery in deliveries])
    return True


Key = tuple[int, str, str, str]  # facility, type, column, value


async def _value_ids(tx: Transaction, deliveries: Sequence[IndexedDelivery]) -> dict[Key, int]:
    """Return the ids of all values; values that are new are stored with their words."""
    values: dict[Key, ColumnValue] = {}
    for delivery in deliveries:
        for value in delivery.values:
            values.setdefault((delivery.facility_id, delivery.spec, value.name, value.value), value)
    ids = await _stored(tx, values)
    # Sorted: two transactions that bring the same values must not deadlock.
    if new := sorted(values.keys() - ids.keys()):
        await tx.execute(_ADD_VALUES, {"rows": [(*key, values[key].text) for key in new]})
        added = await _stored(tx, new)
        words = [(facility, spec, word, id_) for (facility, spec, *_), word, id_ in _words(values, added)]
        await tx.execute(_ADD_WORDS, {"rows": sorted(words)})
        ids |= added
    return ids


def _words(values: dict[Key, ColumnValue], ids: dict[Key, int]) -> Iterable[tuple[Key, str, int]]:
    return ((key, word, id_) for key, id_ in ids.items() for word in values[key].words)


async def _stored(tx: Transaction, keys: Iterable[Key]) -> dict[Key, int]:
    rows = await tx.rows(_IDS, {"rows": list(keys)})
    return {(row.facility_id, row.spec, row.name, row.value): row.id for row in rows}


class _StoredValue(NamedTuple):
    facility_id: int
    spec: str
    name: str
    value: str
    id: int


class _DeliveryVersion(NamedTuple):
    id: int
    version: int


_TAKE = Command(
    "DELETE FROM index_queue WHERE id IN (SELECT q.id FROM {rows} AS v JOIN index_queue AS q "
    "ON q.id = v.id AND q.first = v.first AND q.last = v.last)",
    rows="id bigint, first bigint, last bigint",
)
_VERSIONS = Statement(
    "SELECT d.id, d.version FROM {ids} AS v JOIN deliveries AS d ON d.id = v.id", _DeliveryVersion, ids="id bigint"
)
_IDS = Statement(
    "SELECT c.facility_id, c.spec, c.name, c.value, c.id FROM {rows} AS v JOIN column_values AS c "
    "ON c.facility_id = v.facility_id AND c.spec = v.spec AND c.name = v.name AND c.value = v.value",
    _StoredValue,
    rows="facility_id integer, spec text, name text, value text",
)
_ADD_VALUES = Command(
    "INSERT INTO column_values (facility_id, spec, name, value, text) "
    "SELECT facility_id, spec, name, value, text FROM {rows} AS v WHERE true ON CONFLICT DO NOTHING",
    rows="facility_id integer, spec text, name text, value text, text text",
)
_ADD_WORDS = Command(
    "INSERT INTO column_words (facility_id, spec, word, value_id) "
    "SELECT facility_id, spec, word, value_id FROM {rows} AS v WHERE true ON CONFLICT DO NOTHING",
    rows="facility_id integer, spec text, word text, value_id bigint",
)
_FORGET = Command("DELETE FROM delivery_values WHERE delivery_id {IN ids}", ids="id bigint")
_ENTER = Command(
    "INSERT INTO delivery_values (value_id, day, delivery_id) "
    "SELECT value_id, day, delivery_id FROM {rows} AS v WHERE true ON CONFLICT DO NOTHING",
    rows="value_id bigint, day integer, delivery_id bigint",
)
