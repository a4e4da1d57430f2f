"""Reading jobs: the newest of a facility, one of them, its items, and what became of its deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, text

from engine.database.database import Database, as_json
from engine.database.tables import Delivery, Job, JobItem
from engine.delivery.status import Status
from engine.jobs.jobs import JobState
from engine.outbox.resend import ActionResult


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows and the cursor of the next page; None on the last."""

    rows: Sequence[Any]
    next: int | None


MAX_COUNTED = 50_000  # deliveries of a job that are counted per status; a larger number counts as this one


@dataclass(frozen=True, slots=True)
class Tally:
    """Where the deliveries stand that a job sent again: their number by status.

    Those that a person or another job has sent again since are no longer among them.
    """

    counts: Mapping[str, int] = field(default_factory=dict)

    def of(self, *statuses: Status) -> int:
        return sum(self.counts.get(status, 0) for status in statuses)

    @property
    def capped(self) -> bool:
        """Whether a status has more than are counted."""
        return MAX_COUNTED in self.counts.values()


async def tallies(database: Database, job_ids: Sequence[int]) -> dict[int, Tally]:
    """Count what became of the deliveries of these jobs; answered from ix_deliveries_job alone."""
    found: dict[int, dict[str, int]] = {id_: {} for id_ in job_ids}
    query = text(_TALLY % database.rows({"id": "bigint"}, "ids"))
    parameters = {"ids": as_json([[id_] for id_ in job_ids]), "most": MAX_COUNTED}
    for row in await database.fetch(query, parameters) if job_ids else []:
        if row.n:
            found[row.id][row.status] = row.n
    return {id_: Tally(counts) for id_, counts in found.items()}


async def commonest_cause(database: Database, job_id: int) -> tuple[str, int] | None:
    """Return the cause with which most deliveries of a job failed, and how many did; None if none failed."""
    rows = await database.fetch(text(_CAUSE), {"job": job_id, "most": MAX_COUNTED})
    return (rows[0].cause, rows[0].n) if rows else None


# A job's number alone leads into the index: the planner may not know that only those with one stand in it.
_STATUSES = " UNION ALL ".join(f"SELECT '{status}' AS status" for status in Status)
_TALLY = f"""
SELECT j.id, s.status, (
  SELECT COUNT(*) FROM (
    SELECT 1 FROM deliveries AS d
    WHERE d.job_id = j.id AND d.job_id IS NOT NULL AND d.status = s.status LIMIT :most
  ) AS counted
) AS n
FROM %s AS j CROSS JOIN ({_STATUSES}) AS s
"""
_CAUSE = """
SELECT cause, COUNT(*) AS n FROM (
  SELECT cause FROM deliveries
  WHERE job_id = :job AND job_id IS NOT NULL AND status = 'failed' AND cause IS NOT NULL LIMIT :most
) AS failures GROUP BY cause ORDER BY n DESC, cause LIMIT 1
"""


async def newest(database: Database, facility_id: int, before: int | None, size: int) -> Rows:
    """The jobs of a facility that were begun, newest first; `before` is the id of the last one seen."""
    query = select(Job.__table__).where(Job.facility_id == facility_id, Job.state != JobState.DRAFT)
    if before is not None:
        query = query.where(Job.id < before)
    rows = await database.fetch(query.order_by(Job.id.desc()).limit(size + 1))
    return Rows(rows[:size], rows[size - 1].id if len(rows) > size else None)


async def one(database: Database, facility_id: int, job_id: int) -> Any | None:
    """The job's row; None if it is not there or another facility's."""
    query = select(Job.__table__).where(Job.id == job_id, Job.facility_id == facility_id)
    return next(iter(await database.fetch(query)), None)


async def items(database: Database, job_id: int, after: int, size: int, *, skipped: bool = False) -> Rows:
    """Items with their delivery as it stands now, in their order; `skipped`: those on which nothing was done."""
    query = (
        select(
            JobItem.position,
            JobItem.outcome,
            JobItem.delivery_id,
            Delivery.spec,
            Delivery.key,
            Delivery.status,
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
    rows = await database.fetch(query.order_by(JobItem.position).limit(size + 1))
    return Rows(rows[:size], rows[size - 1].position if len(rows) > size else None)
