"""Bulk actions as jobs: the set of deliveries is fixed when the job is drafted, and processed in batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, case, false, func, insert, literal, select, update

from engine.database.audit import note
from engine.database.database import Database
from engine.database.statements import Command, Query, Statement
from engine.database.tables import Delivery, Job, JobItem
from engine.database.transaction import ModelTransaction, Transaction
from engine.delivery.status import Status
from engine.queries.being_sent import held
from engine.queries.deliveries import Filters
from engine.specs.record_type import Spec

DRAFT_LIFE_MS = 24 * 3600_000  # after this time a job that nobody confirmed is deleted


class Action(StrEnum):
    """Action of a job on each of its deliveries."""

    RESEND = "resend"
    IGNORE = "ignore"
    REGENERATE = "regenerate"  # send again with a new payload, in any status including sent
    MEND = "mend"  # send again with values that rules replace; see engine.jobs.mend


class JobState(StrEnum):
    """State of a job."""

    DRAFT = "draft"  # the set is fixed; a person has yet to confirm the job
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


# Statuses in which a job takes a delivery that its filter matches.
TAKEN = {
    Action.RESEND: (Status.FAILED, Status.UNSURE, Status.RETRYING, Status.IGNORED),
    Action.IGNORE: (Status.BLOCKED, Status.QUEUED, Status.RETRYING, Status.UNSURE, Status.FAILED),
    Action.REGENERATE: (Status.SENT, Status.FAILED, Status.UNSURE, Status.RETRYING),
    Action.MEND: (Status.FAILED,),
}

# Moves of a job by a person: the states before, and the state after.
MOVES = {
    "pause": ((JobState.RUNNING,), JobState.PAUSED),
    "resume": ((JobState.PAUSED,), JobState.RUNNING),
    "cancel": ((JobState.RUNNING, JobState.PAUSED), JobState.CANCELLED),
}


async def draft(
    database: Database,
    facility_id: int,
    upstream: str,
    action: Action,
    which: Sequence[int] | Select[int] | Filters,
    *,
    chosen: Mapping[str, Any],
    actor: str,
    order: Sequence[str] = (),
    limit: int | None = None,
) -> int:
    """Store a draft with its set of deliveries, given by ids or a filter, and return the job's id.

    The job does nothing until `begin`. `chosen` describes the selection for people; `order` lists the types so that
    needed ones come first. If more than `limit` are selected, the set has one more than that: enough to tell.
    """
    job = _draft_row(database.clock(), facility_id, upstream, action, chosen, actor)
    conditions = _set(facility_id, upstream, action, which)
    if limit is not None:
        conditions = [Delivery.id.in_(select(Delivery.id).where(*conditions).limit(limit + 1))]
    return await database.write_models(_draft, job, conditions, order)


async def drafted(
    tx: ModelTransaction,
    facility_id: int,
    upstream: str,
    action: Action,
    ids: Sequence[int],
    *,
    chosen: Mapping[str, Any],
    actor: str,
) -> int:
    """Draft a job with these deliveries within a transaction."""
    job = _draft_row(tx.now, facility_id, upstream, action, chosen, actor)
    return await _draft(tx, job, _set(facility_id, upstream, action, ids), ())


def _draft_row(
    now: int, facility_id: int, upstream: str, action: Action, chosen: Mapping[str, Any], actor: str
) -> dict[str, Any]:
    return {
        "facility_id": facility_id,
        "upstream": upstream,
        "action": action,
        "actor": actor,
        "reason": "",
        "chosen": orjson.dumps(chosen).decode(),
        "state": JobState.DRAFT,
        "total": 0,
        "created_at": now,
    }


async def begin(database: Database, facility_id: int, job_id: int, *, reason: str, actor: str) -> bool:
    """Start a draft; False if it has been started or deleted already."""
    return await database.write(begun, facility_id, job_id, reason, actor)


async def start(
    database: Database,
    facility_id: int,
    upstream: str,
    action: Action,
    which: Sequence[int] | Select[int] | Filters,
    *,
    chosen: Mapping[str, Any],
    reason: str,
    actor: str,
    order: Sequence[str] = (),
) -> int:
    """Draft a job and begin it at once; return its id."""
    id_ = await draft(database, facility_id, upstream, action, which, chosen=chosen, actor=actor, order=order)
    await begin(database, facility_id, id_, reason=reason, actor=actor)
    return id_


async def move(database: Database, facility_id: int, job_id: int, how: str, actor: str) -> bool:
    """Pause, resume or cancel a job (MOVES), after its running batch; False if its state does not allow the move."""
    return await database.write_models(_move, facility_id, job_id, how, actor)


async def _move(tx: ModelTransaction, facility_id: int, job_id: int, how: str, actor: str) -> bool:
    before, after = MOVES[how]
    movable = update(Job).where(Job.id == job_id, Job.facility_id == facility_id, Job.state.in_(before))
    ended = {"ended_at": tx.now} if after is JobState.CANCELLED else {}
    moved = (await tx.execute(movable.values(state=after, **ended))) == 1
    if moved:
        await note_move(tx, facility_id, job_id, how, actor)
    return moved


async def note_move(tx: Transaction, facility_id: int, job_id: int, how: str, actor: str) -> None:
    """Note the move of a job in the audit log."""
    await note(tx, tx.now, actor, f"job.{how}", facility_id=facility_id, reason=f"#{job_id}")


async def discard(database: Database, facility_id: int, job_id: int) -> bool:
    """Delete a draft; False if the job is no draft."""
    return await database.write(_forget, _ONE_DRAFT, {"id": job_id, "facility": facility_id}) == 1


async def forget_drafts(database: Database) -> None:
    """Delete the drafts that nobody confirmed in time."""
    before = {"before": database.clock() - DRAFT_LIFE_MS}
    if await database.fetch(_FIND_OLD_DRAFTS, before):
        await database.write(_forget, _OLD_DRAFTS, before)


async def _forget(tx: Transaction, which: str, parameters: Mapping[str, Any]) -> int:
    await tx.execute(_DELETE_ITEMS[which], parameters)
    return await tx.execute(_DELETE_JOBS[which], parameters)


_ONE_DRAFT = "id = :id AND facility_id = :facility AND state = 'draft'"
_OLD_DRAFTS = "state = 'draft' AND created_at < :before"
_FIND_OLD_DRAFTS = Statement(f"SELECT id FROM jobs WHERE {_OLD_DRAFTS}", int)
_DELETE_ITEMS = {
    which: Command(f"DELETE FROM job_items WHERE job_id IN (SELECT id FROM jobs WHERE {which})")
    for which in (_ONE_DRAFT, _OLD_DRAFTS)
}
_DELETE_JOBS = {which: Command(f"DELETE FROM jobs WHERE {which}") for which in (_ONE_DRAFT, _OLD_DRAFTS)}


def in_order(specs: Iterable[Spec]) -> list[str]:
    """Return the names of the types, needed types first."""
    needed = {
        spec.name: {name for need in spec.needs if need.operation is None for name in need.specs} for spec in specs
    }
    try:
        return list(TopologicalSorter(needed).static_order())
    except CycleError:  # the catalog refuses circles; without an order the job only takes longer
        return list(needed)


def _set(
    facility_id: int, upstream: str, action: Action, which: Sequence[int] | Select[int] | Filters
) -> list[ColumnElement[bool]]:
    """Return the conditions that select the deliveries of a job.

    A filter names its types, and these imply the upstream; a condition on the upstream would read the table for each
    row instead of an index alone.
    """
    if not isinstance(which, Filters):
        # + 0 keeps the planner from an index that begins with the facility; it must look up the ids.
        return [Delivery.facility_id + 0 == facility_id, Delivery.upstream == upstream, Delivery.id.in_(which)]
    selected = which.statuses or [status for status in TAKEN[action] if status != Status.IGNORED]
    taken = [status for status in TAKEN[action] if status in selected]
    if not taken:
        return [false()]
    is_free = Delivery.id.not_in(held(facility_id))
    return [Delivery.facility_id == facility_id, is_free, *replace(which, statuses=taken).conditions()]


async def _draft(
    tx: ModelTransaction, job: Mapping[str, Any], conditions: Sequence[ColumnElement[bool]], order: Sequence[str]
) -> int:
    [id_] = await tx.rows(Query(insert(Job).values(**job).returning(Job.id), int))
    rank = case({name: place for place, name in enumerate(order)}, value=Delivery.spec, else_=len(order))
    by = [rank, Delivery.id] if order else [Delivery.id]
    chosen = select(literal(id_), func.row_number().over(order_by=by), Delivery.id).where(*conditions)
    await tx.execute(insert(JobItem).from_select(["job_id", "position", "delivery_id"], chosen))
    total = select(func.coalesce(func.max(JobItem.position), 0)).where(JobItem.job_id == id_)
    await tx.execute(update(Job).where(Job.id == id_).values(total=total.scalar_subquery()))
    return id_


async def begun(tx: Transaction, facility_id: int, job_id: int, reason: str, actor: str) -> bool:
    """Start a draft within a transaction."""
    values = {"id": job_id, "facility": facility_id, "reason": reason, "actor": actor, "now": tx.now}
    action = await tx.first(_BEGIN, values)
    if action is not None:
        await note(tx, tx.now, actor, f"job.{action}", facility_id=facility_id, reason=f"#{job_id} {reason}")
    return action is not None


_BEGIN = Statement(
    """
UPDATE jobs SET reason = :reason, actor = :actor, state = CASE WHEN total = 0 THEN 'done' ELSE 'running' END,
  ended_at = CASE WHEN total = 0 THEN CAST(:now AS BIGINT) END
WHERE id = :id AND facility_id = :facility AND state = 'draft' RETURNING action
""",
    str,
)
