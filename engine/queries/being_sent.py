"""Shows deliveries that a worker holds as being sent: their rows keep the status in which they were claimed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, case, literal, null, select

from engine.database.tables import Delivery, held_deliveries
from engine.delivery.status import Status

CLAIMABLE = frozenset((Status.QUEUED, Status.RETRYING, Status.UNSURE))  # statuses of the rows that a worker may hold


def held(facility_id: int) -> Select[Any]:
    """Select the ids of the facility's deliveries that are being sent."""
    return select(held_deliveries.c.delivery_id).where(held_deliveries.c.facility_id == facility_id)


def has_status(facility_id: int, status: str) -> list[ColumnElement[bool]]:
    """Return the conditions that deliveries of the facility are shown in this status."""
    if status == Status.SENDING:
        return [Delivery.id.in_(held(facility_id))]
    is_free = [Delivery.id.not_in(held(facility_id))] if status in CLAIMABLE else []
    return [Delivery.status == status, *is_free]


def shown_status(facility_id: int) -> ColumnElement[Any]:
    """Return the status in which deliveries of the facility are shown."""
    return case((Delivery.id.in_(held(facility_id)), literal(Status.SENDING.value)), else_=Delivery.status)


def shown(facility_id: int) -> list[ColumnElement[Any]]:
    """Return all columns of deliveries of the facility as they are shown: what is being sent is not due."""
    due_at = case((Delivery.id.in_(held(facility_id)), null()), else_=Delivery.due_at)
    replaced: dict[str, ColumnElement[Any]] = {"status": shown_status(facility_id), "due_at": due_at}
    return [replaced.get(column.name, column).label(column.name) for column in Delivery.__table__.columns]
