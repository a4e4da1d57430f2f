"""Corrections as the panel shows them: the affected deliveries, their number, and the job that sends them again.

engine.corrections.search finds the deliveries; engine.outbox.corrections removes them from the list when they are sent.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson
from sqlalchemy import ColumnElement, Select, select

from engine.database.database import Database
from engine.database.rows import DeliveryRow
from engine.database.statements import Query, Statement
from engine.database.tables import CorrectionDelivery, Delivery
from engine.delivery.bodies import unpacked
from engine.delivery.status import Status
from engine.specs.record_type import Operation

RESENDABLE = (Status.SENT, Status.FAILED, Status.UNSURE, Status.RETRYING)


class OpenCorrection(NamedTuple):
    """A correction of a clinic for which deliveries are still to be sent again."""

    spec: str
    name: str
    affected: int


class LastRequest(NamedTuple):
    """A request of a delivery; None if its body was removed."""

    operation: Operation
    request: bytes | None


class Resending(NamedTuple):
    """An unfinished job that sends deliveries again."""

    id: int
    chosen: str
    done: int
    total: int


async def open_corrections(database: Database, facility_id: int) -> list[OpenCorrection]:
    """Return the corrections of a clinic with affected deliveries; the cost grows with corrections, not deliveries."""
    return await database.fetch(_OPEN, {"facility": facility_id})


async def affected_page(
    database: Database, facility_id: int, spec: str, name: str, after: int, size: int
) -> list[DeliveryRow]:
    """Return affected deliveries by id, one more than `size` if there are further ones."""
    query = (
        select(Delivery.__table__)
        .join(CorrectionDelivery, CorrectionDelivery.delivery_id == Delivery.id)
        .where(*_of(facility_id, spec, name), CorrectionDelivery.delivery_id > after)
        .order_by(CorrectionDelivery.delivery_id)
        .limit(size + 1)
    )
    return await database.fetch(Query(query, DeliveryRow))


async def affected_count(database: Database, facility_id: int, spec: str, name: str) -> int:
    """Return the stored number of deliveries that the correction still affects."""
    return await database.first(_AFFECTED, {"facility": facility_id, "spec": spec, "name": name}) or 0


async def last_request(database: Database, delivery_id: int) -> LastRequest | None:
    """Return the last request that may have arrived, or None."""
    last = await database.first(_LAST_REQUEST, {"id": delivery_id})
    return None if last is None else last._replace(request=unpacked(last.request))


async def resending(database: Database, facility_id: int, spec: str, name: str) -> Resending | None:
    """Return the unfinished job that sends the affected deliveries again."""
    rows = await database.fetch(_JOBS, {"facility": facility_id})
    chosen = {"spec": spec, "correction": name}
    return next((row for row in rows if orjson.loads(row.chosen) == chosen), None)


def resendable(facility_id: int, spec: str, name: str) -> Select[int]:
    """Select the ids of the affected deliveries that a job may take."""
    return (
        select(CorrectionDelivery.delivery_id)
        .join(Delivery, CorrectionDelivery.delivery_id == Delivery.id)
        .where(*_of(facility_id, spec, name), Delivery.status.in_(RESENDABLE))
    )


def _of(facility_id: int, spec: str, name: str) -> tuple[ColumnElement[bool], ...]:
    table = CorrectionDelivery
    return table.facility_id == facility_id, table.spec == spec, table.name == name


_KEY = "facility_id = :facility AND spec = :spec AND name = :name"
_OPEN = Statement(
    """
SELECT spec, name, affected FROM correction_searches WHERE facility_id = :facility AND affected > 0 ORDER BY spec, name
""",
    OpenCorrection,
)
_AFFECTED = Statement(f"SELECT affected FROM correction_searches WHERE {_KEY}", int)
_LAST_REQUEST = Statement(
    """
SELECT operation, request FROM attempts
WHERE delivery_id = :id AND operation IN ('create', 'update') AND verdict IN ('accepted', 'unsure')
ORDER BY id DESC LIMIT 1
""",
    LastRequest,
)
_JOBS = Statement(
    """
SELECT id, chosen, done, total FROM jobs
WHERE facility_id = :facility AND state IN ('running', 'paused') AND action = 'regenerate' ORDER BY id DESC
""",
    Resending,
)
