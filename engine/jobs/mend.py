"""Mends failed deliveries that are alike: replaces a value in all of them by rules, and sends them again as a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import ModelTransaction, Transaction
from engine.jobs import jobs
from engine.jobs.jobs import Action
from engine.outbox.locks import lock_claims
from engine.specs.record_type import Spec
from engine.time_slice import TimeSlice
from engine.value_rules.places import as_text, values_at
from engine.value_rules.store import NewRules, active_job, add_rules, undo_rules

HOLD_MS = 10_000  # in which the job and its rules may be undone; nothing is sent meanwhile
MAX_DELIVERIES = 10_000  # of one job; the rest follows with the next one
MAX_VALUES = 50  # different old values that are offered
BATCH_DELIVERIES = 500


class FailedRecord(NamedTuple):
    """A failed delivery with its record as it was handed in."""

    id: int
    facility_id: int
    key: str
    record: str
    reference: str | None
    patient_norm: str | None
    patient_name: str | None


@dataclass(frozen=True, slots=True)
class OldValue:
    """A value, as JSON, that `n` deliveries of a group have at a place; `first` is the id of one of them."""

    text: str
    n: int
    first: int


@dataclass(frozen=True, slots=True)
class OldValues:
    """The most frequent values at a place; `more` others were left out, and `read` deliveries were read."""

    values: tuple[OldValue, ...]
    more: int
    read: int
    capped: bool


@dataclass(frozen=True, slots=True)
class Mending:
    """Replacement of values in the failed deliveries of one cause: old values to new ones, as JSON."""

    facility_id: int
    spec: Spec
    cause: str
    place: str
    changes: Mapping[str, str]
    actor: str
    reason: str


async def failed_records(database: Database, facility_id: int, spec: str, cause: str) -> AsyncIterator[FailedRecord]:
    """Yield the failed deliveries of a cause whose body no person wrote, at most MAX_DELIVERIES, the oldest first."""
    last = n = 0
    while n < MAX_DELIVERIES:
        group = {"facility": facility_id, "spec": spec, "cause": cause}
        rows = await database.fetch(_FAILED, {**group, "last": last, "batch": BATCH_DELIVERIES})
        for row in rows:
            yield row
        n += len(rows)
        if len(rows) < BATCH_DELIVERIES:
            return
        last = rows[-1].id


async def first_record(database: Database, facility_id: int, spec: str, cause: str) -> FailedRecord | None:
    """Return the oldest failed delivery of a cause; None if there is none whose body no person wrote."""
    group = {"facility": facility_id, "spec": spec, "cause": cause, "last": 0, "batch": 1}
    return await database.first(_FAILED, group)


async def old_values(database: Database, facility_id: int, spec: str, cause: str, place: str) -> OldValues:
    """Count the values at a place in the deliveries of a group, the most frequent first."""
    counts, firsts, read = Counter[str](), dict[str, int](), 0
    time_slice = TimeSlice()
    async for row in failed_records(database, facility_id, spec, cause):
        await time_slice.pause()
        read += 1
        for text in {as_text(value) for value in values_at(orjson.loads(row.record), place)}:
            counts[text] += 1
            firsts.setdefault(text, row.id)
    common = counts.most_common(MAX_VALUES)
    values = tuple(OldValue(text, n, firsts[text]) for text, n in common)
    return OldValues(values, len(counts) - len(common), read, read >= MAX_DELIVERIES)


async def matching(database: Database, mending: Mending, most: int = MAX_DELIVERIES) -> list[FailedRecord]:
    """Return the deliveries of the group that have one of the old values, at most `most`."""
    rows: list[FailedRecord] = []
    time_slice = TimeSlice()
    async for row in failed_records(database, mending.facility_id, mending.spec.name, mending.cause):
        await time_slice.pause()
        if any(as_text(value) in mending.changes for value in values_at(orjson.loads(row.record), mending.place)):
            rows.append(row)
            if len(rows) >= most:
                break
    return rows


async def start(database: Database, mending: Mending, chosen: Mapping[str, Any]) -> tuple[int, bool] | None:
    """Store the rules and a job with the matching deliveries, which begins after HOLD_MS; return its id.

    The second value is False if the same was started a moment ago: then that job is returned. None if nothing matches.
    """
    ids = [row.id for row in await matching(database, mending)]
    return await database.write_models(_start, mending, ids, chosen) if ids else None


async def _start(
    tx: ModelTransaction, mending: Mending, ids: Sequence[int], chosen: Mapping[str, Any]
) -> tuple[int, bool]:
    await lock_claims(tx, [mending.facility_id])  # of two clicks the second one sees the rules of the first
    starts_at = tx.now + HOLD_MS
    new = NewRules(
        mending.facility_id,
        mending.spec.name,
        mending.place,
        mending.changes,
        mending.actor,
        mending.reason,
        0,
        starts_at,
    )
    earlier = await active_job(tx, new)
    if earlier is not None:
        return earlier, False
    upstream = mending.spec.upstream.name
    job = await jobs.drafted(tx, mending.facility_id, upstream, Action.MEND, ids, chosen=chosen, actor=mending.actor)
    await add_rules(tx, new._replace(job_id=job))
    await tx.execute(_HOLD, {"id": job, "starts": starts_at})
    await jobs.begun(tx, mending.facility_id, job, mending.reason, mending.actor)
    return job, True


async def undo(database: Database, facility_id: int, job_id: int, actor: str) -> bool:
    """Cancel a job that has done nothing yet and end its rules; return False if it was too late."""
    return await database.write(_undo, facility_id, job_id, actor)


async def _undo(tx: Transaction, facility_id: int, job_id: int, actor: str) -> bool:
    if await tx.execute(_CANCEL, {"id": job_id, "facility": facility_id, "now": tx.now}) != 1:
        return False
    await undo_rules(tx, facility_id, job_id, actor)
    await jobs.note_move(tx, facility_id, job_id, "undo", actor)
    return True


_FAILED = Statement(
    """
SELECT id, facility_id, key, record, reference, patient_norm, patient_name FROM deliveries
WHERE facility_id = :facility AND spec = :spec AND cause = :cause AND cause IS NOT NULL AND status = 'failed'
  AND body IS NULL AND id > :last
ORDER BY id LIMIT :batch
""",
    FailedRecord,
)
_HOLD = Command("UPDATE jobs SET starts_at = :starts WHERE id = :id")
_CANCEL = Command(
    """
UPDATE jobs SET state = 'cancelled', ended_at = :now
WHERE id = :id AND facility_id = :facility AND action = 'mend' AND done = 0 AND state IN ('running', 'paused')
"""
)
