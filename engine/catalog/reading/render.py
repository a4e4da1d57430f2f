"""Renders payloads without a database, with placeholders for references of other deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.base import Problem
from engine.catalog.reading.record_schema import Validator
from engine.errors import AntarError
from engine.specs.checks import refusals
from engine.specs.context import FacilityView, context
from engine.specs.needs import NeedKeys, Target, keys_of_needs, resolve
from engine.specs.record_type import Operation, Reference, Spec

EXAMPLE_FACILITY = FacilityView("KLINIK", "Klinik Contoh", "Asia/Jakarta", "10000004")

_NO_FACILITY = 0


class NotARecord(AntarError):
    """The record is refused by the entry's schema or checks; str() has one line per problem."""


def render(
    spec: Spec,
    record: Mapping[str, Any] | None = None,
    facility: Any = EXAMPLE_FACILITY,
    operation: Operation = "create",
) -> Any:
    """Return the payload of a record, by default of the entry's example; for a lookup its path and query.

    Raises NotARecord, TemplateError.
    """
    record = spec.example if record is None else record
    if problems := problems_of(spec, record, facility):
        raise NotARecord("\n".join(f"{problem.path}: {problem.message}" for problem in problems))
    scope = placeholder_context(spec, record, facility, operation)
    tree = spec.payload_for(operation)
    if tree is not None:
        return tree.render(scope)
    request = spec.endpoint or spec.find
    assert request is not None, "the loader refuses an entry without both"  # noqa: S101
    return {"path": request.path.render(scope), "query": request.query.render(scope) if request.query else {}}


def problems_of(spec: Spec, record: Mapping[str, Any], facility: Any = EXAMPLE_FACILITY) -> list[Problem]:
    """Return why a record is refused at intake, by the schema or else by the checks; raises TemplateError."""
    return Validator(spec.record_schema).problems(record) or refusals(spec, context(spec, record, facility))


def placeholder_context(
    spec: Spec, record: Mapping[str, Any], facility: Any = EXAMPLE_FACILITY, operation: Operation = "create"
) -> dict[str, Any]:
    """Return a context in which every need has the reference "<type key>". Raises TemplateError."""
    reference = f"<{spec.name}>" if operation == "update" else None
    scope = context(spec, record, facility, reference=reference, operation=operation)
    scope |= spec.find.paging() if spec.find is not None else {}
    needs = keys_of_needs(spec.needs_for(operation), scope)
    references = placeholders(needs, _NO_FACILITY, {})
    return scope | {"needs": resolve(needs, spec.needs, _NO_FACILITY, references).values}


def placeholders(
    needs: Iterable[NeedKeys], facility_id: int, references: Mapping[Target, Reference]
) -> dict[Target, Reference]:
    """Return a placeholder "<type key>" for each need without a reference, named after the first of its types."""
    return {
        (facility_id, one.need.specs[0], key): one.need.example or Reference(f"<{one.need.specs[0]} {key}>")
        for one in needs
        for key, _ in one.targets
        if not any((facility_id, spec, key) in references for spec in one.need.specs)
    }
