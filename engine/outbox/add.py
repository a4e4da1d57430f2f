"""Stores records with their deliveries: new ones become due, changed ones due again, unchanged ones are skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import Status
from engine.delivery.types import Added, NewRecord
from engine.failpoints import failpoint
from engine.outbox import counters, list_index
from engine.outbox.locks import being_sent, lock_claims
from engine.outbox.patient_index import IndexedPatients, LastInsert, Person, remember
from engine.outbox.waits import end_waits, prepare_waiting, return_set_aside


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one type from one facility; `updatable`: the type can send a change."""

    facility_id: int
    spec: str
    upstream: str
    updatable: bool


@dataclass(slots=True)
class _Row:
    """The delivery of a key: as it is stored, or about to be; `entry` is its new content, if there is any.

    `in_flight`: a version may have left whose outcome is not known yet. `withdrawn`: the stored record was.
    """

    id: int
    hash: str
    status: str
    date: str
    entry: NewRecord | None = None
    versions: int = 0
    in_flight: bool = False
    withdrawn: bool = False


class _Result(NamedTuple):
    """Result of a transaction: outcomes in the order of the entries, patients with words stored, newest delivery."""

    added: list[tuple[int, Added]]
    patients: Collection[Person]
    last_insert: LastInsert | None


async def add(
    database: Database, batch: Batch, entries: Sequence[NewRecord], indexed: IndexedPatients | None = None
) -> list[tuple[int, Added]]:
    """Store all in one transaction; return the delivery's id and the outcome of each entry, in order.

    The words of `indexed` patients are not sent again; the patients of this transaction join them.
    """
    patients = indexed or IndexedPatients()
    result = await database.write(_add, batch, entries, patients)
    patients.learn(result.patients, result.last_insert)  # now that they are committed
    return result.added


async def add_in(
    tx: Transaction, batch: Batch, entries: Sequence[NewRecord], indexed: IndexedPatients
) -> list[tuple[int, Added]]:
    """Store all within a transaction; as `add`, but `indexed` learns nothing."""
    return (await _add(tx, batch, entries, indexed)).added


async def _add(tx: Transaction, batch: Batch, entries: Sequence[NewRecord], indexed: IndexedPatients) -> _Result:
    """Insert all as new ones; only those whose keys were stored before are compared with what is stored."""
    facts = await _facts(tx, indexed)
    rows: dict[str, _Row] = {}
    outcomes = [_fold(rows, entry) for entry in entries]
    deltas = counters.Deltas()
    inserted = await _insert(tx, batch, rows, facts, deltas)
    if met := rows.keys() - inserted.keys():
        stored = await _stored(tx, batch, met)
        rows |= {key: stored[key] for key in met}
        outcomes = [
            _fold(rows, entry) if entry.key in met else outcome
            for entry, outcome in zip(entries, outcomes, strict=True)
        ]
        await _update(tx, batch, [(row, row.entry) for key in met if (row := rows[key]).entry], deltas)
    await _tell_waiting(tx, batch, list(rows.values()), inserted.keys(), deltas)
    await counters.apply(tx, deltas)
    failpoint("storing")
    named = [(row.id, entry) for row in rows.values() if (entry := row.entry)]
    patients = {(batch.facility_id, e.patient_norm, e.patient_name or "") for _, e in named if e.patient_norm}
    if not facts.is_same:
        indexed.forget()
    patients = indexed.missing(patients)
    await remember(tx, patients)
    await list_index.enqueue(tx, [id_ for id_, _ in named])
    added = [(rows[entry.key].id, outcome) for entry, outcome in zip(entries, outcomes, strict=True)]
    return _Result(added, patients, LastInsert(max(inserted.values()), tx.now) if inserted else None)


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


class _Facts(NamedTuple):
    """Facts of the database: days whose new deliveries are in doubt (see tables.Installation), and `is_same`.

    `is_same`: the delivery that this process inserted last is there, so that it is still the same database.
    """

    doubt_from: str | None
    doubt_until: str | None
    is_same: bool


async def _facts(tx: Transaction, indexed: IndexedPatients) -> _Facts:
    id_, created_at = indexed.last_insert or (0, 0)
    [facts] = await tx.rows(_FACTS, {"id": id_, "created_at": created_at})
    return facts


_FACTS = Statement(
    "SELECT doubt_from, doubt_until, "
    "EXISTS (SELECT 1 FROM deliveries WHERE id = :id AND created_at = :created_at) AS is_same FROM installation",
    _Facts,
)


