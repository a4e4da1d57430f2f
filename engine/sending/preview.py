"""What would be sent for a record, with placeholders for the references of other deliveries; nothing is sent."""

from __future__ import annotations

from typing import Any

import orjson

from engine.catalog.reading.render import placeholders
from engine.database.database import Database
from engine.mapping.confirmed_codes import Mappings
from engine.sending.references import look_up
from engine.specs.context import context
from engine.specs.needs import resolve, targets_of, wanted
from engine.specs.record_type import Operation, Spec


async def payload_of(
    database: Database,
    mappings: Mappings,
    spec: Spec,
    row: Any,
    facility: Any,
    operation: Operation | None = None,
) -> Any:
    """What would be sent for a stored delivery now; a need that has no reference yet shows as "<type key>".

    `operation` asks for another than the one that is due: the create that was sent long ago, as it would be made now.

    Null for a type that is only looked up. Raises TemplateError and AntarError where the entry cannot make it.
    """
    operation = operation or spec.operation_for(row.reference)
    tree = spec.payload_for(operation)
    if tree is None:
        return None
    reference = row.reference if operation == "update" else None
    scope = context(spec, orjson.loads(row.record), facility, reference=reference, operation=operation)
    wants = wanted(spec.needs_for(operation), scope)
    known = await look_up(database, targets_of(wants, row.facility_id), mappings)
    known |= placeholders(wants, row.facility_id, known)
    return tree.render(scope | {"needs": resolve(wants, spec.needs, row.facility_id, known).values})
