"""Looks up the references of other deliveries, and the codes of mapped items, that a payload needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Statement
from engine.mapping.confirmed_codes import Mappings, codes_of
from engine.outbox.waits import IS_SET_ASIDE
from engine.specs.needs import Target
from engine.specs.record_type import Reference


class References(NamedTuple):
    """References of those targets that have one, and the targets that were withdrawn, with or without a reference.

    What is set aside because of a withdrawn record counts as withdrawn too.
    """

    known: dict[Target, Reference]
    withdrawn: frozenset[Target]

    def standing(self) -> dict[Target, Reference]:
        """Return the references of targets that were not withdrawn."""
        return {target: reference for target, reference in self.known.items() if target not in self.withdrawn}


async def look_up(database: Database, targets: Iterable[Target], mappings: Mappings) -> References:
    """Look up the references of the targets: one query for all, and one for each mapping."""
    unique = set(targets)
    codes: dict[Target, Reference] = {}
    for item in {spec for _, spec, _ in unique if spec in mappings}:
        codes |= await codes_of(database, mappings[item], sorted([t for t in unique if t[1] == item]))
    found = await _references(database, sorted([t for t in unique if t[1] not in mappings]))
    return found._replace(known=codes | found.known)


async def _references(database: Database, unique: Sequence[Target]) -> References:
    rows = await database.fetch(_REFERENCES, {"rows": unique}) if unique else []
    return References(
        {(row.facility_id, row.spec, row.key): Reference(row.reference) for row in rows if row.reference is not None},
        frozenset((row.facility_id, row.spec, row.key) for row in rows if row.is_withdrawn),
    )


class _Reference(NamedTuple):
    facility_id: int
    spec: str
    key: str
    reference: str | None
    is_withdrawn: bool


# Without `reference IS NOT NULL`: with it PostgreSQL may use the partial index on it when its statistics are old,
# with the facility as the only condition, and read everything that the clinic ever sent.
_REFERENCES = Statement(
    f"SELECT d.facility_id, d.spec, d.key, d.reference, d.withdrawn_at IS NOT NULL OR {IS_SET_ASIDE} AS is_withdrawn "
    "FROM {rows} AS v JOIN deliveries AS d ON d.facility_id = v.facility_id AND d.spec = v.spec AND d.key = v.key",
    _Reference,
    rows="facility_id integer, spec text, key text",
)
