"""Reading jobs: the newest of a facility, one of them, and what became of its items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from engine.database import Database
from engine.jobs import State
from engine.models import Delivery, Job, JobItem
from engine.outbox.resend import Handled


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows and the cursor of the next page; None on the last."""

    rows: Sequence[Any]
    next: int | None


async def newest(database: Database, facility_id: int, before: int | None, size: int) -> Rows:
    """The jobs of a facility that were begun, newest first; `before` is the id of the last one seen."""
    query = select(Job.__table__).where(Job.facility_id == facility_id, Job.state != State.DRAFT)
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
            Delivery.patient_norm,
            Delivery.patient_name,
        )
        .join(Delivery, Delivery.id == JobItem.delivery_id, isouter=True)
        .where(JobItem.job_id == job_id, JobItem.position > after)
    )
    if skipped:
        query = query.where(JobItem.outcome != Handled.DONE)
    rows = await database.fetch(query.order_by(JobItem.position).limit(size + 1))
    return Rows(rows[:size], rows[size - 1].position if len(rows) > size else None)
