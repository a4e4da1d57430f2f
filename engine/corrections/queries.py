"""Corrections as the panel shows them: the affected deliveries, their number, and the job that sends them again.

engine.corrections.search finds the deliveries; engine.outbox.corrections removes them from the list when they are sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Select, select, text

from engine.database.database import Database
from engine.database.tables import CorrectionDelivery, Delivery
from engine.delivery.status import Status

RESENDABLE = (Status.SENT, Status.FAILED, Status.UNSURE, Status.RETRYING)


@dataclass(frozen=True, slots=True)
class OpenCorrection:
    """A correction of a clinic for which deliveries are still to be sent again."""

    spec: str
    name: str
    affected: int


async def open_corrections(database: Database, facility_id: int) -> list[OpenCorrection]:
    """Return the corrections of a clinic with affected deliveries; the cost grows with corrections, not deliveries."""
    rows = await database.fetch(text(_OPEN), {"facility": facility_id})
    return [OpenCorrection(row.spec, row.name, row.affected) for row in rows]


async def affected_page(
    database: Database, facility_id: int, spec: str, name: str, after: int, size: int
) -> Sequence[Any]:
    """Return affected deliveries by id, one more than `size` if there are further ones."""
    query = (
        select(Delivery.__table__)
        .join(CorrectionDelivery, CorrectionDelivery.delivery_id == Delivery.id)
        .where(*_of(facility_id, spec, name), CorrectionDelivery.delivery_id > after)
        .order_by(CorrectionDelivery.delivery_id)
        .limit(size + 1)
    )
    return await database.fetch(query)


async def affected_count(database: Database, facility_id: int, spec: str, name: str) -> int:
    """Return the stored number of deliveries that the correction still affects."""
    rows = await database.fetch(text(_AFFECTED), {"facility": facility_id, "spec": spec, "name": name})
    return int(rows[0].affected) if rows else 0


async def last_request(database: Database, delivery_id: int) -> Any | None:
    """Return `operation` and `request` (None if pruned) of the last request that may have arrived, or None."""
    rows = await database.fetch(text(_LAST_REQUEST), {"id": delivery_id})
    return rows[0] if rows else None


async def resending(database: Database, facility_id: int, spec: str, name: str) -> Any | None:
    """Return the unfinished job that sends the affected deliveries again: id, done, total."""
    rows = await database.fetch(text(_JOBS), {"facility": facility_id})
    chosen = {"spec": spec, "correction": name}
    return next((row for row in rows if orjson.loads(row.chosen) == chosen), None)


def resendable(facility_id: int, spec: str, name: str) -> Select[int]:
    """Select the ids of the affected deliveries that a job may take."""
    return (
        select(CorrectionDelivery.delivery_id)
        .join(Delivery, CorrectionDelivery.delivery_id == Delivery.id)
        .where(*_of(facility_id, spec, name), Delivery.status.in_(RESENDABLE))
    )


def _of(facility_id: int, spec: str, name: str) -> tuple[Any, ...]:
    table = CorrectionDelivery
    return table.facility_id == facility_id, table.spec == spec, table.name == name


_KEY = "facility_id = :facility AND spec = :spec AND name = :name"
_OPEN = """
SELECT spec, name, affected FROM correction_searches WHERE facility_id = :facility AND affected > 0 ORDER BY spec, name
"""
_AFFECTED = f"SELECT affected FROM correction_searches WHERE {_KEY}"
_LAST_REQUEST = """
SELECT operation, request FROM attempts
WHERE delivery_id = :id AND operation IN ('create', 'update') AND verdict IN ('accepted', 'unsure')
ORDER BY id DESC LIMIT 1
"""
_JOBS = """
SELECT id, chosen, done, total FROM jobs
WHERE facility_id = :facility AND state IN ('running', 'paused') AND action = 'regenerate' ORDER BY id DESC
"""
