"""Queries over jobs: a facility's newest, a single one, its items, and the results of its deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import select

from engine.database.database import Database
from engine.database.rows import JobRow
from engine.database.statements import Query, Statement
from engine.database.tables import Delivery, Job, JobItem
from engine.delivery.status import Status
from engine.jobs.jobs import JobState
from engine.outbox.resend import ActionResult
from engine.queries.being_sent import shown_status

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """Rows and the cursor of the next page; None on the last page."""

    rows: Sequence[T]
    next: int | None


class JobDelivery(NamedTuple):
    """An item of a job with its delivery as it is now; the fields of the delivery are None if it was removed."""

    position: int
    outcome: str | None
    delivery_id: int
    spec: str | None
    key: str | None
    status: str | None
    http_status: int | None
    cause: str | None
    patient_norm: str | None
    patient_name: str | None


MAX_COUNTED = 50_000  # deliveries of a job that are counted per status; a larger number is given as this one


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers by status of the deliveries that a job sent again.

    Deliveries that a person or another job has sent again since then are not counted.
    """

    counts: Mapping[str, int] = field(default_factory=dict)

    def of(self, *statuses: Status) -> int:
        return sum(self.counts.get(status, 0) for status in statuses)

    @property
    def capped(self) -> bool:
        """Return whether a count has reached MAX_COUNTED."""
        return MAX_COUNTED in self.counts.values()


async def tallies(database: Database, job_ids: Sequence[int]) -> dict[int, Tally]:
    """Count the deliveries of these jobs by status, from ix_deliveries_job alone."""
    counts: dict[int, dict[str, int]] = {id_: {} for id_ in job_ids}
    if not job_ids:
        return {}
    for row in await database.fetch(_TALLY, {"ids": job_ids, "most": MAX_COUNTED}):
        if row.n:
            counts[row.id][row.status] = row.n
    for row in await database.fetch(_BEING_SENT, {"ids": job_ids}):
        by_status = counts[row.id]
        by_status[row.status] = max(0, by_status.get(row.status, 0) - row.n)
        by_status[Status.SENDING] = by_status.get(Status.SENDING, 0) + row.n
    return {id_: Tally(by_status) for id_, by_status in counts.items()}


async def commonest_cause(database: Database, job_id: int) -> CauseCount | None:
    """Return the most frequent cause of failure in a job and its number of deliveries; None if none failed."""
    return await database.first(_CAUSE, {"job": job_id, "most": MAX_COUNTED})


class _StatusCount(NamedTuple):
    """Number of a job's deliveries in a status."""

    id: int
    status: str
    n: int


class CauseCount(NamedTuple):
    """A cause of failure and the number of deliveries that have it."""

    cause: str
    n: int


# `job_id IS NOT NULL` is the condition of the partial index: without it a planner may not use the index.
_STATUSES = " UNION ALL ".join(f"SELECT '{status}' AS status" for status in Status)
_TALLY = Statement(
    f"""
SELECT j.id, s.status, (
  SELECT COUNT(*) FROM (
    SELECT 1 FROM deliveries AS d
    WHERE d.job_id = j.id AND d.job_id IS NOT NULL AND d.status = s.status LIMIT :most
  ) AS counted
) AS n
FROM {{ids}} AS j CROSS JOIN ({_STATUSES}) AS s
""",
    _StatusCount,
    ids="id bigint",
)
# Each is counted above in the status in which it was claimed.
_BEING_SENT = Statement(
    """
SELECT d.job_id AS id, d.status, COUNT(*) AS n FROM held_deliveries AS h JOIN deliveries AS d ON d.id = h.delivery_id
WHERE d.job_id IN (SELECT id FROM {ids} AS v) GROUP BY d.job_id, d.status
""",
    _StatusCount,
    ids="id bigint",
)
_CAUSE = Statement(
    """
SELECT cause, COUNT(*) AS n FROM (
  SELECT cause FROM deliveries
  WHERE job_id = :job AND job_id IS NOT NULL AND status = 'failed' AND cause IS NOT NULL LIMIT :most
) AS failures GROUP BY cause ORDER BY n DESC, cause LIMIT 1
""",
    CauseCount,
)


async def newest(database: Database, facility_id: int, before: int | None, size: int) -> Rows[JobRow]:
    """Return the jobs of a facility that were begun, newest first; `before` is the last id of the page before."""
    query = select(Job.__table__).where(Job.facility_id == facility_id, Job.state != JobState.DRAFT)
    if before is not None:
        query = query.where(Job.id < before)
    rows = await database.fetch(Query(query.order_by(Job.id.desc()).limit(size + 1), JobRow))
    return Rows(rows[:size], rows[size - 1].id if len(rows) > size else None)


async def one(database: Database, facility_id: int, job_id: int) -> JobRow | None:
    """Return the job's row; None if the facility has no such job."""
    query = select(Job.__table__).where(Job.id == job_id, Job.facility_id == facility_id)
    return await database.first(Query(query, JobRow))


async def items(
    database: Database, facility_id: int, job_id: int, after: int, size: int, *, skipped: bool = False
) -> Rows[JobDelivery]:
    """Return a job's items in order, each with its delivery as it is now; `skipped`: only items without effect."""
    query = (
        select(
            JobItem.position,
            JobItem.outcome,
            JobItem.delivery_id,
            Delivery.spec,
            Delivery.key,
            shown_status(facility_id),
            Delivery.http_status,
            Delivery.cause,
            Delivery.patient_norm,
            Delivery.patient_name,
        )
        .join(Delivery, Delivery.id == JobItem.delivery_id, isouter=True)
        .where(JobItem.job_id == job_id, JobItem.position > after)
    )
    if skipped:
        query = query.where(JobItem.outcome != ActionResult.DONE)
    rows = await database.fetch(Query(query.order_by(JobItem.position).limit(size + 1), JobDelivery))
    return Rows(rows[:size], rows[size - 1].position if len(rows) > size else None)