async def _insert(
    tx: Transaction, batch: Batch, rows: dict[str, _Row], facts: _Facts, deltas: counters.Deltas
) -> dict[str, int]:
    """Insert the rows whose keys are new, in order; return their ids by key, which their rows get too."""
    first, last = facts.doubt_from, facts.doubt_until
    values = [
        (
            key,
            *_content(entry),
            row.versions,
            first is not None and last is not None and first <= entry.date <= last,
            int(entry.lane),
        )
        for key, row in rows.items()
        if (entry := row.entry)
    ]
    inserted = {new.key: new.id for new in await _insert_absent(tx, batch, values)}
    for key, id_ in inserted.items():
        rows[key].id = id_
    for date, n in Counter(entry.date for key in inserted if (entry := rows[key].entry)).items():
        deltas[counters.Cell(batch.facility_id, date, batch.spec, Status.QUEUED)] += n
    return inserted


async def _tell_waiting(
    tx: Transaction, batch: Batch, rows: Sequence[_Row], inserted: Collection[str], deltas: counters.Deltas
) -> None:
    """Prepare what waits for records that are withdrawn now, to set it aside, and return what waits for those back.

    For records that are neither this executes nothing.
    """
    changed = [(row, entry) for row in rows if (entry := row.entry) and entry.withdrawn != row.withdrawn]
    gone = [(row.id, entry.key) for row, entry in changed if entry.withdrawn]
    # A record that was set aside may not need what was withdrawn any more.
    aside = [entry.key for row in rows if (entry := row.entry) and row.status == Status.IGNORED]
    back = [*(entry.key for _, entry in changed if not entry.withdrawn), *aside]
    if new := [id_ for id_, key in gone if key in inserted]:
        await tx.execute(_MARK_WITHDRAWN, {"ids": new, "now": tx.now})
    if gone:
        await prepare_waiting(tx, [(batch.facility_id, batch.spec, key) for _, key in gone], deltas)
    if back:
        await return_set_aside(tx, [(batch.facility_id, batch.spec, key) for key in back], deltas)


_MARK_WITHDRAWN = Command(
    "UPDATE deliveries SET withdrawn_at = :now WHERE id IN (SELECT id FROM {ids} AS v)", ids="id bigint"
)


def _content(entry: NewRecord) -> tuple[str | int | None, ...]:
    """Return the values of the columns `_CONTENT`."""
    return (
        entry.date,
        entry.patient_norm,
        entry.patient_name,
        entry.sequence,
        entry.record,
        entry.record_hash,
        entry.api_key_id,
    )


_CONTENT = "date text, norm text, name text, sequence text, record text, hash text, api_key integer"


class _New(NamedTuple):
    key: str
    id: int


async def _insert_absent(tx: Transaction, batch: Batch, values: Sequence[tuple[Any, ...]]) -> list[_New]:
    """Insert the rows whose keys are not stored; their ids are in the order of the rows, as a sequence needs it."""
    if tx.dialect == "sqlite":
        # As JSON a large record would be in memory ten times.
        last = next(iter(await tx.rows(_LAST_ID)), 0)
        constants = batch.facility_id, batch.spec, batch.upstream, tx.now, tx.now, tx.now, *_QUEUED.values()
        await tx.insert("deliveries", _COLUMNS, [(*row, *constants) for row in values], absent=True)
        return await tx.rows(_AFTER, {"last": last})
    parameters = {"facility": batch.facility_id, "spec": batch.spec, "upstream": batch.upstream, "now": tx.now}
    return await tx.rows(_INSERT, {**parameters, "rows": values})


_OF_ROW = (
    "key",
    "date",
    "patient_norm",
    "patient_name",
    "sequence",
    "record",
    "record_hash",
    "api_key_id",
    "version",
    "in_doubt",
    "lane",
)
_OF_BATCH = ("facility_id", "spec", "upstream", "due_at", "created_at", "changed_at")
_QUEUED = {"status": "queued", "tries": 0, "deaths": 0, "trigger": "auto"}
_COLUMNS = (*_OF_ROW, *_OF_BATCH, *_QUEUED)
_LAST_ID = Statement("SELECT id FROM deliveries WHERE id > 0 ORDER BY id DESC LIMIT 1", int, only="sqlite")
_AFTER = Statement("SELECT key, id FROM deliveries WHERE id > :last ORDER BY id", _New, only="sqlite")
_INSERT = Statement(
    f"""
INSERT INTO deliveries ({", ".join(_COLUMNS)})
SELECT v.key, v.date, v.norm, v.name, v.sequence, v.record, v.hash, v.api_key, v.version, v.in_doubt, v.lane, :facility,
  :spec, :upstream, CAST(:now AS BIGINT), CAST(:now AS BIGINT), CAST(:now AS BIGINT), 'queued', 0, 0, 'auto'
FROM {{rows}} AS v
ON CONFLICT (facility_id, spec, key) DO NOTHING RETURNING key, id
""",
    _New,
    only="postgresql",
    rows=f"key text, {_CONTENT}, version integer, in_doubt boolean, lane smallint",
)


