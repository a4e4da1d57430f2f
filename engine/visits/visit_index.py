"""Index of visits and patients: which deliveries belong to a visit, and which tell a number of a patient.

A worker fills it together with the index of lists (engine.outbox.list_index), a moment after intake. It holds no
status: pages read that from the deliveries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction


class IndexedRecord(NamedTuple):
    """Facts of a delivery's record: the key of its visit, its patient, and hashes of the patient's numbers."""

    delivery_id: int
    facility_id: int
    visit: str | None
    patient_norm: str | None
    numbers: tuple[str, ...]


class VisitMember(NamedTuple):
    """A delivery that belongs to a visit."""

    visit_id: int
    delivery_id: int


async def members_of(database: Database, visit_ids: Sequence[int]) -> list[VisitMember]:
    """Return the deliveries of visits, ordered by visit and id."""
    # Sorted here: PostgreSQL would merge an order of visits along the whole index, up to their ids.
    return sorted(await database.fetch(_MEMBERS, {"ids": list(visit_ids)})) if visit_ids else []


async def enter_visits(tx: Transaction, records: Sequence[IndexedRecord]) -> None:
    """Replace what the index has of these deliveries; their visits, the former ones too, are to be reviewed."""
    ids = [record.delivery_id for record in records]
    # Sorted: two transactions that bring the same patients or visits must not deadlock.
    patients = sorted({(record.facility_id, record.patient_norm) for record in records if record.patient_norm})
    visits = sorted({(record.facility_id, record.visit) for record in records if record.visit is not None})
    await tx.execute(_ADD_PATIENTS, {"rows": patients})
    visit_ids = {(row.facility_id, row.key): row.id for row in await tx.rows(_CHANGE_VISITS, {"rows": visits})}
    former = set(await tx.rows(_FORMER, {"ids": ids})) - set(visit_ids.values())
    await tx.execute(_LEAVE_VISITS, {"ids": ids})
    await tx.execute(_FORGET_NUMBERS, {"ids": ids})
    joined = [(visit_ids[r.facility_id, r.visit], r.delivery_id) for r in records if r.visit is not None]
    await tx.execute(_JOIN_VISITS, {"rows": sorted(joined)})
    numbers = {(number, record.delivery_id) for record in records for number in record.numbers}
    await tx.execute(_ADD_NUMBERS, {"rows": sorted(numbers)})
    await tx.execute(_CHANGED, {"ids": sorted(former)})


class StoredLack(NamedTuple):
    """A requirement that a visit does not meet, as it is stored; `due_at` is when it should have been handed in."""

    use_case: str
    need: str
    found: int
    due_at: int


class ReviewedVisit(NamedTuple):
    """Findings of a review of a visit; `changes` is the state of its records that was reviewed."""

    id: int
    changes: int
    day: str | None
    patient_norm: str | None
    delivery_id: int | None
    use_cases: str
    lacks: str
    lacks_from: int | None


async def store_reviews(tx: Transaction, reviews: Iterable[ReviewedVisit]) -> None:
    """Store reviews; a visit whose records have changed meanwhile is reviewed again."""
    rows = sorted(tuple(review) for review in reviews)
    await tx.execute(_REVIEWED, {"ids": [id_ for id_, *_ in rows], "rows": rows})


class _VisitId(NamedTuple):
    facility_id: int
    key: str
    id: int


_MEMBERS = Statement(
    "SELECT visit_id, delivery_id FROM visit_deliveries WHERE visit_id {IN ids}", VisitMember, ids="id bigint"
)
_ADD_PATIENTS = Command(
    "INSERT INTO patients (facility_id, norm) SELECT facility_id, norm FROM {rows} AS v WHERE true "
    "ON CONFLICT DO NOTHING",
    rows="facility_id integer, norm text",
)
_CHANGE_VISITS = Statement(
    "INSERT INTO visits (facility_id, key) SELECT facility_id, key FROM {rows} AS v WHERE true "
    "ON CONFLICT (facility_id, key) DO UPDATE SET changes = visits.changes + 1 RETURNING facility_id, key, id",
    _VisitId,
    rows="facility_id integer, key text",
)
_FORMER = Statement("SELECT DISTINCT visit_id FROM visit_deliveries WHERE delivery_id {IN ids}", int, ids="id bigint")
_LEAVE_VISITS = Command("DELETE FROM visit_deliveries WHERE delivery_id {IN ids}", ids="id bigint")
_FORGET_NUMBERS = Command("DELETE FROM patient_numbers WHERE delivery_id {IN ids}", ids="id bigint")
_JOIN_VISITS = Command(
    "INSERT INTO visit_deliveries (visit_id, delivery_id) SELECT visit_id, delivery_id FROM {rows} AS v WHERE true "
    "ON CONFLICT DO NOTHING",
    rows="visit_id bigint, delivery_id bigint",
)
_ADD_NUMBERS = Command(
    "INSERT INTO patient_numbers (hash, delivery_id) SELECT hash, delivery_id FROM {rows} AS v WHERE true "
    "ON CONFLICT DO NOTHING",
    rows="hash text, delivery_id bigint",
)
_CHANGED = Command("UPDATE visits SET changes = changes + 1 WHERE id {IN ids}", ids="id bigint")
_REVIEWED = Command(
    """
UPDATE visits SET reviewed = v.changes, day = v.day, patient_norm = v.norm, delivery_id = v.delivery_id,
  use_cases = v.use_cases, lacks = v.lacks, lacks_from = v.lacks_from
FROM {rows} AS v WHERE visits.id {IN ids} AND visits.id = v.id AND visits.changes = v.changes
""",
    ids="id bigint",
    rows="id bigint, changes integer, day text, norm text, delivery_id bigint, use_cases text, lacks text, "
    "lacks_from bigint",
)
