"""Renders the payload of a stored delivery without sending it; missing references become placeholders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from engine.catalog.reading.render import placeholders
from engine.database.database import Database
from engine.errors import AntarError
from engine.facilities.facilities import FacilityRow
from engine.mapping.confirmed_codes import Mappings
from engine.sending.references import look_up
from engine.specs.context import context
from engine.specs.needs import Target, keys_of_needs, resolve, targets_of
from engine.specs.record_type import Operation, Reference, Spec
from engine.value_rules.active import rules_of
from engine.value_rules.rules import ActiveRule, applied

Renderer = Callable[[Mapping[str, Any]], Any]  # from a record to its payload


class StoredRecord(Protocol):
    """A stored delivery, or the columns of it that its payload is made from."""

    @property
    def facility_id(self) -> int: ...

    @property
    def record(self) -> str: ...

    @property
    def reference(self) -> str | None: ...


async def payload_of(
    database: Database,
    mappings: Mappings,
    spec: Spec,
    row: StoredRecord,
    facility: FacilityRow,
    operation: Operation | None = None,
    rules: Sequence[ActiveRule] | None = None,
) -> Any:
    """Return the payload of a delivery as of now; a need that has no reference yet shows as "<type key>".

    `operation` asks for another operation than the one that is due: the create that was sent long ago, as the entry
    would make it now. `rules` are those of the facility and type that replace values, None to read them. None for a
    type that is only looked up. Raises TemplateError and AntarError if the entry cannot make the payload.
    """
    operation = operation or spec.operation_for(row.reference)
    if spec.payload_for(operation) is None:
        return None
    if rules is None:
        rules = await rules_of(database, facility.id, spec.name)
    record = orjson.loads(row.record)
    renderer = await payload_renderer(database, mappings, spec, row, facility, operation)
    return renderer(applied(spec, record, rules, facility)[0])


async def payload_renderer(
    database: Database,
    mappings: Mappings,
    spec: Spec,
    row: StoredRecord,
    facility: FacilityRow,
    operation: Operation,
) -> Renderer:
    """Return a function that renders the payload of a delivery from a record with the same needs as the stored one."""
    one = _PreparedPayload(spec, row, facility, operation)
    return one.renderer((await look_up(database, one.targets(), mappings)).known)


async def payload_renderers(
    database: Database, mappings: Mappings, spec: Spec, rows: Sequence[StoredRecord], facility: FacilityRow
) -> list[Renderer | AntarError]:
    """Return such a function for each delivery, or why there is none; the needs of all are looked up at once."""
    prepared: list[_PreparedPayload | AntarError] = []
    for row in rows:
        try:
            prepared.append(_PreparedPayload(spec, row, facility, spec.operation_for(row.reference)))
        except AntarError as error:
            prepared.append(error)
    targets = [target for one in prepared if isinstance(one, _PreparedPayload) for target in one.targets()]
    known = (await look_up(database, targets, mappings)).known
    return [one.renderer(known) if isinstance(one, _PreparedPayload) else one for one in prepared]


class _PreparedPayload:
    """A delivery whose needs are known by their keys; raises AntarError if these cannot be made."""

    def __init__(self, spec: Spec, row: StoredRecord, facility: FacilityRow, operation: Operation) -> None:
        self._spec = spec
        self._facility = facility
        self._facility_id = row.facility_id
        self._operation = operation
        self._reference = row.reference if operation == "update" else None
        self._needs = keys_of_needs(spec.needs_for(operation), self._scope_of(orjson.loads(row.record)))

    def targets(self) -> list[Target]:
        return targets_of(self._needs, self._facility_id)

    def renderer(self, known: Mapping[Target, Reference]) -> Renderer:
        references = {**known, **placeholders(self._needs, self._facility_id, known)}
        values = resolve(self._needs, self._spec.needs, self._facility_id, references).values
        tree = self._spec.payload_for(self._operation)

        def render(record: Mapping[str, Any]) -> Any:
            return None if tree is None else tree.render(self._scope_of(record) | {"needs": values})

        return render

    def _scope_of(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return context(self._spec, record, self._facility, reference=self._reference, operation=self._operation)