async def _stored(tx: Transaction, batch: Batch, keys: Collection[str]) -> dict[str, _Row]:
    await lock_claims(tx, [batch.facility_id])
    targets = [[batch.facility_id, batch.spec, key] for key in sorted(keys)]
    stored = await tx.rows(_STORED, {"rows": targets})
    held = await being_sent(tx, [batch.facility_id])
    rows = {
        row.key: _Row(row.id, row.record_hash, row.status, row.date, withdrawn=row.withdrawn_at is not None)
        for row in stored
    }
    for row in rows.values():
        row.in_flight = row.id in held or row.status == Status.UNSURE
    return rows


class _Stored(NamedTuple):
    key: str
    id: int
    record_hash: str
    status: str
    date: str
    withdrawn_at: int | None


# Facility and type are in each row: as constants beside the join PostgreSQL may use an index on them alone.
_STORED = Statement(
    "SELECT d.key, d.id, d.record_hash, d.status, d.date, d.withdrawn_at FROM {rows} AS v "
    "JOIN deliveries AS d ON d.facility_id = v.facility_id AND d.spec = v.spec AND d.key = v.key "
    "ORDER BY d.id {FOR UPDATE OF d}",
    _Stored,
    rows="facility_id integer, spec text, key text",
)


async def _update(
    tx: Transaction, batch: Batch, rows: Sequence[tuple[_Row, NewRecord]], deltas: counters.Deltas
) -> None:
    """Store the new contents of deliveries; they are due again, unless the outcome of a version in flight decides."""
    contents: dict[bool, list[tuple[Any, ...]]] = {True: [], False: []}
    for row, entry in rows:
        noted_only = row.status == Status.SENT and not batch.updatable
        due = not noted_only and not row.in_flight
        after = Status.QUEUED if due else row.status
        deltas[counters.Cell(batch.facility_id, row.date, batch.spec, row.status)] -= 1
        deltas[counters.Cell(batch.facility_id, entry.date, batch.spec, after)] += 1
        contents[due].append((row.id, *_content(entry), row.versions, int(entry.lane), int(entry.withdrawn)))
    if contents[False]:
        await _change(tx, _CHANGE[tx.dialect], batch, contents[False])
    if contents[True]:
        await end_waits(tx, [content[0] for content in contents[True]])
        await _change(tx, _CHANGE_AND_QUEUE[tx.dialect], batch, contents[True])


async def _change(tx: Transaction, command: Command, batch: Batch, contents: Sequence[tuple[Any, ...]]) -> None:
    parameters = {"upstream": batch.upstream, "now": tx.now}
    if tx.dialect == "sqlite":  # see _insert_absent
        await tx.execute(command, [{**parameters, **dict(zip(_CHANGED, row, strict=True))} for row in contents])
    else:
        await tx.execute(command, {**parameters, "rows": contents})


_CHANGED = ("id", "date", "norm", "name", "sequence", "record", "hash", "api_key", "versions", "lane", "withdrawn")
_CHANGED_ROWS = f"id bigint, {_CONTENT}, versions integer, lane smallint, withdrawn smallint"
# body: what a person wrote in place of the payload was based on the old record.
_SET_CONTENT = """
UPDATE deliveries AS d SET date = v.date, patient_norm = v.norm, patient_name = v.name, sequence = v.sequence,
  record = v.record, record_hash = v.hash, api_key_id = v.api_key, version = d.version + v.versions,
  changed_at = :now, upstream = :upstream, body = NULL, replaced = NULL,
  withdrawn_at = CASE WHEN v.withdrawn = 1 THEN COALESCE(d.withdrawn_at, CAST(:now AS BIGINT)) END
"""
_CHANGE_SQL = _SET_CONTENT
_CHANGE_AND_QUEUE_SQL = f"""{_SET_CONTENT},
  status = 'queued', due_at = :now, lane = v.lane, tries = 0, deaths = 0, trigger = 'auto', problem = NULL,
  cause = NULL, code = NULL, http_status = NULL
"""
_EACH = " FROM {rows} AS v WHERE d.id = v.id"
_CHANGE, _CHANGE_AND_QUEUE = (
    {
        "postgresql": Command(sql + _EACH, only="postgresql", rows=_CHANGED_ROWS),
        "sqlite": Command(f"{sql} WHERE d.id = v.id".replace("v.", ":"), only="sqlite"),
    }
    for sql in (_CHANGE_SQL, _CHANGE_AND_QUEUE_SQL)
)
