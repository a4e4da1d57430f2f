"""Stores records with their deliveries: new ones become due, changed ones due again, unchanged ones are skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import Status
from engine.delivery.types import Added, NewRecord
from engine.outbox import counters, list_index
from engine.outbox.patient_index import remember
from engine.outbox.waits import end_waits

MAX_TRIES = 5  # to store a batch while others store the same keys
# A changed record stays in these statuses until the fate of the version in flight is known.
IN_FLIGHT = {Status.SENDING, Status.UNSURE}


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one type from one facility; `updatable`: the type can send a change."""

    facility_id: int
    spec: str
    upstream: str
    updatable: bool


@dataclass(slots=True)
class _Row:
    """The stored delivery of a key, or the one about to be stored."""

    id: int  # 0: about to be stored
    hash: str
    status: str
    date: str
    entry: NewRecord | None = None
    versions: int = 0


async def add(database: Database, batch: Batch, entries: Sequence[NewRecord]) -> list[tuple[int, Added]]:
    """Store all in one transaction; return the delivery's id and the outcome of each entry, in order."""
    for _ in range(MAX_TRIES):
        try:
            return await database.write(_add, batch, entries)
        except IntegrityError as error:
            # Another transaction stored one of the keys between our query and our insert: try again.
            if "unique" not in str(error.orig).lower():
                raise
            refused = error
    raise refused


async def _add(tx: Transaction, batch: Batch, entries: Sequence[NewRecord]) -> list[tuple[int, Added]]:
    rows = await _stored(tx, batch, {entry.key for entry in entries})
    outcomes = [_fold(rows, entry) for entry in entries]
    deltas = counters.Deltas()
    now = tx.now
    new = [(row, row.entry) for row in rows.values() if row.entry and not row.id]
    changed = [(row, row.entry) for row in rows.values() if row.entry and row.id]
    if new:
        await _insert(tx, batch, new, now, deltas)
    if changed:
        await _update(tx, batch, changed, now, deltas)
    await counters.apply(tx, deltas)
    named = [entry for _, entry in [*new, *changed]]
    people = {(entry.patient_norm, entry.patient_name or "") for entry in named if entry.patient_norm}
    await remember(tx, batch.facility_id, people)
    if new:
        rows |= await _stored(tx, batch, {entry.key for _, entry in new})
    await list_index.enqueue(tx, [rows[entry.key].id for entry in named])
    return [(rows[entry.key].id, outcome) for entry, outcome in zip(entries, outcomes, strict=True)]


def _fold(rows: dict[str, _Row], entry: NewRecord) -> Added:
    """Compare an entry with the stored record, or with an earlier entry of the same key in the batch."""
    row = rows.get(entry.key)
    if row is None:
        rows[entry.key] = _Row(0, entry.record_hash, Status.QUEUED, entry.date, entry, versions=1)
        return Added.ACCEPTED
    if row.hash == entry.record_hash:
        return Added.UNCHANGED
    row.hash, row.entry = entry.record_hash, entry
    row.versions += 1
    return Added.CHANGED


async def _stored(tx: Transaction, batch: Batch, keys: set[str]) -> dict[str, _Row]:
    targets = [[batch.facility_id, batch.spec, key] for key in sorted(keys)]
    rows = await tx.rows(_STORED, {"rows": targets})
    return {key: _Row(id_, hash_, status, date) for key, id_, hash_, status, date in rows}


class _Stored(NamedTuple):
    key: str
    id: int
    record_hash: str
    status: str
    date: str


# Facility and type are in each row: as constants beside the join PostgreSQL may use an index on them alone.
_STORED = Statement(
    "SELECT d.key, d.id, d.record_hash, d.status, d.date FROM {rows} AS v "
    "JOIN deliveries AS d ON d.facility_id = v.facility_id AND d.spec = v.spec AND d.key = v.key "
    "ORDER BY d.id {FOR UPDATE OF d}",
    _Stored,
    rows="facility_id integer, spec text, key text",
)


async def _insert(
    tx: Transaction, batch: Batch, rows: Sequence[tuple[_Row, NewRecord]], now: int, deltas: counters.Deltas
) -> None:
    [(first, last)] = await tx.rows(_DOUBT)
    values = [
        (
            batch.facility_id,
            batch.spec,
            batch.upstream,
            entry.key,
            entry.date,
            entry.patient_norm,
            entry.patient_name,
            entry.sequence,
            entry.record,
            entry.record_hash,
            row.versions,
            Status.QUEUED.value,
            first is not None and last is not None and first <= entry.date <= last,
            int(entry.lane),
            now,
            0,
            0,
            "auto",
            now,
            now,
        )
        for row, entry in rows
    ]
    await tx.insert("deliveries", _NEW, values)
    for date, n in Counter(entry.date for _, entry in rows).items():
        deltas[counters.Cell(batch.facility_id, date, batch.spec, Status.QUEUED)] += n


class _Doubt(NamedTuple):
    """The days whose new deliveries are in doubt; see engine.database.tables.Installation."""

    doubt_from: str | None
    doubt_until: str | None


_DOUBT = Statement("SELECT doubt_from, doubt_until FROM installation", _Doubt)
_NEW = (
    "facility_id",
    "spec",
    "upstream",
    "key",
    "date",
    "patient_norm",
    "patient_name",
    "sequence",
    "record",
    "record_hash",
    "version",
    "status",
    "in_doubt",
    "lane",
    "due_at",
    "tries",
    "deaths",
    "trigger",
    "created_at",
    "changed_at",
)


async def _update(
    tx: Transaction, batch: Batch, rows: Sequence[tuple[_Row, NewRecord]], now: int, deltas: counters.Deltas
) -> None:
    contents, due_again = [], []
    for row, entry in rows:
        contents.append(
            {
                "id": row.id,
                "record": entry.record,
                "hash": entry.record_hash,
                "date": entry.date,
                "norm": entry.patient_norm,
                "name": entry.patient_name,
                "sequence": entry.sequence,
                "versions": row.versions,
                "upstream": batch.upstream,
                "now": now,
            }
        )
        noted_only = row.status == Status.SENT and not batch.updatable
        after = row.status if row.status in IN_FLIGHT or noted_only else Status.QUEUED
        deltas[counters.Cell(batch.facility_id, row.date, batch.spec, row.status)] -= 1
        deltas[counters.Cell(batch.facility_id, entry.date, batch.spec, after)] += 1
        if after == Status.QUEUED:
            due_again.append((row.id, int(entry.lane)))
    await tx.execute(_CHANGE, contents)
    if due_again:
        await end_waits(tx, [id_ for id_, _ in due_again])
        await tx.execute(_MAKE_DUE, {"rows": due_again, "now": now})


# tried_version: if the worker that sends the delivery dies, the version before this change may have arrived.
# body: what a person wrote in place of the payload was based on the old record.
_CHANGE = Command(
    """
UPDATE deliveries SET record = :record, record_hash = :hash, date = :date, patient_norm = :norm,
  patient_name = :name, sequence = :sequence, version = version + :versions, changed_at = :now, upstream = :upstream,
  tried_version = CASE WHEN status <> 'sending' THEN tried_version WHEN body IS NULL THEN version ELSE -version END,
  body = NULL
WHERE id = :id
"""
)
_MAKE_DUE = Command(
    """
UPDATE deliveries AS d SET status = 'queued', due_at = :now, lane = v.lane, tries = 0, deaths = 0,
  trigger = 'auto', problem = NULL, cause = NULL, code = NULL, http_status = NULL
FROM {rows} AS v WHERE d.id = v.id
""",
    rows="id bigint, lane smallint",
)
