"""Renders the payload of a stored delivery without sending it; missing references become placeholders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from engine.catalog.reading.render import placeholders
from engine.database.database import Database
from engine.facilities.facilities import FacilityRow
from engine.mapping.confirmed_codes import Mappings
from engine.sending.references import look_up
from engine.specs.context import context
from engine.specs.needs import keys_of_needs, resolve, targets_of
from engine.specs.record_type import Operation, Spec
from engine.value_rules.active import rules_of
from engine.value_rules.rules import ActiveRule, applied


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
) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function that renders the payload of a delivery from a record with the same needs as the stored one."""
    reference = row.reference if operation == "update" else None

    def scope_of(record: Mapping[str, Any]) -> dict[str, Any]:
        return context(spec, record, facility, reference=reference, operation=operation)

    needs = keys_of_needs(spec.needs_for(operation), scope_of(orjson.loads(row.record)))
    references = (await look_up(database, targets_of(needs, row.facility_id), mappings)).known
    references |= placeholders(needs, row.facility_id, references)
    values = resolve(needs, spec.needs, row.facility_id, references).values
    tree = spec.payload_for(operation)

    def render(record: Mapping[str, Any]) -> Any:
        return None if tree is None else tree.render(scope_of(record) | {"needs": values})

    return render
