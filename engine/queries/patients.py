"""Patients: found by norm, words of the name, or a number's keyed hash; with what their newest records tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from engine.database.database import Database
from engine.database.statements import Query, Statement
from engine.database.tables import Delivery, PatientRow
from engine.delivery.search_words import words_of
from engine.outbox.patient_index import matching_norms
from engine.queries.visits import SHOWN, DeliveryOfVisit


class FoundPatient(NamedTuple):
    """A patient whom a search has found; the name is that of the newest record, None if it has none."""

    id: int
    norm: str
    name: str | None
    last: str | None  # day of the newest visit


class TellingRecord(NamedTuple):
    """A record of a patient, of a type that may tell birth date or numbers."""

    spec: str
    patient_name: str | None
    record: str


async def norm_of(database: Database, facility_id: int, id_: int) -> str | None:
    """Return the norm of a patient; None if the facility has no such patient."""
    return await database.first(_NORM, {"facility": facility_id, "id": id_})


async def patient_ids(database: Database, facility_id: int, norms: Sequence[str]) -> dict[str, int]:
    """Return the ids of patients by norm."""
    rows = select(PatientRow.norm, PatientRow.id).where(
        PatientRow.facility_id == facility_id, PatientRow.norm.in_(norms)
    )
    return dict(await database.fetch(Query(rows, _PatientId))) if norms else {}


async def names_of(database: Database, delivery_ids: Sequence[int]) -> dict[int, str]:
    """Return the names of the patients of these deliveries, by id; a delivery without a name is left out."""
    named = select(Delivery.id, Delivery.patient_name).where(
        Delivery.id.in_(delivery_ids), Delivery.patient_name.is_not(None)
    )
    return dict(await database.fetch(Query(named, _PatientName))) if delivery_ids else {}


async def search(
    database: Database, facility_id: int, phrase: str, number_hashes: Sequence[str], limit: int
) -> list[FoundPatient]:
    """Return the patients whose norm or name has words that begin so, or one of whose numbers has such a hash."""
    parameters = {"facility": facility_id, "hashes": list(number_hashes), "most": limit}
    norms = dict.fromkeys(await database.fetch(_BY_NUMBER, parameters))
    if words := words_of(phrase):
        by_words = matching_norms(facility_id, words).limit(limit * MAX_WORDS_OF_ONE)
        norms |= dict.fromkeys(await database.fetch(Query(by_words, str)))
    chosen = list(norms)[:limit]
    rows = await database.fetch(_FOUND, {"facility": facility_id, "norms": chosen}) if chosen else []
    return sorted(rows, key=lambda row: chosen.index(row.norm))


async def telling_records(database: Database, facility_id: int, norm: str, specs: Sequence[str]) -> list[TellingRecord]:
    """Return the newest record of a patient of each of these types, in their order."""
    parameters = {"facility": facility_id, "norm": norm, "specs": list(specs)}
    rows = await database.fetch(_TELLING, parameters) if specs else []
    return sorted(rows, key=lambda row: list(specs).index(row.spec))


async def records_without_visit(database: Database, facility_id: int, norm: str) -> list[DeliveryOfVisit]:
    """Return the newest deliveries of a patient that belong to no visit, such as the patient's own record."""
    return await database.fetch(_WITHOUT_VISIT, {"facility": facility_id, "norm": norm, "most": MAX_OWN})


class _PatientId(NamedTuple):
    norm: str
    id: int


class _PatientName(NamedTuple):
    id: int
    name: str


MAX_OWN = 20  # deliveries without a visit that the page of a patient shows
MAX_WORDS_OF_ONE = 4  # words of one patient's index that one search may find; a norm comes once for each
_NORM = Statement("SELECT norm FROM patients WHERE id = :id AND facility_id = :facility", str)
# A subquery for each number found: in a join, PostgreSQL would rather read all deliveries in the order of DISTINCT.
_BY_NUMBER = Statement(
    """
SELECT norm FROM (
  SELECT DISTINCT (SELECT d.patient_norm FROM deliveries AS d WHERE d.id = n.delivery_id AND d.facility_id = :facility)
    AS norm
  FROM {hashes} AS v JOIN patient_numbers AS n ON n.hash = v.hash
) AS found WHERE norm IS NOT NULL LIMIT :most
""",
    str,
    hashes="hash text",
)
_FOUND = Statement(
    """
SELECT p.id, p.norm,
  (SELECT w.patient_name FROM deliveries AS w WHERE w.facility_id = p.facility_id AND w.patient_norm = p.norm
    AND w.patient_name IS NOT NULL ORDER BY w.spec DESC, w.date DESC, w.id DESC LIMIT 1) AS name,
  (SELECT MAX(s.day) FROM visits AS s WHERE s.facility_id = p.facility_id AND s.patient_norm = p.norm) AS last
FROM {norms} AS v JOIN patients AS p ON p.facility_id = :facility AND p.norm = v.norm
""",
    FoundPatient,
    norms="norm text",
)
_TELLING = Statement(
    """
SELECT d.spec, d.patient_name, d.record FROM {specs} AS v JOIN deliveries AS d ON d.id = (
  SELECT w.id FROM deliveries AS w WHERE w.facility_id = :facility AND w.patient_norm = :norm AND w.spec = v.spec
  ORDER BY w.date DESC, w.id DESC LIMIT 1
)
""",
    TellingRecord,
    specs="spec text",
)
_WITHOUT_VISIT = Statement(
    f"""
SELECT 0 AS visit_id, {SHOWN}
FROM deliveries AS d
WHERE d.facility_id = :facility AND d.patient_norm = :norm
  AND NOT EXISTS (SELECT 1 FROM visit_deliveries AS m WHERE m.delivery_id = d.id)
ORDER BY d.spec, d.date DESC, d.id DESC LIMIT :most
""",
    DeliveryOfVisit,
)
