"""Deliveries that depend on a record: those of its patient that need it to be created, directly or through others.

Of a record without a patient, such as a room: those of any patient that refer to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from engine.database.database import Database
from engine.database.statements import Statement
from engine.errors import AntarError
from engine.specs.context import context
from engine.specs.needs import keys_of_needs
from engine.specs.record_type import Spec
from engine.time_slice import TimeSlice

MAX_RECORDS = 5_000  # of one patient, or that may refer to a record without a patient; the newest are searched


class DependentDelivery(NamedTuple):
    """A delivery that depends on the record; `reference` None: the upstream does not have it."""

    id: int
    spec: str
    key: str
    reference: str | None
    withdrawn_at: int | None
    record: str


class Dependents(NamedTuple):
    """Deliveries that depend on a record. `complete` False: there may be more, which were not searched.

    `of_patient` False: they only refer to it, stay true without it, and are not withdrawn along with it.
    """

    deliveries: Sequence[DependentDelivery]
    complete: bool
    of_patient: bool = True

    @property
    def sent(self) -> list[DependentDelivery]:
        """Return those that the upstream has and that were not withdrawn."""
        return [one for one in self.deliveries if one.reference is not None and one.withdrawn_at is None]

    def withdrawable(self, specs: Mapping[str, Spec]) -> list[DependentDelivery]:
        """Return those that can be withdrawn along with the record."""
        return [one for one in self.sent if self.of_patient and specs[one.spec].withdrawal is not None]

    @property
    def unsent(self) -> list[DependentDelivery]:
        """Return those that the upstream does not have."""
        return [one for one in self.deliveries if one.reference is None]


async def dependents_of(
    database: Database, specs: Mapping[str, Spec], facility: Any, target: tuple[str, str], norm: str | None
) -> Dependents:
    """Return what depends on the record `target` (type, key) of the patient with this medical record number.

    Without a number, return what refers to the record itself.
    """
    if norm is None:
        return await _referring(database, specs, facility, target)
    types = _types(specs, target[0])
    if not types:
        return Dependents((), complete=True)
    parameters = {"facility": facility.id, "norm": norm, "specs": sorted(types), "limit": MAX_RECORDS + 1}
    rows = await database.fetch(_OF_PATIENT, parameters)
    needing = await _by_needed(specs, facility, rows[:MAX_RECORDS])
    return Dependents(_reached(target, needing), complete=len(rows) <= MAX_RECORDS)


async def _referring(
    database: Database, specs: Mapping[str, Spec], facility: Any, target: tuple[str, str]
) -> Dependents:
    types = [name for name, spec in specs.items() if _needs(spec, {target[0]})]
    limit = MAX_RECORDS // max(1, len(types))
    found, complete = list[DependentDelivery](), True
    for name in types:
        rows = await database.fetch(_OF_TYPE, {"facility": facility.id, "spec": name, "limit": limit + 1})
        needing = await _by_needed(specs, facility, rows[:limit])
        found += [row for row in needing.get(target, ()) if (row.spec, row.key) != target]
        complete = complete and len(rows) <= limit
    return Dependents(found, complete, of_patient=False)


async def _by_needed(
    specs: Mapping[str, Spec], facility: Any, rows: Sequence[DependentDelivery]
) -> Mapping[tuple[str, str], Sequence[DependentDelivery]]:
    """Return the deliveries by each record (type, key) that they need."""
    needing: dict[tuple[str, str], list[DependentDelivery]] = defaultdict(list)
    time_slice = TimeSlice()
    for row in rows:
        await time_slice.pause()
        for needed in _needed(specs[row.spec], row, facility):
            needing[needed].append(row)
    return needing


def _types(specs: Mapping[str, Spec], name: str) -> set[str]:
    """Return the types whose records may depend on records of a type."""
    types, reached = set[str](), {name}
    while reached:
        reached = {spec.name for spec in specs.values() if spec.name not in types and _needs(spec, reached)}
        types |= reached
    return types


def _needs(spec: Spec, names: Collection[str]) -> bool:
    """Return whether records of a type may need records of one of these types to be created."""
    return any(set(names).intersection(need.specs) for need in spec.needs_for("create"))


def _needed(spec: Spec, row: DependentDelivery, facility: Any) -> Iterable[tuple[str, str]]:
    """Return (type, key) of each record that a delivery needs; none of a record that its entry cannot read."""
    try:
        needs = keys_of_needs(spec.needs_for("create"), context(spec, orjson.loads(row.record), facility))
    except AntarError:
        return []
    return [(name, key) for one in needs for key, _ in one.targets for name in one.need.specs]


def _reached(
    target: tuple[str, str], needing: Mapping[tuple[str, str], Sequence[DependentDelivery]]
) -> list[DependentDelivery]:
    """Return what needs the target, and what needs that; what needs the target itself comes last."""
    found: dict[tuple[str, str], DependentDelivery] = {}
    level = [target]
    while level:
        new = {(row.spec, row.key): row for one in level for row in needing.get(one, ())}
        level = [name for name in new if name not in found and name != target]
        found |= {name: new[name] for name in level}
    return list(reversed(found.values()))


_OF_PATIENT = Statement(
    """
SELECT id, spec, key, reference, withdrawn_at, record FROM deliveries
WHERE facility_id = :facility AND patient_norm = :norm AND spec IN (SELECT spec FROM {specs} AS v)
ORDER BY id DESC LIMIT :limit
""",
    DependentDelivery,
    specs="spec text",
)
_OF_TYPE = Statement(
    """
SELECT id, spec, key, reference, withdrawn_at, record FROM deliveries
WHERE facility_id = :facility AND spec = :spec ORDER BY date DESC, id DESC LIMIT :limit
""",
    DependentDelivery,
)
