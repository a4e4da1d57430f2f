"""Context of templates: the record with its optional fields, the needs, the facility, the operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.specs.record_type import Operation, Spec
from engine.templates.template import Template, TemplateError


@dataclass(frozen=True, slots=True)
class FacilityView:
    """A facility as templates see it; any object with these attributes may be used instead."""

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
    """Return the context of an entry's templates; `facility` is a mapping or has the attributes of FacilityView.

    Templates that read an answer need one more name: `body` or `candidate`.
    """
    return {
        "record": spec.completion(record),
        "needs": {} if needs is None else needs,
        "facility": facility_mapping(facility),
        "operation": operation,
        "reference": reference,
        "tables": spec.tables,
    }


def optional_text(template: Template | None, scope: Mapping[str, Any]) -> str | None:
    """Return what a template makes of a record; None if that is nothing, or the record is older than the template."""
    try:
        value = None if template is None else template.render(scope)
    except TemplateError:
        return None
    return None if value in (None, "") else str(value)


def facility_mapping(facility: Any) -> Mapping[str, Any]:
    """Return the attributes of a facility that templates may see."""
    if isinstance(facility, (dict, Mapping)):  # dict first: the usual case, and cheap to see
        return facility
    return {
        "code": facility.code,
        "name": facility.name,
        "time_zone": facility.time_zone,
        "organization_id": facility.organization_id,
    }
