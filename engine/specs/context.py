"""What templates see: the record completed, the needs, the facility, the operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.specs.record_type import Operation, Spec


@dataclass(frozen=True, slots=True)
class FacilityView:
    """A facility as templates see it; anything with these attributes will do in its place."""

    code: str
    name: str
    # IANA name, e.g. Asia/Jakarta.
    time_zone: str
    organization_id: str


def context(
    spec: Spec,
    record: Mapping[str, Any],
    facility: Any,
    needs: Mapping[str, Any] | None = None,
    reference: str | None = None,
    operation: Operation = "create",
) -> dict[str, Any]:
    """The context of an entry's templates; `facility` is a mapping or an object with FacilityView's attributes.

    Templates of answers need one name more: `body` or `candidate`.
    """
    return {
        "record": spec.completion(record),
        "needs": {} if needs is None else needs,
        "facility": facility_mapping(facility),
        "operation": operation,
        "reference": reference,
        "tables": spec.tables,
    }


def facility_mapping(facility: Any) -> Mapping[str, Any]:
    """Only what templates may see of a facility."""
    if isinstance(facility, Mapping):
        return facility
    return {
        "code": facility.code,
        "name": facility.name,
        "time_zone": facility.time_zone,
        "organization_id": facility.organization_id,
    }
