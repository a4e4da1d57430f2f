"""Fields of a type whose values a rule may replace: none by which records, patients or drugs are told apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from engine.errors import AntarError
from engine.identifiers import masked
from engine.specs.context import context, optional_text
from engine.specs.needs import keys_of_needs
from engine.specs.record_type import Spec
from engine.templates.shapes import branches_of
from engine.templates.template import Template
from engine.value_rules.places import LIST, as_text, replaced, top, values_at

MAX_DEPTH = 6  # of a place
SCALAR_TYPES = ("string", "number", "integer", "boolean")
_READ = re.compile(r"\brecord(?:\.|\[['\"])(\w+)")


class NoRule(StrEnum):
    """Reason for which the value of a field may not be replaced."""

    IDENTITY = "identity"  # it says which record, visit, patient or other record is meant
    CODE = "code"  # the code of a drug or test, which only the mapping may choose
    WITHDRAWAL = "withdrawal"  # it says that the record was handed in by mistake
    UNKNOWN = "unknown"  # the type has no such field


class RecordField(NamedTuple):
    """A field with a single value. `choices` are the values that the schema allows, empty for any of the types."""

    place: str
    types: tuple[str, ...]
    choices: tuple[Any, ...] = ()


def fields_of(spec: Spec, mapped: Collection[str]) -> list[RecordField]:
    """Return the fields whose values may be replaced, in the order of the schema; `mapped` as for `refusal`."""
    fields = _fields(spec.record_schema, spec.record_schema, "", 0)
    return [field for field in fields if not refusal(spec, field, mapped)]


def field_of(spec: Spec, place: str) -> RecordField | None:
    """Return the field at a place, whether its values may be replaced or not; None if the type has none there."""
    return next(
        (field for field in _fields(spec.record_schema, spec.record_schema, "", 0) if field.place == place), None
    )


def refusal(spec: Spec, field: RecordField | None, mapped: Collection[str]) -> NoRule | None:
    """Return why the values of a field may not be replaced; None if they may.

    `mapped` names the code lists of the mappings, whose codes only a mapping may choose.
    """
    if field is None:
        return NoRule.UNKNOWN
    name = top(field.place)
    if name in _mapped_fields(spec):
        return NoRule.CODE
    if name in _identity_fields(spec) or _is_masked(spec, field.place) or _moves_an_example(spec, field):
        return NoRule.IDENTITY
    if spec.withdrawal is not None and name in spec.withdrawal.values:
        return NoRule.WITHDRAWAL
    # A record may also name such a code itself, as that of an allergy names its substance.
    is_mapped = any(code_list in str(system).lower() for system in _systems_beside(spec, field) for code_list in mapped)
    return NoRule.CODE if is_mapped else None


def identity(spec: Spec, record: Mapping[str, Any], facility: Any, reference: str | None = None) -> tuple[Any, ...]:
    """Return all by which a record is told apart: a rule must leave it as it is. Raises AntarError."""
    scope = context(spec, record, facility, reference=reference, operation=spec.operation_for(reference))
    needs = tuple((one.need.name, one.targets) for one in keys_of_needs(spec.needs, scope))
    return (
        tuple(optional_text(template, scope) for template in _own(spec)),
        needs,
        spec.is_withdrawn(scope["record"]),
        tuple(_rendered(template, scope) for template in _addresses(spec)),
    )


def keeps_identity(spec: Spec, before: Mapping[str, Any], after: Mapping[str, Any], facility: Any) -> bool:
    """Return whether a changed record is still that of the same patient, visit and key, and refers to the same."""
    try:
        return identity(spec, before, facility) == identity(spec, after, facility)
    except AntarError:
        return False


def is_identifier(value: Any) -> bool:
    """Return whether a value looks like the number of a person: a NIK, a card or a phone."""
    return masked(str(value)) != str(value)


def _moves_an_example(spec: Spec, field: RecordField) -> bool:
    """Return whether an example has an identifier there, or another value makes another record of the example."""
    facility = {"code": "", "name": "", "time_zone": "Asia/Jakarta", "organization_id": ""}
    for example in (spec.example, *spec.examples.values()):
        if any(is_identifier(value) for value in values_at(example, field.place)):
            return True
        values = {as_text(value): other_value(field, value) for value in values_at(example, field.place)}
        if values and not keeps_identity(spec, example, replaced(example, field.place, values), facility):
            return True
    return False


def other_value(field: RecordField, value: Any) -> Any:
    """Return another value of the same kind, to see what depends on it."""
    other = next((choice for choice in field.choices if choice != value), None)
    if other is not None:
        return other
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value or ''}x"


def _own(spec: Spec) -> tuple[Template | None, ...]:
    """Return the templates of what identifies a record and its patient."""
    patient = (spec.patient_norm, spec.patient_name, spec.patient_birth_date)
    numbers = (number.value for number in spec.patient_numbers)
    return (spec.key, spec.date, spec.sequence, spec.visit, *patient, *numbers)


def _addresses(spec: Spec) -> Iterator[Template]:
    """Yield the templates of addresses and searches that only see the record."""
    for request in (spec.endpoint, spec.find):
        if request is not None:
            yield request.path
            if request.query is not None:
                yield request.query


def _rendered(template: Template, scope: Mapping[str, Any]) -> Any:
    """Return what a template makes of a record; None if it needs more than that, as the reference of another record."""
    try:
        return template.render(scope)
    except AntarError:
        return None


def fields_read(*templates: Template | None) -> set[str]:
    """Return the fields of the record that templates read."""
    return {name for template in templates if template is not None for name in _READ.findall(template.text)}


def _mapped_fields(spec: Spec) -> set[str]:
    """Return the fields from which the items of mappings are read."""
    mapped = (need for need in spec.needs if need.mapping is not None)
    return fields_read(*(part for need in mapped for part in (need.key, need.each, need.when)))


def _identity_fields(spec: Spec) -> set[str]:
    """Return the fields of which key, day, visit, patient and needs are made, and those by which a search decides."""
    needs = (part for need in spec.needs for part in (need.key, need.each, need.when))
    matched = (spec.find.match,) if spec.find is not None else ()
    return fields_read(*_own(spec), *needs, *matched)


def _is_masked(spec: Spec, place: str) -> bool:
    steps: list[str | None] = []
    for name in place.split("."):
        steps += [name.removesuffix(LIST), None] if name.endswith(LIST) else [name]
    return tuple(steps) in spec.masked


def _systems_beside(spec: Spec, field: RecordField) -> Iterator[Any]:
    """Yield the code systems that the schema allows for a field and the fields beside it."""
    home = field.place.rpartition(".")[0]
    for other in _fields(spec.record_schema, spec.record_schema, "", 0):
        if home and other.place == f"{home}.system":
            yield from other.choices


def _fields(schema: Any, root: Mapping[str, Any], place: str, depth: int) -> Iterator[RecordField]:
    """Yield the fields below a place that hold single values."""
    branches = branches_of(schema, root)
    declared: dict[str, list[Any]] = {}
    for branch in branches:
        properties = branch.get("properties")
        for name, inner in properties.items() if isinstance(properties, Mapping) else ():
            declared.setdefault(name, []).append(inner)
    for name, schemas in declared.items():
        yield from _field(schemas, root, f"{place}.{name}" if place else name, depth + 1)


def _field(schemas: Sequence[Any], root: Mapping[str, Any], place: str, depth: int) -> Iterator[RecordField]:
    branches = [branch for schema in schemas for branch in branches_of(schema, root)]
    items = [branch["items"] for branch in branches if isinstance(branch.get("items"), Mapping)]
    if depth >= MAX_DEPTH:
        return
    if items:
        yield from _field(items, root, f"{place}{LIST}", depth + 1)
    elif any("properties" in branch for branch in branches):
        yield from _fields({"allOf": list(schemas)}, root, place, depth)
    elif (types := _types(branches)) or any("enum" in branch for branch in branches):
        choices = next((tuple(branch["enum"]) for branch in branches if "enum" in branch), ())
        yield RecordField(place, types or ("string",), choices)


def _types(branches: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    declared = [branch["type"] for branch in branches if "type" in branch]
    names = [name for types in declared for name in (types if isinstance(types, list) else [types])]
    return tuple(dict.fromkeys(name for name in names if name in SCALAR_TYPES))
