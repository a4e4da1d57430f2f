"""Processes running jobs batch by batch; a batch and its results are stored in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import Lane
from engine.delivery.types import Channel
from engine.failpoints import failpoint
from engine.jobs.jobs import Action, forget_drafts
from engine.outbox.resend import ActionResult, Written, make_due, set_aside

BATCH_DELIVERIES = 500  # deliveries per transaction; a pause or a cancel waits for one batch at most


async def run_jobs(database: Database, ring: Callable[[Channel], None], stopping: Callable[[], bool]) -> None:
    """Process a batch of each running job in rotation until none is left or `stopping`, in parallel to other workers.

    If a worker dies its batch is rolled back, and the next worker begins with the first item that has no outcome.
    """
    await forget_drafts(database)
    moved = True
    while moved and not stopping():
        moved = False
        for job_id in await database.fetch(_RUNNING, {"now": database.clock()}):
            channel = await database.write(_step, job_id)
            if channel is not None:
                ring(channel)
                moved = True


async def _step(tx: Transaction, job_id: int) -> Channel | None:
    """Process one batch; None if another worker has the job, or the job is no longer running."""
    job = await tx.first(_TAKE, {"id": job_id, "now": tx.now})
    if job is None:
        return None
    items = await tx.rows(_NEXT, {"job": job_id, "after": job.done, "until": job.done + BATCH_DELIVERIES})
    outcomes = await _act(tx, job, [item.delivery_id for item in items])
    for outcome in sorted(set(outcomes.values())):
        positions = [item.position for item in items if outcomes[item.delivery_id] is outcome]
        await tx.execute(_NOTE, {"job": job_id, "outcome": outcome.value, "positions": positions})
    failpoint("job_batch")
    skipped = sum(outcome is not ActionResult.DONE for outcome in outcomes.values())
    done = {"id": job_id, "done": job.done + len(items), "skipped": skipped, "now": tx.now}
    await tx.execute(_ADVANCE, done)
    return Channel(job.upstream, job.facility_id)


async def _act(tx: Transaction, job: _Job, ids: list[int]) -> dict[int, ActionResult]:
    """Apply the job's action in the bulk lane, behind today's patients; regenerating drops a person's own body."""
    if job.action == Action.IGNORE:
        return await set_aside(tx, job.facility_id, ids, job.actor, reason=job.reason)
    renew = job.action == Action.REGENERATE
    return await make_due(
        tx,
        job.facility_id,
        ids,
        job.actor,
        reason=job.reason,
        renew=renew,
        lane=Lane.BULK,
        written=Written(None) if renew else None,
        job_id=job.id,
    )


class _Job(NamedTuple):
    """A running job."""

    id: int
    facility_id: int
    upstream: str
    action: str
    reason: str
    actor: str
    done: int


class _NextItem(NamedTuple):
    """An item of a job that is next."""

    position: int
    delivery_id: int


_STARTED = "state = 'running' AND (starts_at IS NULL OR starts_at <= :now)"
_RUNNING = Statement(f"SELECT id FROM jobs WHERE {_STARTED} ORDER BY id", int)
_TAKE = Statement(
    f"""
SELECT id, facility_id, upstream, action, reason, actor, done FROM jobs
WHERE id = :id AND {_STARTED} {{FOR UPDATE SKIP LOCKED}}
""",
    _Job,
)
_NEXT = Statement(
    """
SELECT position, delivery_id FROM job_items
WHERE job_id = :job AND position > :after AND position <= :until ORDER BY position
""",
    _NextItem,
)
_NOTE = Command(
    """
UPDATE job_items SET outcome = :outcome WHERE job_id = :job AND position IN (SELECT position FROM {positions} AS v)
""",
    positions="position integer",
)
_ADVANCE = Command(
    """
UPDATE jobs SET done = :done, skipped = skipped + :skipped,
  state = CASE WHEN :done >= total THEN 'done' ELSE state END,
  ended_at = CASE WHEN :done >= total THEN CAST(:now AS BIGINT) ELSE ended_at END
WHERE id = :id
"""
)
