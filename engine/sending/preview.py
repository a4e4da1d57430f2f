"""Renders the payload of a stored delivery without sending it; missing references become placeholders."""

from __future__ import annotations

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
) -> Any:
    """Return the payload of a delivery as of now; a need that has no reference yet shows as "<type key>".

    `operation` asks for another operation than the one that is due: the create that was sent long ago, as the entry
    would make it now. None for a type that is only looked up. Raises TemplateError and AntarError if the entry cannot
    make the payload.
    """
    operation = operation or spec.operation_for(row.reference)
    tree = spec.payload_for(operation)
    if tree is None:
        return None
    reference = row.reference if operation == "update" else None
    scope = context(spec, orjson.loads(row.record), facility, reference=reference, operation=operation)
    needs = keys_of_needs(spec.needs_for(operation), scope)
    references = (await look_up(database, targets_of(needs, row.facility_id), mappings)).known
    references |= placeholders(needs, row.facility_id, references)
    return tree.render(scope | {"needs": resolve(needs, spec.needs, row.facility_id, references).values})
