"""Failures grouped by spec and cause, largest group first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import func, select

from engine.database.database import Database
from engine.database.statements import Query
from engine.database.tables import Delivery

MAX_GROUPS = 100  # the page shows the largest; the rest appear as these are fixed


@dataclass(frozen=True, slots=True)
class Group:
    """Failures of one cause: their number, patients, first and last settlement (epoch ms), and a sample message."""

    spec: str
    cause: str
    n: int
    patients: int
    first: int | None
    last: int | None
    sample: str


class _Failures(NamedTuple):
    """Failures of one cause, and the newest of them."""

    spec: str
    cause: str
    n: int
    patients: int
    first: int | None
    last: int | None
    newest: int


class _Sample(NamedTuple):
    """A failed delivery with its message."""

    id: int
    problem: str | None


async def groups(database: Database, facility_id: int, specs: Sequence[str]) -> list[Group]:
    """Return the groups of these types; all but the samples is read from ix_deliveries_cause alone."""
    conditions = [Delivery.facility_id == facility_id, Delivery.spec.in_(specs), Delivery.cause.is_not(None)]
    n = func.count().label("n")
    query = (
        select(
            Delivery.spec,
            Delivery.cause,
            n,
            func.count(Delivery.patient_norm.distinct()).label("patients"),
            func.min(Delivery.settled_at).label("first"),
            func.max(Delivery.settled_at).label("last"),
            func.max(Delivery.id).label("newest"),
        )
        .where(*conditions)
        .group_by(Delivery.spec, Delivery.cause)
        .order_by(n.desc(), Delivery.spec, Delivery.cause)
        .limit(MAX_GROUPS)
    )
    rows = await database.fetch(Query(query, _Failures))
    problems = select(Delivery.id, Delivery.problem).where(Delivery.id.in_([row.newest for row in rows]))
    samples = {row.id: row.problem for row in await database.fetch(Query(problems, _Sample))} if rows else {}
    return [
        Group(row.spec, row.cause, row.n, row.patients, row.first, row.last, samples.get(row.newest) or "")
        for row in rows
    ]
