"""Failures in groups that have spec and cause in common, the largest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from engine.database.database import Database
from engine.database.tables import Delivery

MAX_GROUPS = 100  # groups that are told; whoever mends these sees the next


@dataclass(frozen=True, slots=True)
class Group:
    """What failed alike: how many, of how many patients, first and last settled (epoch ms), and one's own words."""

    spec: str
    cause: str
    n: int
    patients: int
    first: int | None
    last: int | None
    sample: str


async def groups(database: Database, facility_id: int, specs: Sequence[str]) -> list[Group]:
    """The groups of these types; answered from ix_deliveries_cause alone but for the samples."""
    wanted = [Delivery.facility_id == facility_id, Delivery.spec.in_(specs), Delivery.cause.is_not(None)]
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
        .where(*wanted)
        .group_by(Delivery.spec, Delivery.cause)
        .order_by(n.desc(), Delivery.spec, Delivery.cause)
        .limit(MAX_GROUPS)
    )
    rows = await database.fetch(query)
    samples = select(Delivery.id, Delivery.problem).where(Delivery.id.in_([row.newest for row in rows]))
    said = {row.id: row.problem for row in await database.fetch(samples)} if rows else {}
    return [
        Group(row.spec, row.cause, row.n, row.patients, row.first, row.last, said.get(row.newest) or "") for row in rows
    ]
